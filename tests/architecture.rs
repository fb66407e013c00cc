//! The order of the modules, and what the core must not know.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says that it failed by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

/// Each may use those before it, and the others of its own row.
const ORDER: &[&[&str]] = &[
    &["domain"],
    &["clock", "fence", "keys", "telemetry"],
    &["embedded"],
    &["platform", "kubernetes"],
    &["api"],
    &["controller"],
    &["server"],
    &["cli"],
    &["main"],
];

/// Neither a client nor a clock nor a source of randomness: the core is told what is so.
const NOT_IN_DOMAIN: &[&str] = &[
    "kube::",
    "reqwest",
    "tokio",
    "sqlx",
    "axum",
    "getrandom",
    "rand::",
    "SystemTime",
    "Instant",
    "Timestamp::now",
    "std::fs",
    "std::env",
    "std::net",
    "Uuid::new",
];

/// What a file may have at most, in lines. A longer one is about more than one thing.
const LINES: usize = 420;

/// A source file without its tests.
struct Source {
    path: PathBuf,
    /// The module below the crate that it belongs to.
    module: String,
    code: String,
    lines: usize,
}

/// Everything under `src/` but files that are all test.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut directories = vec![root.clone()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let is_test = name == "tests" || name.ends_with("_tests");
            if path.is_dir() && !is_test {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let below = path.strip_prefix(&root).unwrap();
                let first = below.components().next().unwrap().as_os_str().to_str().unwrap();
                let module = first.trim_end_matches(".rs").to_owned();
                let code = if is_test { String::new() } else { code(&text) };
                found.push(Source { module, code, lines: text.lines().count(), path });
            }
        }
    }
    assert!(found.len() > 50, "the sources are not where they should be");
    found
}

/// The text up to its tests module, without comments.
fn code(text: &str) -> String {
    let shipped = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    shipped.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The modules of this crate that a text names, by `crate::`, and by the crate's own name in the program.
fn used(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for root in ["crate::", "org_operator::"] {
        for (at, _) in code.match_indices(root) {
            let rest = code[at + root.len()..].trim_start();
            let group = rest.strip_prefix('{').map(top_level);
            names.extend(group.unwrap_or_else(|| vec![word(rest)]));
        }
    }
    names.retain(|name| name.starts_with(|first: char| first.is_ascii_lowercase()));
    names
}

/// The first words of a group's members: of `{api::{A, B}, keys}` they are `api` and `keys`.
fn top_level(inside: &str) -> Vec<String> {
    let (mut depth, mut start, mut members) = (0, 0, Vec::new());
    for (at, character) in inside.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => {
                members.push(word(inside[start..at].trim_start()));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                members.push(word(inside[start..at].trim_start()));
                start = at + 1;
            }
            _ => {}
        }
    }
    members
}

fn word(text: &str) -> String {
    text.chars().take_while(|character| character.is_ascii_alphanumeric() || *character == '_').collect()
}

fn rank(module: &str) -> Option<usize> {
    ORDER.iter().position(|row| row.contains(&module))
}

#[test]
fn a_module_uses_only_those_below_it() {
    let mut wrong = Vec::new();
    let mut uses = 0;
    for source in sources().iter().filter(|source| source.module != "lib") {
        let own = rank(&source.module);
        assert!(own.is_some(), "{} has no place in the order", source.path.display());
        for used in used(&source.code) {
            uses += 1;
            if used != source.module && rank(&used) >= own {
                wrong.push(format!("{} uses {used}", source.path.display()));
            } else if rank(&used).is_none() {
                wrong.push(format!("{} uses {used}, which has no place in the order", source.path.display()));
            }
        }
    }
    assert!(uses > 100, "the uses are not found: {uses}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_module_has_its_place() {
    let library = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let declared: Vec<String> = library
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ").or_else(|| line.strip_prefix("mod ")))
        .map(word)
        .collect();
    let mut listed: Vec<&str> = ORDER.concat();
    listed.retain(|module| *module != "main");
    listed.sort_unstable();
    assert_eq!(declared, listed, "src/lib.rs and the order name other modules");
}

#[test]
fn the_core_is_told_the_time_and_asks_nobody() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| source.module == "domain") {
        for word in NOT_IN_DOMAIN.iter().filter(|word| source.code.contains(**word)) {
            wrong.push(format!("{} uses {word}", source.path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_are_short() {
    let long: Vec<String> = sources()
        .iter()
        .filter(|source| source.lines > LINES)
        .map(|source| format!("{} has {} lines", source.path.display(), source.lines))
        .collect();
    assert!(long.is_empty(), "more than {LINES} lines:\n{}", long.join("\n"));
}

#[test]
fn uses_are_found_however_they_are_written() {
    let code = "use crate::{api::{A, B}, keys, controller::x::{self, Y}};\nlet z = crate::cli::main();\npub(crate) fn a() {}\norg_operator::server::go(); crate::Type";
    assert_eq!(used(code), ["api", "keys", "controller", "cli", "server"]);
    assert_eq!(trimmed("a // crate::b\n#[cfg(test)]\nmod tests {\n crate::c"), "a ");
}

fn trimmed(text: &str) -> String {
    code(text).trim_end_matches('\n').to_owned()
}
