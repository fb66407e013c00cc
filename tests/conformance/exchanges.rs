//! The exchanges of the vendors' pages, as the clients send them and the served dialects answer: method, path, header
//! names, status, `Location`, and JSON equal member by member. Hosts, ids, tokens and key material are what they are here;
//! a member that is our own is named.

mod rockfish;
mod rockit;
mod tyk;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::subject::Subject;
use crate::wire::Exchange;

/// What every client sends, and what goes with a body.
const ALWAYS: [&str; 3] = ["accept", "host", "user-agent"];
const WITH_BODY: [&str; 2] = ["content-length", "content-type"];

/// A request as a page has it.
struct Request<'a> {
    /// As `POST /organization`.
    call: &'a str,
    /// The names of the headers that are not every client's.
    headers: &'a [&'a str],
    /// The body; null for none.
    body: Value,
}

/// The one exchange that there was since this was asked last, which sent that.
#[track_caller]
fn only(subject: &Subject, request: &Request<'_>) -> Exchange {
    let mut all = subject.exchanges();
    let calls: Vec<String> = all.iter().map(Exchange::call).collect();
    assert_eq!(calls, [request.call]);
    let exchange = all.remove(0);
    sent(&exchange, request);
    exchange
}

/// That it sent that.
#[track_caller]
fn sent(exchange: &Exchange, request: &Request<'_>) {
    assert_eq!(exchange.call(), request.call);
    assert_eq!(exchange.request(), request.body, "{}", request.call);
    let mut names: BTreeSet<&str> = ALWAYS.into_iter().chain(request.headers.iter().copied()).collect();
    if request.body.is_null() {
        assert!(exchange.sent.is_empty(), "{}", request.call);
    } else {
        names.extend(WITH_BODY);
        assert_eq!(exchange.headers["content-type"], "application/json");
    }
    let found: BTreeSet<&str> = exchange.headers.keys().map(http::HeaderName::as_str).collect();
    assert_eq!(found, names, "{}", request.call);
}

/// That it was answered so.
#[track_caller]
fn answered(exchange: &Exchange, status: u16, body: &Value) {
    assert_eq!((exchange.status.as_u16(), exchange.answer()), (status, body.clone()), "{}", exchange.call());
}

/// A member of an answer that is a text.
#[track_caller]
fn text(exchange: &Exchange, member: &str) -> String {
    let answer = exchange.answer();
    let text = answer[member].as_str();
    text.unwrap_or_else(|| panic!("{} has no {member}: {answer}", exchange.call())).to_owned()
}

/// The claims of a JWT, and its header.
fn jwt(token: &str) -> (Value, Value) {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let mut parts = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap_or_default());
    let mut json = || serde_json::from_slice(&parts.next().unwrap()).unwrap();
    (json(), json())
}
