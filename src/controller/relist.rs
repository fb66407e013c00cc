//! A watch that begins anew with a list when the API server does not know any more what it was told last.
//!
//! Most servers say so by the first event of the watch, and the watcher lists again. One that refuses the watch itself
//! (410) would be asked for the same revision for ever, and nothing that happens would be seen until the next start.

use std::fmt::Debug;

use futures::stream::{BoxStream, unfold};
use futures::{Stream, StreamExt as _};
use kube::runtime::watcher::{Config, Error, Event, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;

/// A watcher; one whose revision was refused is followed by another, which lists.
pub fn relisting<K>(api: Api<K>, config: Config) -> impl Stream<Item = Result<Event<K>, Error>> + Send
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    unfold(None, move |running: Option<BoxStream<'static, Result<Event<K>, Error>>>| {
        let (api, config) = (api.clone(), config.clone());
        async move {
            let mut running = running.unwrap_or_else(|| watcher(api, config).boxed());
            let event = running.next().await?;
            let goes_on = !is_refused(&event);
            Some((event, goes_on.then_some(running)))
        }
    })
}

fn is_refused<K>(event: &Result<Event<K>, Error>) -> bool {
    matches!(event, Err(Error::WatchStartFailed(kube::Error::Api(status))) if status.code == 410)
}

#[cfg(test)]
mod tests {
    use api_server::ApiServer;
    use jiff::Timestamp;
    use k8s_openapi::api::core::v1::Namespace;
    use kube::ResourceExt as _;
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn a_refused_revision_is_followed_by_a_list() {
        let api = ApiServer::new(|| Timestamp::UNIX_EPOCH);
        api.refuse_forgotten(true);
        let events = relisting(Api::<Namespace>::all(api.client()), Config::default());
        futures::pin_mut!(events);
        while !matches!(events.next().await, Some(Ok(Event::InitDone))) {}
        let open = async {
            while api.open_watches() == 0 {
                tokio::task::yield_now().await;
            }
            api.apply(json!({ "kind": "Namespace", "metadata": { "name": "one" } })).unwrap();
        };
        let ((), told) = futures::join!(open, events.next());
        assert!(matches!(told, Some(Ok(Event::Apply(namespace))) if namespace.name_any() == "one"));

        api.cut_watches();
        assert!(api.delete("Namespace", "", "one"));
        api.collect();
        api.compact();
        assert!(is_refused(&events.next().await.unwrap()));
        let mut names = Vec::new();
        loop {
            match events.next().await {
                Some(Ok(Event::InitApply(namespace))) => names.push(namespace.name_any()),
                Some(Ok(Event::InitDone)) => break,
                Some(Ok(Event::Init)) => {}
                other => panic!("{other:?}"),
            }
        }
        assert!(!names.is_empty() && !names.contains(&"one".to_owned()), "{names:?}");
    }
}
