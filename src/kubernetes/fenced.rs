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
            poll_fn(|context| match writes && !fence.may_finish() {
                true => Poll::Ready(Err(BoxError::from(NotLeading))),
                false => exchange.as_mut().poll(context).map_err(BoxError::from),
            })
            .await
        }
    });
    Client::new(service, namespace)
}
