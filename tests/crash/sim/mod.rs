//! A simulation: an API server in memory, a platform's server with real state, a wire between them and the operator, and
//! one time for all.

pub(crate) mod agenda;
pub(crate) mod api;
pub(crate) mod broken;
pub(crate) mod cluster;
pub(crate) mod embedded;
pub(crate) mod fault;
pub(crate) mod guard;
pub(crate) mod operator;
pub(crate) mod platform;
pub(crate) mod process;
pub(crate) mod server;
pub(crate) mod stop;
pub(crate) mod time;
pub(crate) mod truth;
pub(crate) mod weather;
pub(crate) mod wire;

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use api_server::{ApiServer, Snapshot};
use org_operator::embedded::dialect::Quirk;
use org_operator::embedded::{Directory, Hashing};
use org_operator::fence::Fence;
use org_operator::platform::Embedded;
use tempfile::TempDir;

use self::agenda::Agenda;
use self::api::Api;
use self::broken::{Broken, Layer};
use self::embedded::Wired;
use self::guard::Guard;
use self::platform::Platforms;
use self::server::{Server, scratch};
use self::time::Time;
use self::wire::Wire;
use crate::real::part::Part;
use crate::twins::Twins;

/// When all counts as settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All is Ready. People do what they are asked.
    Ready,
    /// What is not Ready says why, and nobody can do anything about it that a simulation could.
    Answered,
    /// What is not Ready says why. Nobody does anything about it.
    Explained,
}

/// What is done in a world.
pub(crate) type Then = Box<dyn FnOnce(&mut World)>;

/// How it is told that a person made a User anew, because no other key could be had for the one that was there.
pub(crate) const ANEW: &str = "User made anew:";

/// What a person does with what is left behind, before letting its resource go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeftBehind {
    Stays,
    /// It is removed on the platform, as the message says.
    IsRemoved,
}

/// A world in which operators live and die.
pub(crate) struct World {
    pub(crate) time: Time,
    pub(crate) wire: Wire,
    pub(crate) api: Api,
    pub(crate) server: Server,
    pub(crate) directory: Directory,
    pub(crate) platforms: Platforms,
    /// The metrics of all lives.
    pub(crate) metrics: String,
    /// What a person was asked to decide, by kind and reason.
    pub(crate) asked: Vec<String>,
    /// What a person does with what is left behind.
    pub(crate) left_behind: LeftBehind,
    /// What a person deleted in order to make it again.
    pub(crate) again: Vec<serde_json::Value>,
    /// How many numbered requests had been made when something changed last.
    pub(crate) busy: usize,
    /// What happens by itself while an operator lives.
    pub(crate) agenda: Agenda,
    /// What is done, one after the other, each when all has come to rest, while the same operator lives on.
    pub(crate) then: VecDeque<Then>,
    /// When all counts as settled.
    pub(crate) wanted: Wanted,
    /// The platform is not what it was.
    pub(crate) platform_was_restored: bool,
    /// The platform or the cluster was restored from a backup.
    pub(crate) was_restored: bool,
    /// What is watched for where reads are late.
    pub(crate) twins: Option<Twins>,
    /// How the engine is broken on purpose.
    pub(crate) broken: Option<Broken>,
    /// Whether what is said to be Ready is looked at whenever something changed.
    pub(crate) looks: bool,
    files: TempDir,
}

/// A world that was put aside.
pub(crate) struct Kept {
    cluster: Snapshot,
    files: TempDir,
    time: Duration,
}

impl World {
    /// An empty world, or one that was put aside.
    pub(crate) fn new(server: &Server, quirk: Option<Quirk>, late: Duration, kept: Option<&Kept>) -> Self {
        let files = tempfile::tempdir_in(scratch()).expect("a directory");
        let time = Time::new();
        let clock = time.clone();
        let api = ApiServer::new(move || clock.now());
        if let Some(kept) = kept {
            time.pass(kept.time);
            api.restore(&kept.cluster);
            copy(kept.files.path(), files.path());
        }
        Self::on(server, quirk, late, api.into(), time, files)
    }

    /// An empty world on a part of a real API server.
    pub(crate) fn real(server: &Server, quirk: Option<Quirk>, late: Duration, part: Part, time: Time) -> Self {
        let files = tempfile::tempdir_in(scratch()).expect("a directory");
        Self::on(server, quirk, late, Api::Real(part), time, files)
    }

    fn on(server: &Server, quirk: Option<Quirk>, late: Duration, api: Api, time: Time, files: TempDir) -> Self {
        let wire = Wire::default();
        let path = files.path().to_owned();
        let directory = server
            .run(move || async move { Directory::open_with(&path, Hashing::Least).await })
            .expect("the directory opens");
        let guard = Guard { api: api.clone(), server: server.clone(), wire: wire.clone() };
        let platforms = Platforms::new(guard, &directory, time.clone(), quirk, late);
        let (server, metrics) = (server.clone(), String::new());
        Self {
            time,
            wire,
            api,
            server,
            directory,
            platforms,
            metrics,
            asked: Vec::new(),
            again: Vec::new(),
            busy: 0,
            left_behind: LeftBehind::Stays,
            agenda: Agenda::default(),
            then: VecDeque::new(),
            wanted: Wanted::Ready,
            platform_was_restored: false,
            was_restored: false,
            twins: None,
            broken: None,
            looks: false,
            files,
        }
    }

    /// Puts it aside as it is now.
    pub(crate) fn keep(self) -> Kept {
        self.close();
        let begun = Time::new().now();
        let time = self.time.now().duration_since(begun).unsigned_abs();
        Kept { cluster: self.api.snapshot(), files: self.files, time }
    }

    /// Whether the cluster was set back before all was settled.
    pub(crate) fn was_set_back(&self) -> bool {
        self.twins.as_ref().is_some_and(|twins| twins.was_set_back)
    }

    /// Lets the directory's files go. The server's thread is the next world's too.
    pub(crate) fn close(&self) {
        let directory = self.directory.clone();
        self.server.run(move || async move { directory.close().await });
    }

    /// The embedded platform of a life.
    fn embedded(&self, layer: Option<Layer>, fence: &Fence) -> Wired {
        Wired {
            inner: Embedded::new(self.directory.clone(), self.time.clock()).fenced(fence.clone()),
            guard: self.platforms.guard.clone(),
            time: self.time.clone(),
            directory: self.directory.clone(),
            layer,
        }
    }
}

impl World {
    /// From now on the platform's files are another process's.
    pub(crate) fn lend(&self) -> &Path {
        self.close();
        self.files.path()
    }

    /// The process has ended that had them.
    pub(crate) fn take_back(&mut self) {
        let path = self.files.path().to_owned();
        let opened = self.server.run(move || async move { Directory::open_with(&path, Hashing::Least).await });
        self.directory = opened.expect("the directory opens");
    }

    /// Something changed; what is asked after the last change only looks. What a person makes anew is another scenario's.
    pub(crate) fn changed(&mut self) {
        if !self.asked.iter().any(|asked| asked.starts_with(ANEW)) {
            self.busy = self.wire.seen();
        }
    }

    /// Nothing of what was asked so far is remembered.
    pub(crate) fn forget_what_was_asked(&mut self) {
        self.wire = Wire::default();
        self.platforms.guard.wire = self.wire.clone();
        (self.busy, self.asked) = (0, Vec::new());
    }

    /// Where the platform's files are, and a copy of them as they are now.
    pub(crate) fn back_up(&self) -> TempDir {
        back_up(self.files.path())
    }

    /// Where the platform's files are.
    pub(crate) fn path(&self) -> &Path {
        self.files.path()
    }

    /// The platform is restored from a backup of its files, or is begun anew.
    pub(crate) fn restore_platform(&mut self, backup: Option<&Path>) {
        let directory = self.directory.clone();
        self.server.run(move || async move { directory.close().await });
        self.files = tempfile::tempdir_in(scratch()).expect("a directory");
        if let Some(backup) = backup {
            copy(backup, self.files.path());
        }
        let path = self.files.path().to_owned();
        let opened = self.server.run(move || async move { Directory::open_with(&path, Hashing::Least).await });
        self.directory = opened.expect("the directory opens");
        self.platforms.serve(&self.directory);
        self.platform_was_restored = true;
        self.was_restored = true;
    }
}

/// A copy of the platform's files.
pub(crate) fn back_up(path: &Path) -> TempDir {
    let backup = tempfile::tempdir_in(scratch()).expect("a directory");
    copy(path, backup.path());
    backup
}

/// The directory's files; its lock is each directory's own.
fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
    }
}
