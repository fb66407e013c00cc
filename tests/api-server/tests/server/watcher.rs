//! A real client on it.

use futures::{StreamExt as _, pin_mut};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Patch, PatchParams};
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::{self, Event};
use kube::{Api, ResourceExt as _};
use org_operator::api::Platform;

use super::*;

/// The next thing that a watcher says, in a word or two.
async fn next<K: kube::Resource>(
    events: &mut (impl futures::Stream<Item = watcher::Result<Event<K>>> + Unpin),
) -> String {
    match events.next().await.unwrap() {
        Ok(Event::Init) => "init".to_owned(),
        Ok(Event::InitDone) => "done".to_owned(),
        Ok(Event::InitApply(object)) => format!("init {}", object.name_any()),
        Ok(Event::Apply(object)) => format!("apply {}", object.name_any()),
        Ok(Event::Delete(object)) => format!("delete {}", object.name_any()),
        Err(error) => format!("error: {error}"),
    }
}

async fn begin<K: kube::Resource>(
    events: &mut (impl futures::Stream<Item = watcher::Result<Event<K>>> + Unpin),
) -> Vec<String> {
    let mut all = Vec::new();
    while all.last().is_none_or(|last| last != "done") {
        all.push(next(events).await);
    }
    all
}

#[tokio::test(start_paused = true)]
async fn a_watcher_follows_through_pages_cuts_and_forgotten_revisions() {
    for streaming in [false, true] {
        let server = server();
        for name in ["a", "b", "c"] {
            server.apply(platform(name)).unwrap();
        }
        let mut config = watcher::Config::default().page_size(2);
        if streaming {
            config = config.streaming_lists();
        }
        let events = watcher::watcher(Api::<Platform>::all(server.client()), config);
        pin_mut!(events);
        assert_eq!(begin(&mut events).await, ["init", "init a", "init b", "init c", "done"]);
        server.apply(platform("d")).unwrap();
        assert_eq!(next(&mut events).await, "apply d");
        server.delete("Platform", "default", "a");
        assert_eq!(next(&mut events).await, "delete a");

        server.cut_watches();
        server.apply(platform("e")).unwrap();
        assert_eq!(next(&mut events).await, "apply e", "it goes on where it was");

        // It ends after the time that it was opened for, and another is opened.
        let before = tokio::time::Instant::now();
        let waits = tokio::time::timeout(std::time::Duration::from_secs(400), next(&mut events)).await;
        assert!(waits.is_err());
        assert_eq!(before.elapsed().as_secs(), 400);
        assert_eq!(server.open_watches(), 1);

        server.cut_watches();
        server.apply(platform("f")).unwrap();
        server.compact();
        assert!(next(&mut events).await.starts_with("error"));
        assert_eq!(begin(&mut events).await, ["init", "init b", "init c", "init d", "init e", "init f", "done"]);
    }
}

#[tokio::test]
async fn metadata_is_watched_alone() {
    let server = server();
    let events =
        watcher::watcher(Api::<PartialObjectMeta<Namespace>>::all(server.client()), watcher::Config::default());
    pin_mut!(events);
    assert_eq!(begin(&mut events).await.len(), 6);
    server.apply(json!({"kind": "Namespace", "metadata": {"name": "n", "labels": {"a": "b"}}})).unwrap();
    assert_eq!(next(&mut events).await, "apply n");
    let found = Api::<Namespace>::all(server.client()).get_metadata("n").await.unwrap();
    assert_eq!(found.labels()["a"], "b");
}

#[tokio::test]
async fn defaults_are_filled_in_and_status_is_applied() {
    let server = server();
    server.apply(platform("p")).unwrap();
    let api: Api<Platform> = Api::namespaced(server.client(), "default");
    let read = api.get("p").await.unwrap();
    assert_eq!(read.spec.limits.deletions_per_hour, 10);
    assert_eq!(read.status.unwrap().conditions[0].type_, "Ready");
    let apply = async |status: Value| {
        let patch = json!({"apiVersion": "org-operator.dev/v1alpha1", "kind": "Platform", "status": status});
        api.patch_status("p", &PatchParams::apply("me").force(), &Patch::Apply(patch)).await.unwrap()
    };
    let first = apply(json!({"url": "x", "observedGeneration": 1})).await;
    let again = apply(json!({"url": "x", "observedGeneration": 1})).await;
    assert_eq!(first.resource_version(), again.resource_version());
    let less = apply(json!({"observedGeneration": 1})).await;
    assert_eq!(less.status.unwrap().url, None);
}
