//! The mail server on the command line.

use std::path::{Path, PathBuf};

use clap::Args;
use lettre::message::Mailbox;
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::super::Failure;
use crate::server::backend::mail::{Courier, Settings};

/// Where invitations are sent from.
#[derive(Debug, Args)]
pub(super) struct Flags {
    /// The mail server that takes invitations: `smtp://HOST:PORT`, `smtps://HOST:PORT` or
    /// `smtp://HOST:PORT?tls=required`.
    /// Without one they are kept, and listed by `org-operator backend invitations`
    #[arg(
        long = "smtp-url",
        env = "ORG_OPERATOR_SMTP_URL",
        hide_env_values = true,
        value_name = "URL",
        requires = "from"
    )]
    url: Option<String>,
    /// Who writes the invitations, such as 'Edge <edge@example.org>'
    #[arg(long = "smtp-from", env = "ORG_OPERATOR_SMTP_FROM", value_name = "ADDRESS", value_parser = mailbox)]
    from: Option<Mailbox>,
    /// The user at the mail server, where it wants one
    #[arg(long = "smtp-user", env = "ORG_OPERATOR_SMTP_USER", value_name = "USER", requires = "password_file")]
    user: Option<String>,
    /// File with that user's password
    #[arg(
        long = "smtp-password-file",
        env = "ORG_OPERATOR_SMTP_PASSWORD_FILE",
        value_name = "FILE",
        requires = "user"
    )]
    password_file: Option<PathBuf>,
    /// PEM certificates of authorities that the mail server's is trusted by, beside the system's
    #[arg(long = "smtp-ca-file", env = "ORG_OPERATOR_SMTP_CA_FILE", value_name = "FILE", requires = "url")]
    ca_file: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
#[error("cannot read {}: make the file readable for this user, or name another with --{flag}", path.display())]
struct Unreadable {
    path: PathBuf,
    flag: &'static str,
    source: std::io::Error,
}

impl Flags {
    /// The courier, where a mail server is given, whose links begin with `base`.
    pub(super) fn courier(&self, base: String) -> Result<Option<Courier>, Failure> {
        let (Some(url), Some(from)) = (&self.url, &self.from) else { return Ok(None) };
        let login = match (&self.user, &self.password_file) {
            (Some(user), Some(path)) => {
                let text = Zeroizing::new(read(path, "smtp-password-file")?);
                Some((user.clone(), SecretString::from(text.trim_end_matches(['\r', '\n']))))
            }
            _ => None,
        };
        let authorities = match &self.ca_file {
            Some(path) => Some(read(path, "smtp-ca-file")?.into_bytes()),
            None => None,
        };
        Ok(Some(Courier::new(Settings { url: url.clone(), login, authorities, from: from.clone(), base })?))
    }
}

fn read(path: &Path, flag: &'static str) -> Result<String, Unreadable> {
    std::fs::read_to_string(path).map_err(|source| Unreadable { path: path.to_owned(), flag, source })
}

fn mailbox(text: &str) -> Result<Mailbox, String> {
    text.parse().map_err(|_| "write an address such as edge@example.org or 'Edge <edge@example.org>'".to_owned())
}
