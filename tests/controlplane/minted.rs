//! A token that was minted and never stored: the moment between the platform's answer and the Secret, held open by an
//! admission policy that lets the dry-run of the Secret pass and refuses the real one.

use super::support::{Cluster, Contents, Operator, PATIENCE, Refusal, eventually, namespace, quickstart};

#[tokio::test]
async fn a_token_that_a_killed_operator_never_stored_is_revoked_and_minted_anew() {
    let namespace = namespace("minted");
    let mut operator = Operator::start(&[&namespace], &[]).await;
    let cluster = Cluster::of(&namespace).await;
    let refusal = Refusal::of_stores(&cluster, "ci-token").await;
    for manifest in quickstart() {
        cluster.apply_one(&manifest).await;
    }
    // Quicker than the audit log: after some seconds it takes the token back and mints another.
    let refused = eventually("the Secret is refused", PATIENCE, async || {
        if operator.log().contains("Secret not written: trying again") { Ok(()) } else { Err(operator.log_tail()) }
    });
    refused.await.unwrap();
    operator.kill();

    let live = async |operator: &Operator| {
        let contents = Contents::read(operator).await;
        contents.organization("acme").users.iter().flat_map(|user| user.tokens.clone()).collect::<Vec<_>>()
    };
    let lost = live(&operator).await;
    assert_eq!((lost.len(), cluster.secret("ci-token").await), (1, None), "killed between the two");

    refusal.lift().await;
    operator.run().await;
    operator.wait_all_ready(&cluster, 5).await;
    assert!(operator.is_active(&cluster.value("ci-token", "token").await).await);
    operator.stop().await;
    let id = cluster.get("Token", "ci").await.unwrap()["status"]["externalID"].as_str().unwrap().to_owned();
    assert_eq!(live(&operator).await, [id.as_str()], "{lost:?} was lost");
    assert_ne!(lost, [id]);
}
