//! A client that writes nothing once its process may not act any more.
//!
//! The fence stands where every request passes and not at each writer: none can be forgotten, and nothing comes between
//! the question and the request.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use http::{Method, Request};
use kube::Client;
use kube::client::Body;
use tower::BoxError;

use crate::fence::{Fence, NotLeading};

/// The same client, which refuses to write where the fence says that nothing may be finished. Reads go on.
pub fn fenced(client: Client, fence: &Fence) -> Client {
    let namespace = client.default_namespace().to_owned();
    let fence = fence.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let (client, fence) = (client.clone(), fence.clone());
        async move {
            let writes = request.method() != Method::GET;
            let mut exchange = pin!(client.send(request));
            // At each step: a connection may take so long to be made that the time is up before anything is sent.
            poll_fn(|context| {
                if writes && !fence.may_finish() {
                    return Poll::Ready(Err(BoxError::from(NotLeading)));
                }
                exchange.as_mut().poll(context).map_err(BoxError::from)
            })
            .await
        }
    });
    Client::new(service, namespace)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;
    use crate::kubernetes::image::{Applied, SecretImage};
    use crate::kubernetes::secret::{SecretError, SecretStore, Values};

    const SECRET: &str = r#"{"metadata": {"name": "s", "resourceVersion": "7"}}"#;

    /// A store whose server takes so many seconds to answer, and the methods that reached it.
    fn store(seconds: u64) -> (SecretStore, Fence, Arc<Mutex<Vec<Method>>>) {
        let (seen, fence) = (Arc::new(Mutex::new(Vec::new())), Fence::shut());
        let methods = Arc::clone(&seen);
        let server = tower::service_fn(move |request: Request<Body>| {
            methods.lock().unwrap().push(request.method().clone());
            async move {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                Ok::<_, BoxError>(http::Response::new(Body::from(SECRET.as_bytes().to_vec())))
            }
        });
        (SecretStore::new(fenced(Client::new(server, "default"), &fence)), fence, seen)
    }

    fn image() -> SecretImage {
        SecretImage {
            namespace: "acme".to_owned(),
            name: "s".to_owned(),
            type_: "Opaque".to_owned(),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            owner: None,
            values: Values::new(),
            applied: Applied::default(),
            dropped: &[],
            outdated: &[],
        }
    }

    fn is_refused<T>(result: Result<T, SecretError>) -> bool {
        match result {
            Err(SecretError::Unavailable(error)) => error.to_string().contains("nothing was sent"),
            _ => false,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_may_not_finish_reads_and_writes_nothing() {
        let (store, fence, seen) = store(0);
        let read = store.get("acme", "s").await.unwrap().unwrap();
        assert!(is_refused(store.create(&image(), false).await));
        assert!(is_refused(store.replace(&image(), &read, false).await));
        fence.renewed(Instant::now());
        tokio::time::advance(Duration::from_secs(13)).await;
        store.replace(&image(), &read, false).await.unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(is_refused(store.replace(&image(), &read, false).await));
        assert_eq!(*seen.lock().unwrap(), [Method::GET, Method::PATCH]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_takes_its_time_is_let_go_when_the_time_is_up() {
        let (store, fence, _) = store(5);
        fence.renewed(Instant::now());
        tokio::time::advance(Duration::from_secs(12)).await;
        assert!(is_refused(store.create(&image(), false).await));
    }
}
