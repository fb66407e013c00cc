//! What gets out, and what an answer means. Where the network matters it is a real one, on the loopback.

use std::num::NonZeroU32;
use std::sync::Mutex;
use std::time::Duration;

use http::Response;
use http::header::{CONTENT_LENGTH, LOCATION, RETRY_AFTER};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;
use crate::platform::Limits;

const EFFECTS: [Effect; 3] = [Effect::Reads, Effect::Repeatable, Effect::Creates];

fn now() -> Timestamp {
    "2026-10-21T07:00:00Z".parse().unwrap()
}

fn budget() -> Arc<Budget> {
    Arc::new(Budget::new(Limits { requests_per_second: NonZeroU32::new(100_000).unwrap(), concurrency: 8 }))
}

type Seen = Arc<Mutex<Vec<Request<Bytes>>>>;

/// An origin whose every request is answered so, and the requests.
fn answering(
    base: &str,
    answer: impl Fn() -> Result<Response<Bytes>, TransportError> + Clone + Send + Sync + 'static,
) -> (Origin, Seen) {
    let seen = Seen::default();
    let requests = Arc::clone(&seen);
    let service = Service::new(tower::service_fn(move |request: Request<Bytes>| {
        requests.lock().unwrap().push(request);
        std::future::ready(answer())
    }));
    (Origin::new(base, service, budget(), Clock::stopped(now())).unwrap(), seen)
}

fn response(status: u16, body: &'static str) -> Response<Bytes> {
    Response::builder().status(status).body(Bytes::from_static(body.as_bytes())).unwrap()
}

fn call(effect: Effect) -> Call {
    Call::new("create Organization", effect, Method::POST, ["things"])
}

/// The URLs that were asked for.
fn urls(seen: &Seen) -> Vec<String> {
    seen.lock().unwrap().iter().map(|request| request.uri().to_string()).collect()
}

#[test]
fn an_address_that_could_lead_astray_is_refused() {
    let limits = |base: &str| {
        let service = answering("http://host", || Ok(response(200, ""))).0.service;
        Origin::new(base, service, budget(), Clock::stopped(now()))
    };
    for (good, address) in [
        ("https://host", "https://host"),
        ("http://host:8085/", "http://host:8085"),
        ("https://host/a/b/", "https://host/a/b"),
        ("https://10.0.0.1", "https://10.0.0.1"),
        ("https://[::1]:1", "https://[::1]:1"),
        ("https://[fd00::1]", "https://[fd00::1]"),
    ] {
        assert_eq!(limits(good).unwrap().address(), address);
    }
    for bad in [
        "",
        "host",
        "ftp://host",
        "file:///etc/passwd",
        "mailto:jo@example.org",
        "https://user@host",
        "https://user:hunter2@host",
        "https://host?x",
        "https://host#x",
        // Where a cloud's metadata service listens, in all its spellings.
        "http://169.254.169.254",
        "http://169.254.169.254.",
        "http://0xa9fea9fe",
        "http://2852039166",
        "http://169.254.1",
        "http://[fe80::1]",
        "http://[febf::1]",
        "http://[::ffff:169.254.169.254]",
    ] {
        let refused = limits(bad).unwrap_err();
        assert!(!refused.to_string().contains("hunter2"), "{bad}");
    }
}

#[tokio::test]
async fn an_id_is_one_segment_whatever_is_in_it() {
    let ids = ["a/b", "a?b", "a#b", "a%2Fb", "%2e%2e", "a\\b", "..;", "...", "a b", "größe", "a@b", "\"<>`{}|^", "a:b"];
    for base in ["http://host", "http://host/", "http://host/below", "http://host/below/"] {
        for id in ids {
            let (origin, seen) = answering(base, || Ok(response(200, "")));
            let path = Call::new("find User", Effect::Reads, Method::GET, ["users", id, "end"]);
            origin.send(path).await.unwrap();
            let url = Url::parse(&urls(&seen)[0]).unwrap();
            let mut segments: Vec<&str> = url.path_segments().unwrap().collect();
            if base.contains("below") {
                assert_eq!(segments.remove(0), "below");
            }
            assert_eq!((segments.len(), segments[0], segments[2]), (3, "users", "end"), "{id}: {url}");
            let decoded = format!("x={}", segments[1].replace('+', "%2B"));
            let (_, decoded) = url::form_urlencoded::parse(decoded.as_bytes()).next().unwrap();
            assert_eq!(decoded, id, "{url}");
            assert_eq!((url.query(), url.fragment()), (None, None), "{id}");
        }
    }
}

#[tokio::test]
async fn an_id_that_would_name_another_path_is_none_that_exists() {
    for id in ["", ".", "..", ".\t.", "\t..", ".\n", "\r", "a\tb", "a\u{7f}"] {
        let (origin, seen) = answering("http://host/below", || Ok(response(200, "")));
        let path = Call::new("delete User", Effect::Repeatable, Method::DELETE, ["users", id]);
        let refused = origin.send(path).await.err().unwrap();
        assert_eq!((refused.kind, urls(&seen)), (FaultKind::NotFound, Vec::new()), "{id:?}");
    }
}

#[tokio::test]
async fn a_request_carries_what_the_call_says() {
    let (origin, seen) = answering("http://host/below/", || Ok(response(200, "{}")));
    let call = Call::new("create User", Effect::Creates, Method::POST, ["users"])
        .slash()
        .query("code", "a&b=c d+e%".to_owned())
        .query("p", "-1".to_owned())
        .header("admin-auth", "hunter2".into())
        .limit(77)
        .json(&json!({ "name": "jo" }))
        .unwrap();
    assert!(!format!("{call:?}").contains("jo") && !format!("{call:?}").contains("hunter2"), "{call:?}");
    origin.send(call).await.unwrap();
    let request = seen.lock().unwrap().pop().unwrap();
    assert_eq!(request.uri(), "http://host/below/users/?code=a%26b%3Dc+d%2Be%25&p=-1");
    assert_eq!(request.method(), Method::POST);
    assert_eq!(request.headers()["admin-auth"], "hunter2");
    assert!(request.headers()["admin-auth"].is_sensitive(), "or a log of headers would show it");
    for name in [ACCEPT, CONTENT_TYPE] {
        assert_eq!(request.headers()[name], "application/json");
    }
    assert_eq!(request.extensions().get::<Limit>().unwrap().0, 77);
    assert_eq!(serde_json::from_slice::<Value>(request.body()).unwrap(), json!({ "name": "jo" }));

    origin.send(Call::new("find User", Effect::Reads, Method::GET, ["users"])).await.unwrap();
    let request = seen.lock().unwrap().pop().unwrap();
    assert_eq!((request.headers().get(CONTENT_TYPE), request.body().len()), (None, 0));
    assert_eq!(request.extensions().get::<Limit>().unwrap().0, REPLY_LIMIT);
}

#[tokio::test]
async fn a_credential_that_no_header_can_carry_is_not_sent() {
    for secret in ["hunter2\n", "hun\0ter2", "hunter2\r\nx: y"] {
        let (origin, seen) = answering("http://host", || Ok(response(200, "")));
        let refused = origin.send(call(Effect::Creates).header("admin-auth", secret.into())).await.err().unwrap();
        assert_eq!((refused.kind, urls(&seen)), (FaultKind::Unauthenticated, Vec::new()));
        assert!(refused.message.contains("Secret") && !format!("{refused:?}").contains("ter2"), "{refused:?}");
    }
}

/// What each status means, for what reads or may be repeated, and for what creates.
const STATUSES: &[(u16, FaultKind, FaultKind)] = {
    use FaultKind::{
        AlreadyExists, Forbidden, Invalid, NotFound, OutcomeUnknown, RateLimited, Unauthenticated, Unavailable,
        Unsupported,
    };
    const DOWN: FaultKind = Unavailable(None);
    &[
        (300, DOWN, DOWN),
        (301, DOWN, DOWN),
        (302, DOWN, DOWN),
        (304, DOWN, DOWN),
        (307, DOWN, DOWN),
        (308, DOWN, DOWN),
        (400, Invalid, Invalid),
        (401, Unauthenticated, Unauthenticated),
        (402, Forbidden, Forbidden),
        (403, Forbidden, Forbidden),
        (404, NotFound, NotFound),
        (405, Unsupported, Unsupported),
        (407, DOWN, DOWN),
        (408, DOWN, DOWN),
        (409, AlreadyExists, AlreadyExists),
        (410, NotFound, NotFound),
        (413, Invalid, Invalid),
        (415, Invalid, Invalid),
        (418, Invalid, Invalid),
        (421, DOWN, DOWN),
        (422, Invalid, Invalid),
        (425, DOWN, DOWN),
        (429, RateLimited(None), RateLimited(None)),
        (500, DOWN, OutcomeUnknown),
        (501, Unsupported, Unsupported),
        (502, DOWN, OutcomeUnknown),
        (503, DOWN, DOWN),
        (504, DOWN, OutcomeUnknown),
        (599, DOWN, OutcomeUnknown),
        (999, DOWN, OutcomeUnknown),
    ]
};

#[tokio::test]
async fn a_status_has_one_meaning_for_each_effect() {
    for &(status, otherwise, creates) in STATUSES {
        for effect in EFFECTS {
            let (origin, _) = answering("http://host", move || Ok(response(status, "hunter2")));
            let error = origin.send(call(effect)).await.err().unwrap();
            let kind = if effect == Effect::Creates { creates } else { otherwise };
            assert_eq!(error.kind, kind, "{status} {effect:?}");
            assert!(error.message.contains(&status.to_string()), "{error}");
            assert_eq!(error.operation, "create Organization");
            assert!(!format!("{error:?}{error}").contains("hunter2"), "{error:?}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_the_call_wants_is_no_error() {
    let (origin, _) = answering("http://host", || Ok(response(404, "hunter2")));
    let reply = origin.send(call(Effect::Reads).wants([StatusCode::NOT_FOUND])).await.unwrap();
    assert_eq!(reply.fault(now()).kind, FaultKind::NotFound);
    let (origin, _) = answering("http://host", || Ok(response(500, "")));
    assert!(origin.send(call(Effect::Reads).wants([StatusCode::NOT_FOUND])).await.is_err());
    // A judge sees all of them first.
    let judge: Judge = |reply, _| reply.is_page().then(|| reply.page());
    for (body, error) in [("<html>", true), (" \n<!doctype html>", true), ("{}", false), ("", false)] {
        let (origin, _) = answering("http://host", move || Ok(response(200, body)));
        assert_eq!(origin.send(call(Effect::Reads).judged(judge)).await.is_err(), error, "{body}");
    }
}

#[tokio::test]
async fn a_body_that_is_not_understood_says_so_and_nothing_of_itself() {
    #[derive(Debug, serde::Deserialize)]
    struct Thing {
        _id: String,
    }
    for body in ["", "<html>hunter2", "{\"_id\":", "[]", "{\"_id\":5}", "{\"hunter2\":\"x\"}"] {
        for (effect, kind) in [
            (Effect::Reads, FaultKind::Unavailable(None)),
            (Effect::Repeatable, FaultKind::Unavailable(None)),
            (Effect::Creates, FaultKind::OutcomeUnknown),
        ] {
            let (origin, _) = answering("http://host", move || Ok(response(200, body)));
            let error = origin.send(call(effect)).await.unwrap().json::<Thing>().unwrap_err();
            assert_eq!(error.kind, kind, "{body}");
            assert!(!format!("{error:?}{error}").contains("hunter2"), "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_pause_that_is_asked_for_is_kept_up_to_an_hour() {
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    for (text, pause) in [
        ("0", seconds(0)),
        ("900", seconds(900)),
        (" 7 ", seconds(7)),
        ("3601", seconds(3600)),
        ("18446744073709551615", seconds(3600)),
        ("Wed, 21 Oct 2026 07:00:05 GMT", seconds(5)),
        ("Wed, 21 Oct 2026 06:59:00 GMT", seconds(0)),
        ("Thu, 22 Oct 2026 07:00:00 GMT", seconds(3600)),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("1.5", None),
    ] {
        for (status, kind) in [(429, FaultKind::RateLimited(pause)), (503, FaultKind::Unavailable(pause))] {
            let answer = move || {
                let mut answer = response(status, "");
                answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(text));
                Ok(answer)
            };
            let (origin, seen) = answering("http://host", answer);
            assert_eq!(origin.send(call(Effect::Creates)).await.err().unwrap().kind, kind, "{text:?}");
            // And who asks in between does not get through.
            let again = origin.send(call(Effect::Reads)).await.err().unwrap();
            let waits = pause.is_some_and(|pause| !pause.is_zero());
            assert_eq!(urls(&seen).len(), if waits { 1 } else { 2 }, "{text:?}: {again}");
        }
    }
}

/// A server on the loopback that answers each connection with that text, and what it was sent.
struct Raw {
    url: String,
    seen: Arc<Mutex<String>>,
    task: JoinHandle<()>,
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Raw {
    /// `then` keeps the connection open for so long after the text.
    async fn new(text: impl Into<Vec<u8>>, then: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (text, seen) = (text.into(), Arc::<Mutex<String>>::default());
        let heard = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut bytes = vec![0; 64 * 1024];
                let read = stream.read(&mut bytes).await.unwrap_or_default();
                heard.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..read]));
                // Who has read enough hangs up.
                let _ = stream.write_all(&text).await;
                tokio::time::sleep(then).await;
            }
        });
        Self { url, seen, task }
    }

    fn heard(&self) -> String {
        self.seen.lock().unwrap().clone()
    }
}

fn over(url: &str, timeout: Duration) -> Origin {
    let service = service(&Trust::System, timeout).unwrap();
    Origin::new(url, service, budget(), Clock::stopped(now())).unwrap()
}

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_redirect_is_not_followed_and_no_credential_goes_along() {
    let other = Raw::new("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", Duration::ZERO).await;
    for status in [301, 302, 303, 307, 308] {
        let answer = format!("HTTP/1.1 {status} x\r\n{LOCATION}: {}/\r\n{CONTENT_LENGTH}: 0\r\n\r\n", other.url);
        let server = Raw::new(answer, Duration::ZERO).await;
        let refused =
            over(&server.url, PATIENCE).send(call(Effect::Creates).header("admin-auth", "hunter2".into())).await;
        assert_eq!(refused.err().unwrap().kind, FaultKind::Unavailable(None));
        assert!(server.heard().contains("hunter2"));
    }
    assert_eq!(other.heard(), "");
}

#[tokio::test]
async fn no_more_is_read_than_the_limit() {
    let body = "x".repeat(1000);
    for (head, limit, fits) in [
        ("content-length: 1000", 1000, true),
        ("content-length: 1000", 999, false),
        // One that does not end.
        ("content-length: 100000000000", 999, false),
        ("connection: close", 999, false),
    ] {
        for effect in EFFECTS {
            let server = Raw::new(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{body}"), PATIENCE).await;
            let sent = over(&server.url, PATIENCE).send(call(effect).limit(limit)).await;
            let kind = sent.err().map(|error| error.kind);
            let strange =
                if effect == Effect::Creates { FaultKind::OutcomeUnknown } else { FaultKind::Unavailable(None) };
            assert_eq!(kind, (!fits).then_some(strange), "{head} {limit} {effect:?}");
        }
    }
}

#[tokio::test]
async fn without_an_answer_only_what_creates_may_have_happened() {
    let short = Duration::from_millis(300);
    let gone = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let silent = Raw::new("", PATIENCE).await;
    let slow = Raw::new("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", PATIENCE).await;
    let cut = Raw::new("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", Duration::ZERO).await;
    let empty = Raw::new("", Duration::ZERO).await;
    let nonsense = Raw::new("hunter2 hunter2\r\n\r\n", Duration::ZERO).await;
    let down = FaultKind::Unavailable(None);
    for (name, url, timeout, otherwise, creates) in [
        ("no connection", gone.clone(), PATIENCE, down, down),
        ("no TLS", nonsense.url.replace("http:", "https:"), PATIENCE, down, down),
        ("silent", silent.url.clone(), short, FaultKind::TimedOut, FaultKind::OutcomeUnknown),
        ("slow body", slow.url.clone(), short, FaultKind::TimedOut, FaultKind::OutcomeUnknown),
        ("cut", cut.url.clone(), PATIENCE, down, FaultKind::OutcomeUnknown),
        ("empty", empty.url.clone(), PATIENCE, down, FaultKind::OutcomeUnknown),
        ("no HTTP", nonsense.url.clone(), PATIENCE, down, FaultKind::OutcomeUnknown),
    ] {
        for effect in EFFECTS {
            let secret = call(effect).query("code", "hunter2".to_owned());
            let error = over(&url, timeout).send(secret).await.err().unwrap();
            let kind = if effect == Effect::Creates { creates } else { otherwise };
            assert_eq!(error.kind, kind, "{name} {effect:?}: {error:?}");
            assert!(!format!("{error:?}{error}").contains("hunter2"), "{name}: {error:?}");
        }
    }
}

#[tokio::test]
async fn certificates_that_are_none_are_refused() {
    for pem in ["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "-----BEGIN CERTIFICATE-----\n"] {
        assert!(service(&Trust::Only(pem.to_owned()), PATIENCE).is_err(), "{pem}");
    }
}
