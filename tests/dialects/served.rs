//! A dialect that listens on a free port of the loopback, and a client that sends what a test says and nothing else.

use std::time::Duration;

use axum::Router;
use jiff::Timestamp;
use org_operator::clock::Clock;
use org_operator::embedded::Directory;
use org_operator::embedded::dialect::{Quirk, Serving};
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;

/// A directory in a temporary place.
pub(crate) struct Data {
    pub(crate) directory: Directory,
    _data: TempDir,
}

impl Data {
    pub(crate) async fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let directory = Directory::open(&data.path().join("data")).await.unwrap();
        Self { directory, _data: data }
    }

    /// What serves it `seconds` after the beginning of the test.
    pub(crate) fn serving(&self, seconds: i64, secret: &str, quirks: &[Quirk]) -> Serving {
        Serving {
            directory: self.directory.clone(),
            clock: Clock::stopped(at(seconds)),
            secret: secret.into(),
            quirks: quirks.iter().copied().collect(),
            late: Duration::from_secs(30),
            base: None,
        }
    }
}

/// So many seconds after the beginning of the test.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).unwrap()
}

/// A listener. It goes on until the test's runtime ends.
pub(crate) struct Listener {
    /// `127.0.0.1:PORT`.
    pub(crate) host: String,
    client: reqwest::Client,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// A member that is a string.
    pub(crate) fn member(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_else(|| panic!("no {name}: {}", self.text)).to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

impl Listener {
    pub(crate) async fn new(router: Router) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { host, client: reqwest::Client::new() }
    }

    /// Sends that, with a body if there is one, and those headers.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Answer {
        let mut request = self.client.request(method, format!("http://{}{path}", self.host));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_owned());
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Answer { status, headers, text: response.text().await.unwrap() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], None).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, &[], None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, &[], Some(&body.to_string())).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, &[], Some(&body.to_string())).await
    }
}
