//! Whatever comes first, the end is the same: resources applied in all orders, and deleted in all orders.

use futures::StreamExt as _;
use futures::stream;
use serde_json::{Value, json};

use super::support::{Cluster, Contents, Operator, namespace};

/// Orders that are gone through at once.
const AT_ONCE: usize = 12;

/// Five resources that refer to each other; `case` keeps them apart from the other cases' in the same namespace. Without
/// key pairs, which cost seconds and add nothing here.
fn resources(case: usize) -> [Value; 5] {
    let name = format!("case-{case}");
    let (person, machine) = (format!("{name}-person"), format!("{name}-machine"));
    let organization = json!({ "platformRef": { "name": name }, "deletionPolicy": "Delete" });
    let ada = json!({ "organizationRef": { "name": name }, "type": "Person", "email": "ada@acme.example" });
    let ci = json!({ "organizationRef": { "name": name }, "type": "Machine" });
    [
        json!({ "kind": "Platform", "metadata": { "name": name }, "spec": { "embedded": {} } }),
        json!({ "kind": "Organization", "metadata": { "name": name }, "spec": organization }),
        json!({ "kind": "User", "metadata": { "name": person }, "spec": ada }),
        json!({ "kind": "User", "metadata": { "name": machine }, "spec": ci }),
        json!({ "kind": "Token", "metadata": { "name": name }, "spec": { "userRef": { "name": machine } } }),
    ]
}

/// All orders of five things.
fn orders() -> Vec<Vec<usize>> {
    fn extend(order: &[usize], all: &mut Vec<Vec<usize>>) {
        if order.len() == 5 {
            all.push(order.to_vec());
        }
        for next in (0..5).filter(|next| !order.contains(next)) {
            extend(&[order, &[next]].concat(), all);
        }
    }
    let mut all = Vec::new();
    extend(&[], &mut all);
    all
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[tokio::test]
async fn any_order_of_applying_and_of_deleting_ends_well() {
    let namespace = namespace("orders");
    let mut operator = Operator::start(&[&namespace], &[]).await;
    let cluster = Cluster::of(&namespace).await;
    let orders = orders();
    assert_eq!(orders.len(), 120);

    let applied = stream::iter(orders.iter().enumerate()).for_each_concurrent(AT_ONCE, async |(case, order)| {
        let resources = resources(case);
        for &index in order {
            cluster.apply_one(&resources[index]).await;
        }
    });
    applied.await;
    operator.wait_all_ready(&cluster, 5 * orders.len()).await;
    operator.stop().await;
    let contents = Contents::read(&operator).await;
    assert_eq!(contents.organizations.len(), orders.len());
    for (case, order) in orders.iter().enumerate() {
        let name = format!("case-{case}");
        let organization = contents.organization(&name);
        let users: Vec<(&str, usize)> =
            organization.users.iter().map(|user| (user.username.as_str(), user.tokens.len())).collect();
        assert_eq!(users, [(&*format!("{name}-machine"), 1), (&*format!("{name}-person"), 0)], "{order:?}");
    }
    let warnings: Vec<_> = cluster.events().await.into_iter().filter(|(type_, ..)| type_ != "Normal").collect();
    assert_eq!(warnings, [], "what waits for others is no reason to warn");

    operator.run().await;
    let deleted = stream::iter(orders.iter().rev().enumerate()).for_each_concurrent(AT_ONCE, async |(case, order)| {
        let resources = resources(case);
        for &index in order {
            let resource = &resources[index];
            cluster.delete(text(&resource["kind"]), text(&resource["metadata"]["name"])).await;
        }
    });
    deleted.await;
    operator.wait_all_gone(&cluster).await;
    operator.stop().await;
    let contents = Contents::read(&operator).await;
    assert!(contents.organizations.is_empty(), "left behind: {contents:#?}");
}
