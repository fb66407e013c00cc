//! The forms that a value can hide in.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::json;

/// Shorter ones are found everywhere.
pub(crate) const SHORTEST: usize = 8;

/// Every form of a value, by name.
pub(crate) fn forms(value: &str) -> Vec<(&'static str, String)> {
    let mut forms = of_one("plain", value);
    // Each line of a key is enough of it.
    if value.contains("-----BEGIN") {
        for line in value.lines().map(str::trim).filter(|line| !line.starts_with("-----")) {
            forms.extend(of_one("a line of a PEM", line));
        }
    }
    forms.retain(|(_, form)| form.len() >= SHORTEST);
    forms
}

fn of_one(plain: &'static str, value: &str) -> Vec<(&'static str, String)> {
    let mut forms = vec![(plain, value.to_owned())];
    for offset in 0..3 {
        forms.push(("base64", aligned(&STANDARD_NO_PAD, value, offset)));
        forms.push(("URL-safe base64", aligned(&URL_SAFE_NO_PAD, value, offset)));
    }
    let of_bytes = |each: fn(&mut String, u8)| {
        value.bytes().fold(String::new(), |mut form, byte| {
            each(&mut form, byte);
            form
        })
    };
    forms.push(("hex", of_bytes(|form, byte| write!(form, "{byte:02x}").expect("a text takes it"))));
    forms.push(("hex in capitals", of_bytes(|form, byte| write!(form, "{byte:02X}").expect("a text takes it"))));
    let debug = of_bytes(|form, byte| write!(form, "{byte}, ").expect("a text takes it"));
    forms.push(("a list of bytes", debug.trim_end_matches(", ").to_owned()));
    let escaped = |capitals: bool| {
        value.bytes().fold(String::new(), |mut form, byte| {
            let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
            let written = match (plain, capitals) {
                (true, _) => write!(form, "{}", char::from(byte)),
                (false, true) => write!(form, "%{byte:02X}"),
                (false, false) => write!(form, "%{byte:02x}"),
            };
            written.expect("a text takes it");
            form
        })
    };
    forms.push(("percent-encoded", escaped(true)));
    forms.push(("percent-encoded in small letters", escaped(false)));
    forms.push(("percent-encoded as of a form", escaped(true).replace("%20", "+")));
    forms.push(("JSON-escaped", inner(&json!(value).to_string())));
    forms.push(("JSON-escaped twice", inner(&json!(inner(&json!(value).to_string())).to_string())));
    forms.push(("JSON-escaped with slashes", inner(&json!(value).to_string()).replace('/', "\\/")));
    forms.push(("as Rust shows it", inner(&format!("{value:?}"))));
    forms
}

/// What base64 makes of it wherever it stands in something longer.
fn aligned(engine: &impl Engine, value: &str, offset: usize) -> String {
    let bytes = [&b"\0\0"[..offset], value.as_bytes()].concat();
    let encoded = engine.encode(&bytes);
    // Letters that something else has a part in.
    let (before, whole) = ([0, 2, 3][offset], bytes.len() * 8 / 6);
    encoded.get(before..whole).unwrap_or_default().to_owned()
}

fn inner(quoted: &str) -> String {
    quoted[1..quoted.len() - 1].to_owned()
}
