//! A killed process loses nothing that it acknowledged.

use std::env;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use org_operator::domain::entity::OfUser;
use org_operator::embedded::{Directory, OPERATOR};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::fixture::{at, new_organization, new_token, new_user};

/// With this set, the test's own program is the process to kill; it names the data directory.
const WRITE_TO: &str = "ORG_OPERATOR_TEST_WRITE_TO";

/// How many acknowledgements are read before each kill: early, in the thick of it, and after WAL checkpoints.
const KILL_AFTER: [usize; 10] = [1, 2, 5, 13, 34, 89, 233, 610, 1000, 3];

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // Gone already, or gone now.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn kill_9_loses_nothing_that_was_acknowledged() {
    if let Some(directory) = env::var_os(WRITE_TO) {
        write_until_killed(&PathBuf::from(directory));
    }
    let base = tempfile::tempdir().unwrap();
    let data = base.path().join("data");
    let mut acknowledged = Vec::new();
    for kill_after in KILL_AFTER {
        acknowledged.extend(write_and_kill(&data, kill_after));
        tokio::runtime::Runtime::new().unwrap().block_on(all_are_there(&data, &acknowledged));
    }
    assert!(acknowledged.len() >= KILL_AFTER.iter().sum(), "{}", acknowledged.len());
}

/// Starts a process that writes, kills it once it has acknowledged so much, and returns all that it did acknowledge.
fn write_and_kill(data: &Path, kill_after: usize) -> Vec<String> {
    let child = Command::new(env::current_exe().unwrap())
        .args(["durability::kill_9_loses_nothing_that_was_acknowledged", "--exact", "--nocapture"])
        .env(WRITE_TO, data)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = Killed(child);
    let mut output = BufReader::new(child.0.stdout.take().unwrap());
    let mut text = String::new();
    let mut seen = 0;
    while seen < kill_after {
        let from = text.len();
        assert_ne!(output.read_line(&mut text).unwrap(), 0, "the writing process ended: {text}");
        seen += usize::from(text[from..].starts_with("ack "));
    }
    child.0.kill().unwrap();
    // What it wrote between the last line read and its end was acknowledged as well.
    output.read_to_string(&mut text).unwrap();
    text.split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
        .filter_map(|line| line.strip_prefix("ack "))
        .map(|line| line.trim().to_owned())
        .collect()
}

async fn all_are_there(data: &Path, acknowledged: &[String]) {
    let directory = Directory::open(data).await.unwrap();
    for line in acknowledged {
        let parts: Vec<_> = line.split(' ').collect();
        let there = match parts.as_slice() {
            ["organization", id] => directory.organization(id).await.unwrap().is_some(),
            ["user", organization, id] => directory.user(organization, id).await.unwrap().is_some(),
            ["token", organization, user, id] => {
                let of = OfUser { organization_id: (*organization).to_owned(), user_id: (*user).to_owned() };
                directory.token(&of, id, at(1)).await.unwrap().is_some()
            }
            ["revoked", value] => directory.authenticate(&(*value).into(), at(1)).await.unwrap().is_none(),
            ["live", value] => directory.authenticate(&(*value).into(), at(1)).await.unwrap().is_some(),
            ["pruned", id] => directory.organization(id).await.unwrap().is_none(),
            other => panic!("{other:?}"),
        };
        assert!(there, "lost: {line}");
    }
    let mut database = SqliteConnectOptions::new().filename(data.join("directory.sqlite")).connect().await.unwrap();
    let verdict: String = sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut database).await.unwrap();
    assert_eq!(verdict, "ok");
    let dangling = sqlx::query("PRAGMA foreign_key_check").fetch_all(&mut database).await.unwrap();
    assert_eq!(dangling.len(), 0);
    database.close().await.unwrap();
    directory.close().await;
}

/// Never returns: eight tasks write, each saying what was acknowledged as soon as it was.
fn write_until_killed(data: &Path) -> ! {
    use secrecy::ExposeSecret as _;

    let acknowledge = |text: String| {
        let mut output = std::io::stdout().lock();
        output.write_all(format!("ack {text}\n").as_bytes()).unwrap();
        output.flush().unwrap();
    };
    let work = async {
        let directory = Directory::open(data).await.unwrap();
        let tasks = (0..8).map(|_| {
            let directory = directory.clone();
            tokio::spawn(async move {
                loop {
                    let name = uuid::Uuid::new_v4().to_string();
                    let new = new_organization(&name, &name);
                    let organization = directory.create_organization(&OPERATOR, new, at(0)).await.unwrap();
                    acknowledge(format!("organization {}", organization.id));
                    let user = new_user("k", &organization.id, "ci");
                    let user = directory.create_user(&OPERATOR, user, at(0)).await.unwrap();
                    acknowledge(format!("user {} {}", organization.id, user.id));
                    let of = OfUser { organization_id: organization.id.clone(), user_id: user.id.clone() };
                    let kept = directory.mint_token(&OPERATOR, new_token("a", &of), at(0)).await.unwrap();
                    acknowledge(format!("token {} {} {}", organization.id, user.id, kept.record.id));
                    acknowledge(format!("live {}", kept.one_time.unwrap().expose_secret()));
                    let lost = directory.mint_token(&OPERATOR, new_token("b", &of), at(0)).await.unwrap();
                    directory.revoke_token(&of, &lost.record.id, at(0)).await.unwrap();
                    acknowledge(format!("revoked {}", lost.one_time.unwrap().expose_secret()));
                    let name = uuid::Uuid::new_v4().to_string();
                    let new = new_organization(&name, &name);
                    let pruned = directory.create_organization(&OPERATOR, new, at(0)).await.unwrap();
                    directory.prune_organization(&pruned.id).await.unwrap();
                    acknowledge(format!("pruned {}", pruned.id));
                }
            })
        });
        futures::future::join_all(tasks).await
    };
    let ended: Vec<Result<(), tokio::task::JoinError>> = tokio::runtime::Runtime::new().unwrap().block_on(work);
    panic!("the writing tasks ended: {ended:?}");
}
