//! Its end.

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::process::{Backend, PATIENCE, Start, client};

const BODY: &str = r#"{"name":"internal"}"#;

/// A request whose head is there and whose body is not.
async fn begun(backend: &Backend) -> TcpStream {
    let mut stream = TcpStream::connect(backend.address("rockfish-admin")).await.unwrap();
    let length = BODY.len();
    let head = format!(
        "POST /organization HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server asks for the body once somebody reads it.
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).await.unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

#[tokio::test]
async fn a_request_that_has_begun_is_answered_and_kept() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let start = Start::new().with("--dialect=rockfish");
        let backend = start.run().await;
        let mut stream = begun(&backend).await;
        backend.signal(signal);
        backend.log().event("stopping: calls in flight are ended first", |_| true).await;
        // No further connection is taken.
        let refused = async {
            while TcpStream::connect(backend.address("rockfish-admin")).await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, refused).await.unwrap();
        stream.write_all(BODY.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
        let text = backend.ended().await;
        assert!(text.lines().last().unwrap().contains(r#""message":"stopped""#), "{text}");

        let again = start.run().await;
        let url = format!("{}/organization", again.url("rockfish-admin"));
        let kept = client().get(url).send().await.unwrap().json::<Value>().await.unwrap();
        assert_eq!(kept[0]["name"], json!("internal"));
        again.stop().await;
    }
}

#[tokio::test]
async fn one_that_does_not_go_on_is_waited_for_only_so_long() {
    let start = Start::new().with("--dialect=rockfish").with("--drain-timeout=300ms");
    let backend = start.run().await;
    let mut stream = begun(&backend).await;
    backend.stop().await;
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
    start.run().await.stop().await;
}
