//! The commands in `docs/platforms.md`, as they are, and the answers that it says they get.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::process::{Backend, Start};

/// The addresses that the commands name, and whose they are.
const ADDRESSES: [(&str, &str); 4] = [
    ("localhost:3000", "tyk"),
    ("localhost:8085", "rockfish-admin"),
    ("localhost:8080", "rockfish"),
    ("localhost:8090", "rockit"),
];
/// Members whose values every server makes for itself.
const OWN: [&str; 9] = ["id", "Meta", "self", "owner", "owner_id", "user", "organization", "token", "adminPW"];
/// Ends an answer on the shell's output.
const END: &str = "-- that was the answer --";

/// A fenced block: what stands behind the fence, and the text.
type Block = (String, String);

/// The blocks between the marks of a dialect.
fn blocks(dialect: &str) -> Vec<Block> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/platforms.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, rest) = text.split_once(&format!("<!-- excerpts:{dialect} -->")).unwrap();
    let (part, _) = rest.split_once("<!-- excerpts:end -->").unwrap();
    let mut blocks: Vec<Block> = Vec::new();
    let mut inside = false;
    for line in part.lines() {
        match line.strip_prefix("```") {
            Some(_) if inside => inside = false,
            Some(info) => {
                inside = true;
                blocks.push((info.to_owned(), String::new()));
            }
            None if inside => {
                let (_, text) = blocks.last_mut().unwrap();
                text.push_str(line);
                text.push('\n');
            }
            None => {}
        }
    }
    assert!(!inside && blocks.len() >= 4, "{dialect}: {blocks:?}");
    blocks
}

/// One shell for all commands of a dialect, in a directory where `./platforms` is the backend's data directory.
struct Shell {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
    /// What the document calls what is called otherwise here.
    called: BTreeMap<String, String>,
}

impl Shell {
    fn start(start: &Start, backend: &Backend) -> Self {
        std::os::unix::fs::symlink(start.data(), start.path("platforms")).unwrap();
        let mut child = Command::new("bash")
            .args(["-euo", "pipefail", "-s"])
            .current_dir(start.path(""))
            .env("no_proxy", "*")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let served = |(_, listener): &(&str, &str)| backend.listeners().contains(listener);
        let called = ADDRESSES.into_iter().filter(served);
        let called = called.map(|(said, listener)| (said.to_owned(), backend.address(listener).to_owned())).collect();
        Self { child, output, called }
    }

    /// A text of the document with what is called otherwise here.
    fn here(&self, text: &str) -> String {
        self.called.iter().fold(text.to_owned(), |text, (said, is)| text.replace(said, is))
    }

    /// Runs a block: what it prints.
    fn run(&mut self, block: &str) -> String {
        let input = self.child.stdin.as_mut().unwrap();
        let block = self.called.iter().fold(block.to_owned(), |text, (said, is)| text.replace(said, is));
        write!(input, "{block}\necho\necho '{END}'\n").unwrap();
        input.flush().unwrap();
        let mut printed = String::new();
        while !printed.ends_with(&format!("{END}\n")) {
            let read = self.output.read_line(&mut printed).unwrap();
            assert!(read > 0, "the shell has ended after\n{block}\n{printed}");
        }
        printed.trim_end().trim_end_matches(END).trim_end().to_owned()
    }

    /// Compares an answer with the document's, and learns what is called otherwise.
    fn compare(&mut self, info: &str, said: &str, answer: &str) {
        let (said, answer) = if info == "http" {
            let (said, answer) = (head_and_body(said), head_and_body(answer));
            let mut lines = said.0.lines();
            assert_eq!(answer.0.lines().next(), lines.next(), "{answer:?}");
            let headers = |head: &str| -> BTreeMap<String, String> {
                let pairs = head.lines().filter_map(|line| line.split_once(": "));
                pairs.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect()
            };
            let (wanted, has) = (headers(&said.0), headers(&answer.0));
            // The body tells which id the address has.
            self.compare_bodies(info, &said.1, &answer.1);
            for (name, value) in wanted {
                assert_eq!(has.get(&name), Some(&self.here(&value)), "{name} of {has:?}");
            }
            return;
        } else {
            (said, answer)
        };
        self.compare_bodies(info, said, answer);
    }

    fn compare_bodies(&mut self, info: &str, said: &str, answer: &str) {
        if said.trim().is_empty() {
            assert_eq!(answer.trim(), "");
            return;
        }
        let read = |text: &str| -> Value {
            serde_json::from_str(text).unwrap_or_else(|error| panic!("this is no JSON ({error}): {text}"))
        };
        let (said, answer) = (read(said), read(answer));
        self.same(&said, &answer, "", info.ends_with("among others"));
    }

    /// Member by member.
    fn same(&mut self, said: &Value, answer: &Value, member: &str, among_others: bool) {
        match (said, answer) {
            (Value::Object(said), Value::Object(answer)) => {
                let names = |object: &Map<String, Value>| object.keys().cloned().collect::<Vec<_>>();
                if among_others {
                    assert!(said.keys().all(|name| answer.contains_key(name)), "{said:?}\n{answer:?}");
                } else {
                    assert_eq!(names(said), names(answer), "the members of {member}");
                }
                for (name, value) in said {
                    self.same(value, &answer[name], name, false);
                }
            }
            (Value::Array(said), Value::Array(answer)) => {
                assert_eq!(said.len(), answer.len(), "{member}");
                said.iter().zip(answer).for_each(|(said, answer)| self.same(said, answer, member, false));
            }
            (Value::String(said), Value::String(answer)) if OWN.contains(&member) => {
                if self.here(said) != *answer {
                    self.learn(said, answer, member);
                }
            }
            _ => assert_eq!(said, answer, "{member}"),
        }
    }

    /// An address has an id at its end; all before it is the same.
    fn learn(&mut self, said: &str, answer: &str, member: &str) {
        assert!(!said.is_empty() && !answer.is_empty(), "{member}: {said:?} {answer:?}");
        let (said, answer) = match (said.rsplit_once('/'), answer.rsplit_once('/')) {
            (Some((before, said)), Some((is, answer))) => {
                assert_eq!(self.here(before), is, "{member}");
                (said, answer)
            }
            (None, None) => (said, answer),
            _ => panic!("{member}: {answer} is not like {said}"),
        };
        // Tokens are cut in the document, and so may be alike: the head tells that they are JWTs of that kind.
        if said.ends_with('…') {
            let head = |token: &str| -> Value {
                let (head, _) = token.split_once('.').unwrap();
                serde_json::from_slice(&URL_SAFE_NO_PAD.decode(head).unwrap()).unwrap()
            };
            assert_eq!(head(answer), head(said), "{answer}");
            return;
        }
        let before = self.called.insert(said.to_owned(), answer.to_owned());
        assert_eq!(before, None, "{member} was {before:?} and is {answer}");
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer as `curl -i` prints it.
fn head_and_body(text: &str) -> (String, String) {
    let text = text.replace('\r', "");
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    (head.trim().to_owned(), body.to_owned())
}

/// Runs every command, and compares every answer: how many there were.
async fn answers(dialect: &str) -> usize {
    let start = Start::new().with(format!("--dialect={dialect}"));
    let backend = start.run().await;
    let mut shell = Shell::start(&start, &backend);
    let (mut printed, mut compared) = (None, 0);
    for (info, text) in blocks(dialect) {
        if info == "sh" {
            printed = Some(shell.run(&text));
        } else {
            let answer = printed.take().expect("an answer follows its command");
            shell.compare(&info, &text, &answer);
            compared += 1;
        }
    }
    backend.stop().await;
    compared
}

#[tokio::test(flavor = "multi_thread")]
async fn tyks_page() {
    assert_eq!(answers("tyk").await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn rockfishs_page() {
    assert_eq!(answers("rockfish").await, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn rockits_pages() {
    assert_eq!(answers("rockit").await, 2);
}
