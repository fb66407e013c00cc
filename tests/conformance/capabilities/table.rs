//! The table, in the test's output and in README.md.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::{env, fs, io};

use org_operator::domain::capability::{Capability, Support};

use super::{Outcome, Tried};

const BEGIN: &str = "<!-- capabilities:begin -->\n";
const END: &str = "<!-- capabilities:end -->";

fn cell(tried: Tried) -> &'static str {
    match (tried.said, tried.outcome) {
        (Support::Supported, Outcome::Works) => "works",
        (_, Outcome::Works) => "tried: works",
        (Support::Unsupported, Outcome::Unsupported) => "-",
        (_, Outcome::Unsupported) => "tried: -",
    }
}

/// A row for each capability. Servers that differ in none share a column.
fn table(columns: &[(String, Vec<Tried>)]) -> String {
    let mut shared: Vec<(Vec<&str>, &Vec<Tried>)> = Vec::new();
    for (label, cells) in columns {
        match shared.iter_mut().find(|(_, other)| *other == cells) {
            None => shared.push((vec![label], cells)),
            Some((labels, _)) => labels.push(label.split_once(", ").map_or(&**label, |(_, quirk)| quirk)),
        }
    }
    let heading = |labels: &[&str]| match labels {
        [first, others @ ..] if !others.is_empty() => format!("{first} (also {})", others.join(", ")),
        labels => labels.join(", "),
    };
    let mut text = String::from("| |");
    for (labels, _) in &shared {
        write!(text, " {} |", heading(labels)).unwrap();
    }
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(shared.len()));
    for (row, capability) in Capability::ALL.into_iter().enumerate() {
        write!(text, "\n| {} |", capability.name()).unwrap();
        for (_, cells) in &shared {
            write!(text, " {} |", cell(cells[row])).unwrap();
        }
    }
    text.push('\n');
    text
}

/// Prints it, and compares it with the one in README.md, or writes it there.
pub(super) fn check(columns: &[(String, Vec<Tried>)]) {
    let found = table(columns);
    // Past the harness, which keeps what a test that passes prints to itself.
    writeln!(io::stdout().lock(), "\n{found}").unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).expect("README.md has no place for the table");
    let (shown, after) = rest.split_once(END).expect("README.md has no end of the table");
    if env::var_os("UPDATE_README").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{found}{END}{after}")).unwrap();
        return;
    }
    assert!(shown == found, "README.md shows other capabilities than were found: run `make generate`\n{found}");
}
