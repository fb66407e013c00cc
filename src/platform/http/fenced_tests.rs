//! What a process sends that may not act any more.

use std::num::NonZeroU32;
use std::sync::Mutex;

use http::Response;

use super::*;
use crate::platform::Limits;

#[tokio::test]
async fn one_that_may_not_begin_reads_and_sends_nothing_else() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let requests = Arc::clone(&seen);
    let service = Service::new(tower::service_fn(move |request: Request<Bytes>| {
        requests.lock().unwrap().push(request.uri().path().to_owned());
        std::future::ready(Ok::<_, TransportError>(Response::new(Bytes::from_static(b"{}"))))
    }));
    let limits = Limits { requests_per_second: NonZeroU32::new(100_000).unwrap(), concurrency: 8 };
    let fence = Fence::shut();
    let origin = Origin::new("http://host", service, Arc::new(Budget::new(limits)), Clock::system()).unwrap();
    let origin = origin.fenced(fence.clone());
    let send = async |effect, path: &'static str| {
        let sent = origin.send(Call::new("create Organization", effect, Method::POST, [path])).await;
        sent.map(drop).map_err(|error| (error.kind, error.to_string()))
    };
    let refused = "create Organization: nothing was sent: this process does not lead any more".to_owned();
    for round in 0..10 {
        assert_eq!(send(Effect::Reads, "read").await, Ok(()), "{round}: it says nothing about the platform");
        for effect in [Effect::Repeatable, Effect::Creates] {
            assert_eq!(send(effect, "changed").await, Err((FaultKind::NotLeading, refused.clone())));
        }
    }
    fence.renewed(tokio::time::Instant::now());
    assert_eq!(send(Effect::Creates, "made").await, Ok(()));
    let mut expected = vec!["/read"; 10];
    expected.push("/made");
    assert_eq!(*seen.lock().unwrap(), expected);
}
