//! A granted tenant that tries to take over, rename, squat, plant, delete and find out what is not its own.
//!
//! - [`scene`]: who is there.
//! - [`moves`]: what a move is and what can come of it.
//! - [`by_server`], [`by_operator`], [`planted`]: the moves.
//! - [`outside`]: what others have and what may be told of it.

mod by_operator;
mod by_server;
mod moves;
mod outside;
mod planted;
mod scene;

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};

use super::support::{condition, eventually};
use moves::{Given, Made, Move, Objects};
use outside::Namespace;
use scene::Scene;

/// How long the operator may take for all moves together.
const ANSWERED: Duration = Duration::from_secs(40);
/// What the operator reads of the victim's whenever it looks at it.
const VICTIMS: [&str; 4] = ["quartz-org-keypair", "quartz-org-admin", "quartz-clerk-credentials", "quartz-pipe-token"];

/// Moves, made all at once.
struct Play {
    moves: Vec<Move>,
    made: Vec<Made>,
    /// All that the tenant has written.
    given: Given,
    /// Requests that were answered otherwise.
    failures: Vec<String>,
}

impl Play {
    /// Makes every move.
    async fn of(scene: &Scene) -> Self {
        let moves: Vec<Move> =
            [by_server::moves(), by_operator::moves(), planted::moves()].into_iter().flatten().collect();
        let names: BTreeSet<&str> = moves.iter().map(|attempt| attempt.name.as_str()).collect();
        assert_eq!(names.len(), moves.len(), "two moves have one name");
        assert!(moves.len() >= 50, "{}", moves.len());
        let answers = join_all(moves.iter().map(async |attempt| attempt.make(scene).await)).await;
        let (mut failures, mut given) = (Vec::new(), scene.given.clone());
        let mut made = Vec::new();
        for (attempt, answer) in moves.iter().zip(answers) {
            let answer = answer.unwrap_or_else(|error| {
                failures.push(format!("{}: {error}", attempt.name));
                Made::default()
            });
            for (object, text) in &answer.given {
                given.entry(object.clone()).or_default().push_str(text);
            }
            made.push(answer);
        }
        Self { moves, made, given, failures }
    }

    /// What did not come of the moves as it must.
    fn wrong(&self, seen: &Objects, scene: &Scene) -> Vec<String> {
        let judged = self.moves.iter().zip(&self.made).map(|(attempt, made)| {
            let wrong = attempt.judge(made, seen, scene).err()?;
            Some(format!("{}: {wrong}", attempt.name))
        });
        judged.flatten().collect()
    }

    /// Waits until all has come of them that must, or must have; and then until the victim was looked at once more.
    async fn settle(&self, scene: &Scene) -> Result<(), String> {
        let settled = eventually("all moves are answered", ANSWERED, async || {
            let wrong = self.wrong(&Objects::of(&scene.tenant).await, scene);
            if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
        });
        // What is wrong then is read again with all the rest.
        let _ = settled.await;
        let since = outside::now();
        eventually("the victim is looked at again", ANSWERED, async || {
            let read = outside::secrets_read(&scene.operator, scene.victim.namespace(), &since);
            if VICTIMS.iter().all(|name| read.contains(*name)) { Ok(()) } else { Err(format!("only {read:?}")) }
        })
        .await
    }
}

/// What objects say that must be told no more of others than of what is not there.
fn untold(scene: &Scene, seen: &Objects) -> Vec<String> {
    let said = |kind: &str, name: &str, word: &str| {
        let ready = condition(seen.get(kind, name).unwrap_or(&Value::Null), "Ready");
        let message = ready["message"].as_str().unwrap_or_default().replace(&scene.fill(word), "~");
        (ready["reason"].clone(), message)
    };
    let mut all = Vec::new();
    for [(kind, name, word), (other_kind, other_name, other_word)] in by_operator::TWINS {
        let (one, other) = (said(kind, name, word), said(other_kind, other_name, other_word));
        if one != other || one.1.is_empty() {
            all.push(format!("{kind} {name} says {one:?}, and {other_kind} {other_name} says {other:?}"));
        }
    }
    all
}

#[tokio::test]
async fn a_hostile_tenant_gets_nothing_of_others() {
    let mut scene = Scene::set().await;
    scene.operator.stop().await;
    let platform = outside::platform(&scene.operator).await;
    let tenant = scene.tenant.namespace().to_owned();
    scene.others = outside::ids(&outside::of_others(&platform, &tenant));
    scene.operator.run().await;
    let since = outside::now();
    let (owner, victim) = (Namespace::of(&scene.owner).await, Namespace::of(&scene.victim).await);
    let telling = outside::telling(&scene).await;
    assert!(telling.contains("Quartz Holdings") && telling.contains("clerk@quartz.example"), "{telling:#?}");

    let play = Play::of(&scene).await;
    let settled = play.settle(&scene).await;
    let seen = Objects::of(&scene.tenant).await;
    let mut failures = play.failures.clone();
    failures.extend(settled.err());
    failures.extend(play.wrong(&seen, &scene));
    failures.extend(untold(&scene, &seen));
    failures.extend(outside::unlabelled(&seen));
    failures.extend(outside::told(&scene, &seen, &telling, &play.given).await);
    failures.extend(Namespace::of(&scene.owner).await.differences(&owner));
    failures.extend(Namespace::of(&scene.victim).await.differences(&victim));
    failures.extend(outside::wrongly_read(&scene, &[(&scene.owner, &owner), (&scene.victim, &victim)], &since));
    failures.extend(still_works(&scene).await);
    failures.extend(a_stranger_keeps_no_platform(&scene).await);
    failures.extend(outside::logged(&scene).await);
    scene.operator.stop().await;
    failures.extend(outside::changes(&platform, &outside::platform(&scene.operator).await, &tenant));
    assert!(
        failures.is_empty(),
        "{} of {} moves and what is looked at after them went otherwise:\n\n{}\n\n{}",
        failures.len(),
        play.moves.len(),
        failures.join("\n\n"),
        scene.operator.log_tail()
    );
}

/// What others log in with, and what nobody does.
async fn still_works(scene: &Scene) -> Vec<String> {
    let (operator, mut all) = (&scene.operator, Vec::new());
    for (cluster, organization, secret, username) in [
        (&scene.victim, "Quartz Holdings", "quartz-org-admin", "quartz-chief"),
        (&scene.victim, "Quartz Holdings", "quartz-clerk-credentials", "q.clerk"),
        (&scene.owner, "Basalt Trust", "basalt-org-admin", "basalt-chief"),
        (&scene.owner, "Basalt Trust", "basalt-mason-credentials", "basalt-mason"),
    ] {
        let password = cluster.value(secret, "password").await;
        if operator.login(organization, username, &password).await.is_none() {
            all.push(format!("{username} of {organization} cannot log in any more"));
        }
    }
    for (cluster, secret) in
        [(&scene.victim, "quartz-pipe-token"), (&scene.owner, "basalt-hook-token"), (&scene.tenant, "tampered-token")]
    {
        if !operator.is_active(&cluster.value(secret, "token").await).await {
            all.push(format!("the token in {secret} does not work any more"));
        }
    }
    for username in ["planter", "editor"] {
        if operator.login("own", username, planted::CHOSEN).await.is_some() {
            all.push(format!("{username} logs in with a password that the operator did not make"));
        }
    }
    all
}

/// A Platform goes when its owner wants it to: one that it grants nothing holds it with no finalizer.
async fn a_stranger_keeps_no_platform(scene: &Scene) -> Option<String> {
    scene.owner.delete("Platform", "passing").await;
    let gone = eventually("a Platform goes that a stranger refers to", Duration::from_secs(10), async || {
        match scene.owner.get("Platform", "passing").await {
            None => Ok(()),
            Some(left) => Err(json!(condition(&left, "Ready")).to_string()),
        }
    });
    gone.await.err()
}
