//! Log lines on stderr.

use std::env::{self, VarError};
use std::io::{self, IsTerminal as _};

use tracing::Subscriber;
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, ParseError, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

/// The variable that chooses what is logged, as everywhere in Rust.
const VARIABLE: &str = "RUST_LOG";

/// What is logged where the variable says nothing. kube-client reports each failed request as an error of its own; who
/// asked reports it too, by what it means for the operator.
const DEFAULT: &str = "info,kube_client::client::builder=off";

/// kube-client 5.0.0 logs a reply that it cannot decode at WARN, body and all (`Client::request` and
/// `Client::request_status`); of a Secret cut short that is the token. Its other lines under this very target are about
/// watches that end, which the controller's watcher reports too.
const SILENCED: &str = "kube_client::client";

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people: coloured where stderr is a terminal and `NO_COLOR` is not set.
    #[default]
    Text,
    // The member `span` holds the fields of the span, and its own name as `name`: a field of that name would be hidden.
    /// For machines: one JSON object on each line.
    Json,
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `RUST_LOG` is not a list of directives.
    #[error("RUST_LOG cannot be read: write a level or levels by module, such as `info` or `info,org_operator=debug`")]
    Directives(#[source] ParseError),
    /// `RUST_LOG` is not UTF-8.
    #[error("RUST_LOG is not UTF-8: write a level or levels by module, such as `info` or `info,org_operator=debug`")]
    NotUnicode,
    /// The process logs already.
    #[error("logging is set up already")]
    AlreadySetUp(#[source] TryInitError),
}

/// Starts logging to stderr for the whole process: what `RUST_LOG` says, or `info`. Once per process.
///
/// Whatever `RUST_LOG` says, the lines of kube-client that could hold a Secret's value are left out.
pub fn init(format: LogFormat) -> Result<(), TelemetryError> {
    let directives = match env::var(VARIABLE) {
        Ok(text) => text,
        Err(VarError::NotPresent) => String::new(),
        Err(VarError::NotUnicode(_)) => return Err(TelemetryError::NotUnicode),
    };
    let colour = io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    lines(format, &directives, colour, io::stderr)?.try_init().map_err(TelemetryError::AlreadySetUp)
}

/// What logs to `writer` as [`init`] does to stderr: what `directives` say, and never what could hold a Secret's value.
pub fn lines<W>(
    format: LogFormat,
    directives: &str,
    colour: bool,
    writer: W,
) -> Result<impl Subscriber + Send + Sync, TelemetryError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let directives = if directives.trim().is_empty() { DEFAULT } else { directives };
    let chosen = EnvFilter::builder().parse(directives).map_err(TelemetryError::Directives)?;
    // Not a directive: the most specific directive wins, and `RUST_LOG` could name the target itself. Both filters have
    // to agree.
    let harmless = filter_fn(|metadata| metadata.target() != SILENCED);
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    let layer = match format {
        LogFormat::Text => layer.with_ansi(colour).boxed(),
        // The message and its fields on the top level, where log stores look for them.
        LogFormat::Json => layer.with_ansi(false).json().flatten_event(true).with_span_list(false).boxed(),
    };
    Ok(tracing_subscriber::registry().with(layer.with_filter(chosen.and(harmless))))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use axum::http::{Request, Response};
    use k8s_openapi::api::core::v1::Secret;
    use kube::client::Body;
    use kube::{Api, Client};
    use tracing::subscriber::{set_default, with_default};
    use tracing::{debug, error, info, info_span, warn};

    use super::*;

    /// What the token in the cut reply looks like, in the Secret's base64.
    const TOKEN: &str = "dG9wLXNlY3JldC10b2tlbg";

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Page {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Page {
        type Writer = Self;
        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    fn logged(format: LogFormat, directives: &str, act: impl FnOnce()) -> String {
        let page = Page::default();
        with_default(lines(format, directives, false, page.clone()).unwrap(), act);
        page.text()
    }

    /// Reads a Secret from an API server whose reply is cut short.
    async fn read_cut_secret() {
        let reply = format!(r#"{{"apiVersion":"v1","kind":"Secret","data":{{"token":"{TOKEN}"#);
        let server = tower::service_fn(move |_: Request<Body>| {
            let reply = Response::new(Body::from(reply.clone().into_bytes()));
            async move { Ok::<_, Infallible>(reply) }
        });
        let secrets: Api<Secret> = Api::namespaced(Client::new(server, "default"), "default");
        secrets.get("ci-token").await.expect_err("the reply cannot be decoded");
    }

    #[tokio::test]
    async fn kube_client_prints_a_cut_secret_where_nobody_silences_it() {
        let page = Page::default();
        let open = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(DEFAULT))
            .with_ansi(false)
            .with_writer(page.clone())
            .finish();
        let guard = set_default(open);
        read_cut_secret().await;
        drop(guard);
        let text = page.text();
        assert!(text.contains(TOKEN), "kube-client holds its tongue now: the silence can go.\n{text}");
        assert!(text.contains(&format!("{SILENCED}:")), "kube-client speaks under another target now.\n{text}");
    }

    #[tokio::test]
    async fn a_cut_secret_is_never_printed_whatever_rust_log_says() {
        for directives in
            ["", "trace", "kube_client=trace", "kube_client::client=trace", "off,kube_client::client=warn"]
        {
            for format in [LogFormat::Text, LogFormat::Json] {
                let page = Page::default();
                let guard = set_default(lines(format, directives, false, page.clone()).unwrap());
                read_cut_secret().await;
                error!(target: "kube_client::client::tls", "still heard");
                drop(guard);
                let text = page.text();
                assert!(!text.contains(TOKEN), "{directives}: {text}");
                assert!(text.contains("still heard"), "{directives}: {text}");
            }
        }
    }

    #[test]
    fn info_is_the_default_and_rust_log_changes_it() {
        let speak = || {
            debug!("low");
            info!("high");
        };
        for (directives, low, high) in [
            ("", false, true),
            (" ", false, true),
            ("debug", true, true),
            ("warn", false, false),
            ("org_operator=debug", true, true),
        ] {
            let text = logged(LogFormat::Text, directives, speak);
            assert_eq!((text.contains("low"), text.contains("high")), (low, high), "{directives:?}: {text}");
        }
    }

    #[test]
    fn json_is_one_object_on_each_line_with_the_message_on_top() {
        let text = logged(LogFormat::Json, "info", || {
            let _span = info_span!("reconcile", object = "acme").entered();
            warn!(reason = "Progressing", "first\nline");
            info!("second");
        });
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert_eq!(lines[0]["message"], "first\nline");
        assert_eq!(lines[0]["level"], "WARN");
        assert_eq!(lines[0]["reason"], "Progressing");
        assert_eq!(lines[0]["span"]["object"], "acme");
        assert_eq!(lines[0]["span"]["name"], "reconcile");
        assert_eq!(lines[1]["message"], "second");
    }

    #[test]
    fn a_filter_that_cannot_be_read_says_what_to_write() {
        let error = lines(LogFormat::Text, "org_operator=loud", false, io::stderr).err().unwrap();
        assert!(matches!(error, TelemetryError::Directives(_)));
        assert!(error.to_string().contains("RUST_LOG cannot be read: write"), "{error}");
    }
}
