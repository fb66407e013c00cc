//! What a client may not do: too much, too large, too slowly.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::process::{Backend, PATIENCE, Start, client};

fn alone() -> Start {
    Start::new().with("--dialect=rockfish")
}

/// Connects, sends that, and waits for the server to close: what it answered.
async fn answered(backend: &Backend, listener: &str, sent: &str) -> String {
    let mut stream = TcpStream::connect(backend.address(listener)).await.unwrap();
    stream.write_all(sent.as_bytes()).await.unwrap();
    let mut text = String::new();
    let closed = tokio::time::timeout(PATIENCE, stream.read_to_string(&mut text)).await;
    // A reset is as good as an end.
    let _ = closed.expect("the connection stays open");
    text
}

#[tokio::test]
async fn a_client_that_says_nothing_or_half_of_it_is_dropped() {
    let backend = alone().with("--header-timeout=200ms").run().await;
    for listener in ["rockfish-admin", "rockfish", "own"] {
        for sent in ["", "GET /organization HTTP/1.1\r\nHost: a\r\nX-Slow: "] {
            let text = answered(&backend, listener, sent).await;
            assert!(text.is_empty() || text.starts_with("HTTP/1.1 408"), "{listener} {sent:?}: {text}");
        }
        let one = "GET /organization HTTP/1.1\r\nHost: a\r\n\r\n";
        let text = answered(&backend, listener, one).await;
        assert!(text.starts_with("HTTP/1.1 ") && !text.starts_with("HTTP/1.1 408"), "kept open without end: {text}");
    }
    backend.stop().await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let backend = alone().with("--request-timeout=200ms").run().await;
    let sent =
        "POST /organization HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{";
    let text = answered(&backend, "rockfish-admin", sent).await;
    assert!(text.starts_with("HTTP/1.1 408"), "{text}");
    backend.stop().await;
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused() {
    let backend = alone().with("--body-limit=100").run().await;
    let url = format!("{}/organization", backend.url("rockfish-admin"));
    let create = async |length: usize| {
        let body = json!({ "name": "a".repeat(length) });
        let answer = client().post(&url).json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap()["error"].clone())
    };
    assert_eq!(create(50).await, (201, Value::Null));
    assert_eq!(create(100).await, (413, json!("too_large")), "in the dialect's own words");
    backend.stop().await;
}

#[tokio::test]
async fn too_many_requests_are_told_when_to_come_again_and_probes_are_not() {
    let backend = alone().with("--rate-limit=2").run().await;
    let client = client();
    let ask = async |listener: &str, path: &str| client.get(format!("{}{path}", backend.url(listener))).send().await;
    let mut refused = 0;
    for _ in 0..20 {
        let answer = ask("rockfish-admin", "/organization").await.unwrap();
        if answer.status() == 429 {
            refused += 1;
            assert_eq!(answer.headers()["retry-after"], "1");
            assert_eq!(answer.text().await.unwrap(), r#"{"error":"too_many_requests"}"#);
        }
        assert_eq!(ask("own", "/healthz").await.unwrap().status(), 200);
    }
    assert!(refused > 0);
    // The other listener has a rate of its own, and this one comes back.
    assert_eq!(ask("rockfish", "/organization").await.unwrap().status(), 401);
    let back = async {
        while ask("rockfish-admin", "/organization").await.unwrap().status() == 429 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, back).await.unwrap();
    backend.stop().await;
}

#[tokio::test]
async fn one_connection_too_many_is_closed_and_the_next_has_its_place() {
    let backend = alone().with("--connection-limit=1").run().await;
    let held = TcpStream::connect(backend.address("rockfish-admin")).await.unwrap();
    // The first has its place once it is accepted, which is before the second.
    let one = "GET /organization HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert_eq!(answered(&backend, "rockfish-admin", one).await, "");
    assert_ne!(answered(&backend, "rockfish", one).await, "", "each listener has its own places");
    drop(held);
    let again = async { while answered(&backend, "rockfish-admin", one).await.is_empty() {} };
    tokio::time::timeout(PATIENCE, again).await.unwrap();
    backend.stop().await;
}

/// A place that is never given back would be one for as long as the process lives.
#[tokio::test]
async fn a_client_that_does_not_read_is_dropped() {
    let start = Start::new().env("RUST_LOG", "org_operator=info").with("--dialect=rockfish");
    let start = start.with("--request-timeout=500ms").with("--header-timeout=10m").with("--rate-limit=1000000");
    let backend = start.run().await;
    let url = format!("{}/organization", backend.url("rockfish-admin"));
    for number in 0..200 {
        let body = json!({ "name": format!("{number:0>100}") });
        client().post(&url).json(&body).send().await.unwrap().error_for_status().unwrap();
    }
    let mut stream = TcpStream::connect(backend.address("rockfish-admin")).await.unwrap();
    // Until the buffers between the two are full the server can write, and goes on reading.
    let asked = "GET /organization HTTP/1.1\r\nHost: a\r\n\r\n".repeat(100);
    let dropped = async { while stream.write_all(asked.as_bytes()).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, dropped).await.expect("it keeps its place for ever");
    backend.stop().await;
}
