//! `org-operator backend invitations`

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use tabwriter::TabWriter;

use super::super::Failure;
use super::credentials::write_private;
use super::public_url;
use crate::embedded::{Directory, Invitation};
use crate::server::backend::Dialect;
use crate::server::backend::mail::link;

/// Where the running backend keeps what its links begin with, below the dialect's directory.
const ADDRESS: &str = "public-url";

/// The invitations whose link nobody has opened yet.
#[derive(Debug, Args)]
pub(super) struct Invitations {
    /// The data directory of the backend
    #[arg(long, env = "ORG_OPERATOR_BACKEND_DATA_DIR", value_name = "DIR")]
    data_dir: PathBuf,
    /// What the links begin with. Default: as the backend was started last
    #[arg(long, env = "ORG_OPERATOR_ROCKIT_PUBLIC_URL", hide_env_values = true, value_name = "URL", value_parser = public_url)]
    rockit_public_url: Option<String>,
    /// A table for people, JSON for machines
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Output {
    /// A line for each
    Table,
    /// One array of objects
    Json,
}

/// Why nothing can be listed or kept.
#[derive(Debug, thiserror::Error)]
enum AddressError {
    #[error(
        "it is not known what the links begin with, because {} cannot be read: start the backend once, or give --rockit-public-url",
        path.display()
    )]
    Unknown { path: PathBuf, source: io::Error },
    #[error("cannot write {}: make the directory writable for this user", path.display())]
    Unwritable { path: PathBuf, source: io::Error },
}

/// One invitation as it is listed. The link enables the account; whoever may read the database could make it.
#[derive(Serialize)]
struct Listed<'a> {
    email: &'a str,
    organization: &'a str,
    username: &'a str,
    created: String,
    sent: Option<String>,
    link: &'a str,
}

impl Invitations {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let directory = self.data_dir.join(Dialect::Rockit.as_str());
        let invitations = Directory::invitations_of(&directory).await?;
        let base = match self.rockit_public_url {
            Some(base) => base,
            None => address(&directory)?,
        };
        let text = match self.output {
            Output::Table => table(&invitations, &base)?,
            Output::Json => json(&invitations, &base)?,
        };
        match io::stdout().write_all(text.as_bytes()) {
            // Whoever reads has seen enough, as `head` does.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => Ok(written?),
        }
    }
}

/// Keeps what the links begin with, for a listing while the backend runs and after.
pub(super) fn keep_address(directory: &Path, base: &str) -> Result<(), Failure> {
    let path = directory.join(ADDRESS);
    Ok(write_private(&path, base).map_err(|source| AddressError::Unwritable { path, source })?)
}

fn address(directory: &Path) -> Result<String, AddressError> {
    let path = directory.join(ADDRESS);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(source) => Err(AddressError::Unknown { path, source }),
    }
}

fn table(invitations: &[Invitation], base: &str) -> io::Result<String> {
    let mut writer = TabWriter::new(Vec::new()).padding(3);
    writeln!(writer, "EMAIL\tORGANIZATION\tUSERNAME\tCREATED\tSENT\tLINK")?;
    for one in invitations {
        writeln!(
            writer,
            "{}\t{}\t{}\t{}\t{}\t{}",
            cell(&one.email),
            cell(&one.organization),
            cell(&one.username),
            seconds(one.created_at),
            one.sent_at.map_or_else(|| "-".to_owned(), seconds),
            link(base, one).expose_secret(),
        )?;
    }
    let bytes = writer.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

fn json(invitations: &[Invitation], base: &str) -> serde_json::Result<String> {
    let links: Vec<_> = invitations.iter().map(|one| link(base, one)).collect();
    let listed: Vec<_> = invitations
        .iter()
        .zip(&links)
        .map(|(one, link)| Listed {
            email: &one.email,
            organization: &one.organization,
            username: &one.username,
            created: seconds(one.created_at),
            sent: one.sent_at.map(seconds),
            link: link.expose_secret(),
        })
        .collect();
    Ok(serde_json::to_string_pretty(&listed)? + "\n")
}

/// What a terminal would obey, and what would begin another column, is written out.
fn cell(text: &str) -> String {
    text.chars().flat_map(|one| if one.is_control() { one.escape_default().collect() } else { vec![one] }).collect()
}

fn seconds(time: jiff::Timestamp) -> String {
    format!("{time:.0}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn invitation(username: &str, sent: bool) -> Invitation {
        Invitation {
            id: "7".to_owned(),
            organization: "ExampleOrg".to_owned(),
            username: username.to_owned(),
            email: "jo@example.org".to_owned(),
            first_name: None,
            last_name: None,
            created_at: Timestamp::from_millisecond(1_700_000_000_400).unwrap(),
            sent_at: sent.then_some(Timestamp::from_millisecond(1_700_000_060_000).unwrap()),
            code: "c0de".into(),
        }
    }

    #[test]
    fn a_table_has_a_line_for_each_and_obeys_no_name() {
        let text =
            table(&[invitation("jo", false), invitation("e\tv\u{1b}[2J", true)], "http://127.0.0.1:8090").unwrap();
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[0], ["EMAIL", "ORGANIZATION", "USERNAME", "CREATED", "SENT", "LINK"]);
        let link = "http://127.0.0.1:8090/invitations/7/c0de";
        assert_eq!(lines[1], ["jo@example.org", "ExampleOrg", "jo", "2023-11-14T22:13:20Z", "-", link]);
        let eve = r"e\tv\u{1b}[2J";
        assert_eq!(
            lines[2],
            ["jo@example.org", "ExampleOrg", eve, "2023-11-14T22:13:20Z", "2023-11-14T22:14:20Z", link]
        );
        assert_eq!(lines.len(), 3, "{text}");
    }

    #[test]
    fn json_is_an_array() {
        let text = json(&[invitation("jo", false)], "http://127.0.0.1:8090").unwrap();
        let expected = serde_json::json!([{
            "email": "jo@example.org", "organization": "ExampleOrg", "username": "jo",
            "created": "2023-11-14T22:13:20Z", "sent": null, "link": "http://127.0.0.1:8090/invitations/7/c0de",
        }]);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), expected);
        assert_eq!(json(&[], "http://127.0.0.1:8090").unwrap(), "[]\n");
    }
}
