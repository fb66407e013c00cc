//! That the search finds what is there: each form is planted once.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use org_operator::telemetry::{LogFormat, lines};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::page::Page;
use super::search::Search;

/// With what every form changes.
const VALUE: &str = "s3cr\"et/väl?ue>\\+~ with spaces";

/// All but what is never escaped.
const ESCAPED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Plants each form in something longer, made by another hand than the one that searches, and looks for it. False if one
/// is not found, or something is found where there is nothing.
pub(crate) fn prove() -> bool {
    let pem = keys();
    let (value, line) = (VALUE, pem.lines().nth(5).expect("a line"));
    let hex = |value: &str| {
        value.bytes().map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect::<Vec<_>>().concat().concat()
    };
    let mut planted = vec![
        ("plain", value.to_owned()),
        ("hex", hex(value)),
        ("hex in capitals", hex(value).to_uppercase()),
        ("a list of bytes", format!("{:?}", value.as_bytes())),
        ("percent-encoded", utf8_percent_encode(value, &ESCAPED).to_string()),
        ("JSON-escaped", json!({ "deep": [value] }).to_string()),
        ("JSON-escaped twice", json!(json!({ "deep": [value] }).to_string()).to_string()),
        ("as Rust shows it", format!("Token {{ value: {value:?} }}")),
        ("a form", url::form_urlencoded::Serializer::new(String::new()).append_pair("a", "ada lovelace+1").finish()),
        ("a line of a PEM", format!("  {line}")),
        ("a line of a PEM in JSON", json!(pem).to_string()),
        ("a line of a PEM in base64", STANDARD.encode(line)),
    ];
    for before in ["", "x", "xy", "xyz"] {
        planted.push(("base64", STANDARD.encode(format!("{before}{value}and more"))));
        planted.push(("URL-safe base64", URL_SAFE.encode(format!("{before}{value}"))));
    }
    for level in [tracing::Level::INFO, tracing::Level::TRACE] {
        planted.push(("a log line", logged(level, value)));
    }
    let search = Search::new([value, pem.as_str(), "ada lovelace+1"]);
    let missed: Vec<_> = planted.iter().filter(|(_, text)| search.find(text.as_bytes()).is_empty()).collect();
    for (form, text) in &missed {
        println!("crash: canary failed: {form} is not found: {text}");
    }
    let elsewhere = Search::new(["another value", "and another one"]);
    let wrong = planted.iter().filter(|(_, text)| !elsewhere.find(text.as_bytes()).is_empty()).count();
    println!("crash: canary: {} of {} forms found where planted", planted.len() - missed.len(), planted.len());
    missed.is_empty() && wrong == 0
}

fn digit(half: u8) -> &'static str {
    let at = usize::from(half);
    &"0123456789abcdef"[at..=at]
}

fn keys() -> String {
    use org_operator::domain::key::{KeyEncoding, KeySize};
    use org_operator::keys;
    use secrecy::ExposeSecret as _;

    let key = keys::generate(KeySize::Rsa2048).expect("a key");
    let phrase = keys::passphrase().expect("a passphrase");
    let encoded = keys::encode(&key, KeyEncoding::default(), &phrase).expect("encoded");
    encoded.value.private_pem.expose_secret().to_owned()
}

/// What the shipped log makes of it.
fn logged(level: tracing::Level, value: &str) -> String {
    let page = Page::default();
    let subscriber = lines(LogFormat::Text, "trace", false, page.clone()).expect("a subscriber");
    tracing::subscriber::with_default(subscriber, || {
        if level == tracing::Level::INFO {
            tracing::info!(value, "planted");
        } else {
            tracing::trace!("planted {value}");
        }
    });
    String::from_utf8(page.text()).expect("text")
}
