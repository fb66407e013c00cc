//! Lists: all pages, and how long one is used.

use serde_json::json;

use super::dashboard::Paging;
use super::*;
use crate::domain::entity::{Lookup, OrganizationChange};
use crate::domain::fault::FaultKind;

fn many(scene: &Scene, count: usize) {
    let all = (0..count).map(|n| json!({ "id": format!("{n:024x}"), "owner_name": format!("org-{n}") }));
    scene.world().organizations.extend(all);
}

async fn names(scene: &Scene) -> Result<Vec<String>, Error> {
    let page = scene.organizations().list(&(), None).await?;
    Ok(page.records.into_iter().map(|record| record.name).collect())
}

#[tokio::test]
async fn no_organisation_is_hidden_however_a_server_pages() {
    for paging in [Paging::AsDocumented, Paging::AllAndCounted, Paging::FirstPage, Paging::Nothing] {
        for count in [0, 1, 9, 10, 11, 20, 21, 35] {
            let scene = Scene::new();
            scene.world().paging = paging;
            many(&scene, count);
            let mut found = names(&scene).await.unwrap();
            found.sort();
            found.dedup();
            assert_eq!(found.len(), count, "{paging:?}");
            assert_eq!(scene.organizations().list(&(), None).await.unwrap().records.len(), count, "{paging:?}: twice");
        }
    }
}

#[tokio::test]
async fn ten_thousand_come_in_one_request_where_the_server_can() {
    let scene = Scene::new();
    many(&scene, 10_000);
    assert_eq!(names(&scene).await.unwrap().len(), 10_000);
    assert_eq!(scene.world().asked, ["GET /admin/organisations?p=-1"]);
    scene.pass(31);
    scene.world().paging = Paging::AllAndCounted;
    assert_eq!(names(&scene).await.unwrap().len(), 10_000);
    assert_eq!(scene.world().asked.len(), 3, "one page tells that the list was whole");
}

#[tokio::test]
async fn a_server_that_always_shows_the_first_page_is_not_believed() {
    let scene = Scene::new();
    scene.world().paging = Paging::Stuck;
    many(&scene, 10);
    assert_eq!(names(&scene).await.unwrap().len(), 10);
    many(&scene, 1);
    scene.pass(31);
    assert_eq!(names(&scene).await.unwrap_err().kind, FaultKind::Unavailable(None));
    let refused = scene.organizations().create(organization("acme")).await.unwrap_err();
    assert_eq!(refused.kind, FaultKind::Unavailable(None), "it might be there, on a page that is hidden");
    assert_eq!(scene.world().writes(), 0);
}

#[tokio::test]
async fn what_is_no_list_is_no_empty_one() {
    let null = Scene::new();
    null.world().faults.push((Method::GET, "/organisations", Fault::Answers(200, r#"{"organisations":null}"#)));
    assert_eq!(names(&null).await.unwrap(), [""; 0]);
    for (status, body) in [
        (200, r#"{"Status":"Error","Message":"Failed to unmarshal orgs data from Tyk API","Meta":null}"#),
        (200, "{}"),
        (200, "[]"),
        (200, r#"{"organisations":[{"owner_name":"without an id"}]}"#),
        (404, r#"{"Status":"Error","Message":"Could not retrieve Organisations","Meta":null}"#),
    ] {
        let scene = Scene::new();
        scene.world().faults.push((Method::GET, "/organisations", Fault::Answers(status, body)));
        let refused = scene.organizations().create(organization("acme")).await.unwrap_err();
        assert_eq!(refused.kind, FaultKind::Unavailable(None), "{body}");
        assert_eq!(scene.world().writes(), 0);
    }
}

#[tokio::test]
async fn one_list_serves_all_for_half_a_minute() {
    let scene = Scene::new();
    many(&scene, 20);
    let lists = |scene: &Scene| scene.world().count("GET /admin/organisations?p=-1");
    let lookups: Vec<_> = (0..20).map(|n| Lookup::Name(format!("org-{n}"))).collect();
    let finds = lookups.iter().map(|lookup| scene.organizations().find(&(), lookup));
    for found in futures::future::join_all(finds).await {
        assert_eq!(found.unwrap().len(), 1);
    }
    assert_eq!((lists(&scene), scene.world().asked.len()), (1, 1));
    scene.pass(29);
    scene.organizations().find(&(), &lookups[0]).await.unwrap();
    assert_eq!(lists(&scene), 1);
    scene.pass(1);
    scene.organizations().find(&(), &lookups[0]).await.unwrap();
    assert_eq!(lists(&scene), 2);
    // Whoever wants the whole list gets a new one, which then serves the others.
    names(&scene).await.unwrap();
    scene.organizations().find(&(), &lookups[0]).await.unwrap();
    assert_eq!(lists(&scene), 3);
    // A clock that was set back makes no list young.
    *scene.now.lock().unwrap() = Timestamp::UNIX_EPOCH;
    scene.organizations().find(&(), &lookups[0]).await.unwrap();
    assert_eq!(lists(&scene), 4);
}

#[tokio::test]
async fn an_id_that_a_list_lacks_is_asked_for_before_it_counts_as_gone() {
    let scene = Scene::new();
    names(&scene).await.unwrap();
    many(&scene, 1);
    let id = scene.world().organizations[0]["id"].as_str().unwrap().to_owned();
    let found = scene.organizations().find(&(), &Lookup::Id(id)).await.unwrap();
    assert_eq!(found.len(), 1);
}

#[tokio::test]
async fn those_who_wait_for_a_fresh_list_share_one_that_begins_after_they_came() {
    let scene = Scene::new();
    let made = futures::future::join_all(
        (0..20).map(async |n| scene.organizations().create(organization(&format!("new-{n}"))).await),
    )
    .await;
    assert!(made.iter().all(Result::is_ok));
    assert_eq!(scene.world().organizations.len(), 20);
    let lists = scene.world().count("GET /admin/organisations?p=-1");
    assert!(lists <= 3, "{lists} lists for 20 that were made at once");
    // One after another: each looks for itself.
    for n in 20..23 {
        scene.organization(&format!("new-{n}")).await;
    }
    assert_eq!(scene.world().count("GET /admin/organisations?p=-1"), lists + 3);
}

#[tokio::test]
async fn what_was_written_is_in_the_list_at_once() {
    let scene = Scene::new();
    names(&scene).await.unwrap();
    let made = scene.organization("acme").await;
    assert_eq!(names(&scene).await.unwrap(), ["acme"]);
    let owner = Some(Some("cluster/team/other".to_owned()));
    let change = OrganizationChange { owner, ..OrganizationChange::default() };
    scene.organizations().update(&(), &made.id, &change).await.unwrap();
    let found = scene.organizations().find(&(), &Lookup::Owner("cluster/team/other".to_owned())).await.unwrap();
    assert_eq!(found.len(), 1);
    scene.organizations().delete(&(), &made.id).await.unwrap();
    assert_eq!(names(&scene).await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn a_list_is_not_used_after_a_write_that_nobody_saw_the_end_of() {
    let scene = Scene::new();
    let made = scene.organization("acme").await;
    let lists = |scene: &Scene| scene.world().count("GET /admin/organisations?p=-1");
    let before = lists(&scene);
    scene.world().faults.push((Method::DELETE, "", Fault::LosesAnswer));
    scene.organizations().delete(&(), &made.id).await.unwrap_err();
    // The caller gives up in the middle: the same.
    assert_eq!(names(&scene).await.unwrap(), [""; 0]);
    assert_eq!(lists(&scene), before + 1);
    let other = scene.organization("other").await;
    let before = lists(&scene);
    {
        let delete = scene.organizations().delete(&(), &other.id);
        futures::pin_mut!(delete);
        assert!(futures::poll!(&mut delete).is_pending());
    }
    names(&scene).await.unwrap();
    assert_eq!(lists(&scene), before + 1);
    // And a list that fails leaves no older one in its place.
    scene.world().faults.push((Method::DELETE, "", Fault::Answers(500, "")));
    scene.organizations().delete(&(), &other.id).await.unwrap_err();
    scene.world().faults.push((Method::GET, "/organisations", Fault::Answers(500, "")));
    names(&scene).await.unwrap_err();
    let before = lists(&scene);
    names(&scene).await.unwrap();
    assert_eq!(lists(&scene), before + 1);
}
