//! `org-operator backend`

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

mod credentials;
mod invitations;
mod mail;
mod quirk;
mod start;

use super::Failure;
use super::values::duration;
use crate::server::backend::{Dialect, Limits};
use crate::telemetry::{self, LogFormat};

/// The embedded backend as a server of its own.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Backend {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists the invitations whose link nobody has opened yet, also while the backend runs
    Invitations(invitations::Invitations),
}

/// What the backend is started with.
#[derive(Debug, Args)]
struct Serve {
    /// Where the databases and generated credentials are kept, a directory for each dialect
    // Required, but not of a command below this one, which has a flag of its own.
    #[arg(long, env = "ORG_OPERATOR_BACKEND_DATA_DIR", value_name = "DIR", required = true)]
    data_dir: Option<PathBuf>,
    /// The dialects to serve, each with a directory of its own; may be given several times. Default: all
    #[arg(long = "dialect", value_enum, value_name = "DIALECT")]
    dialects: Vec<Dialect>,
    /// Address of Tyk Dashboard's APIs
    #[arg(long, env = "ORG_OPERATOR_TYK_LISTEN", default_value = "127.0.0.1:3000", value_name = "ADDRESS:PORT")]
    tyk_listen: SocketAddr,
    /// Address of Rockfish's admin API, which asks for no credential: whoever reaches it is an administrator
    #[arg(
        long,
        env = "ORG_OPERATOR_ROCKFISH_ADMIN_LISTEN",
        default_value = "127.0.0.1:8085",
        value_name = "ADDRESS:PORT"
    )]
    rockfish_admin_listen: SocketAddr,
    /// Address of Rockfish's public API
    #[arg(long, env = "ORG_OPERATOR_ROCKFISH_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS:PORT")]
    rockfish_listen: SocketAddr,
    /// Address of ROCKIT's admin and backend APIs
    #[arg(long, env = "ORG_OPERATOR_ROCKIT_LISTEN", default_value = "127.0.0.1:8090", value_name = "ADDRESS:PORT")]
    rockit_listen: SocketAddr,
    /// Address of probes, metrics, and each dialect's login and introspection
    #[arg(long, env = "ORG_OPERATOR_BACKEND_LISTEN", default_value = "127.0.0.1:9090", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// What the links of ROCKIT's invitations begin with, such as `https://edge.example.org`. Default: its listener, which
    /// has to be one address if they are mailed
    // The help shows no URL of the environment, because somebody may have written a password into it.
    #[arg(long, env = "ORG_OPERATOR_ROCKIT_PUBLIC_URL", hide_env_values = true, value_name = "URL", value_parser = public_url)]
    rockit_public_url: Option<String>,
    /// The organisation that ROCKIT's operator account names as its own; it need not be there
    #[arg(long, env = "ORG_OPERATOR_ROCKIT_OPERATOR_ORGANIZATION", default_value = "operator", value_name = "NAME")]
    rockit_operator_organization: String,
    /// The user name of ROCKIT's operator account
    #[arg(long, env = "ORG_OPERATOR_ROCKIT_OPERATOR_USERNAME", default_value = "operator", value_name = "NAME")]
    rockit_operator_username: String,
    #[command(flatten)]
    credentials: credentials::Files,
    /// PEM certificates, the server's own first; all listeners then speak TLS
    #[arg(long, env = "ORG_OPERATOR_TLS_CERT_FILE", value_name = "FILE", requires = "tls_key_file")]
    tls_cert_file: Option<PathBuf>,
    /// The certificate's private key, PEM
    #[arg(long, env = "ORG_OPERATOR_TLS_KEY_FILE", value_name = "FILE", requires = "tls_cert_file")]
    tls_key_file: Option<PathBuf>,
    #[command(flatten)]
    limits: LimitFlags,
    /// A way in which servers differ; may be given several times
    #[arg(long = "quirk", value_enum, value_name = "QUIRK")]
    quirks: Vec<quirk::Name>,
    /// How long a new object stays invisible with --quirk=late
    #[arg(long, default_value = "90s", value_name = "DURATION", value_parser = duration)]
    late: Duration,
    #[command(flatten)]
    mail: mail::Flags,
    /// Text for people, JSON for machines
    #[arg(long, env = "ORG_OPERATOR_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
}

#[derive(Debug, Args)]
struct LimitFlags {
    // More than the dialects' own 1 MiB, so that by default it is they who refuse, in their own words.
    /// The longest body of a request, in bytes. The dialects take 1 MiB at most, whatever this says
    #[arg(long, default_value_t = 2 * 1024 * 1024, value_name = "BYTES")]
    body_limit: usize,
    /// Requests that each listener takes in a second, of all clients together
    #[arg(long, default_value = "1000", value_name = "REQUESTS")]
    rate_limit: NonZeroU32,
    /// Connections that each listener has open at a time
    #[arg(long, default_value_t = 512, value_name = "CONNECTIONS", value_parser = connections)]
    connection_limit: usize,
    /// How long a client may take for the head of a request, and send none
    #[arg(long, default_value = "30s", value_name = "DURATION", value_parser = duration)]
    header_timeout: Duration,
    /// How long a request may take, its body included, and for how long a client may read nothing of its answer
    #[arg(long, default_value = "30s", value_name = "DURATION", value_parser = duration)]
    request_timeout: Duration,
    /// How long requests under way have when the backend is told to stop
    #[arg(long, default_value = "10s", value_name = "DURATION", value_parser = duration)]
    drain_timeout: Duration,
}

impl Backend {
    pub(super) fn main(self) -> Result<(), Failure> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        match self.command {
            Some(Command::Invitations(list)) => runtime.block_on(list.run()),
            None => {
                telemetry::init(self.serve.log_format)?;
                runtime.block_on(self.serve.run())
            }
        }
    }
}

impl LimitFlags {
    fn limits(&self) -> Limits {
        Limits {
            body: self.body_limit,
            requests_per_second: self.rate_limit,
            connections: self.connection_limit,
            header: self.header_timeout,
            request: self.request_timeout,
            drain: self.drain_timeout,
        }
    }
}

/// What links begin with: without a trailing slash, because what follows begins with one.
fn public_url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
    let plain = !rest.contains(['?', '#', '@', '"', '<', '>']) && !rest.contains(char::is_whitespace);
    if rest.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '[') && plain {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err("write https://HOST, with a port and a path where needed".to_owned())
    }
}

/// At least one, and no more than a semaphore counts.
fn connections(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=1_000_000) => Ok(number),
        _ => Err("write a number from 1 to 1000000".to_owned()),
    }
}
