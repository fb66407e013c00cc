//! What the demo prints when all is Ready: never a Secret's value.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

use super::state::State;
use crate::owner::{ControlPlane, Error};

/// Prints each Secret's name and keys, a line each; the values stay in the template's data.
const NAMES_AND_KEYS: &str =
    r#"go-template={{range .items}}{{.metadata.name}}{{range $key, $value := .data}} {{$key}}{{end}}{{"\n"}}{{end}}"#;

/// The whole text.
pub(super) fn text(plane: &ControlPlane, states: &[State], took: Duration) -> Result<String, Error> {
    let mut text = format!("\nAll {} are Ready after {:.1} s.\n", states.len(), took.as_secs_f64());
    let namespaces: BTreeSet<&str> = states.iter().map(|state| state.namespace.as_str()).collect();
    for namespace in namespaces {
        let resources = plane.run(["get", "org-operator", "--namespace", namespace])?;
        let secrets = plane.run(["get", "secrets", "--namespace", namespace, "-o", NAMES_AND_KEYS])?;
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n$ kubectl get org-operator --namespace {namespace}\n{resources}\n\
             Secrets in {namespace}, and the keys in each:\n{}",
            table(&secrets)
        );
    }
    let _ = write!(
        text,
        "\nPoint your own kubectl at it:\n  export KUBECONFIG={}\n  (no kubectl? alias kubectl={})\n",
        plane.kubeconfig().display(),
        plane.kubectl_path().display()
    );
    Ok(text)
}

/// How to try a token of the operator's own backend.
pub(super) fn trial(states: &[State], port: u16) -> String {
    let token = states.iter().find(|state| state.kind == "Token");
    let Some((token, secret)) = token.and_then(|token| Some((token, token.secret.as_ref()?))) else {
        return String::new();
    };
    let read = format!(
        "kubectl get secret {secret} --namespace {} -o go-template='{{{{.data.token | base64decode}}}}'",
        token.namespace
    );
    format!(
        "\nRead a Secret, here the token:\n  {read}\n\
             \nAsk the operator's embedded backend whose token it is, and whether it is live:\n  \
             TOKEN=$({read})\n  \
             curl -sS -H \"Authorization: Bearer $TOKEN\" --data-urlencode \"token=$TOKEN\" \
             http://127.0.0.1:{port}/oauth2/introspect\n"
    )
}

/// `name key key` lines as two columns.
fn table(lines: &str) -> String {
    let rows: Vec<(&str, &str)> = lines.lines().map(|line| line.split_once(' ').unwrap_or((line, "(none)"))).collect();
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    rows.iter().fold(String::new(), |mut table, (name, keys)| {
        let _ = writeln!(table, "  {name:width$}   {}", keys.replace(' ', ", "));
        table
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_columns() {
        let table = table("a-token token\nacme-admin password username\nempty\n");
        assert_eq!(table, "  a-token      token\n  acme-admin   password, username\n  empty        (none)\n");
    }
}
