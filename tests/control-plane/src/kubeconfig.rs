//! Kubeconfig files, written as JSON (which is YAML), readable by their owner alone.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// How a client shows who it is.
#[derive(Clone, Copy)]
pub(crate) enum Credential<'a> {
    /// By a client certificate and its key, both PEM.
    Certificate {
        /// The certificate.
        certificate: &'a str,
        /// The private key.
        key: &'a str,
    },
    /// By a bearer token.
    Token(&'a str),
}

/// A kubeconfig with one context, `control-plane`.
pub(crate) fn document(server: &str, authority: &str, credential: Credential<'_>, namespace: &str) -> Value {
    let user = match credential {
        Credential::Certificate { certificate, key } => {
            json!({ "client-certificate-data": STANDARD.encode(certificate), "client-key-data": STANDARD.encode(key) })
        }
        Credential::Token(token) => json!({ "token": token }),
    };
    let name = "control-plane";
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": name,
            "cluster": { "server": server, "certificate-authority-data": STANDARD.encode(authority) },
        }],
        "users": [{ "name": name, "user": user }],
        "contexts": [{ "name": name, "context": { "cluster": name, "user": name, "namespace": namespace } }],
        "current-context": name,
    })
}

/// Writes a file that only its owner may read, replacing one that is there.
pub(crate) fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}
