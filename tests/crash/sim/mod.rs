//! A simulation: an API server in memory, a platform's server with real state, a wire between them and the operator, and
//! one time for all.

pub(crate) mod broken;
pub(crate) mod cluster;
pub(crate) mod embedded;
pub(crate) mod fault;
pub(crate) mod operator;
pub(crate) mod platform;
pub(crate) mod process;
pub(crate) mod server;
pub(crate) mod stop;
pub(crate) mod time;
pub(crate) mod truth;
pub(crate) mod weather;
pub(crate) mod wire;

use std::path::Path;
use std::time::Duration;

use api_server::{ApiServer, Snapshot};
use org_operator::embedded::dialect::Quirk;
use org_operator::embedded::{Directory, Hashing};
use org_operator::fence::Fence;
use org_operator::platform::Embedded;
use tempfile::TempDir;

use self::broken::{Broken, Layer};
use self::embedded::Wired;
use self::platform::Platforms;
use self::server::{Server, scratch};
use self::time::Time;
use self::wire::Wire;

/// A world in which operators live and die.
pub(crate) struct World {
    pub(crate) time: Time,
    pub(crate) wire: Wire,
    pub(crate) api: ApiServer,
    pub(crate) server: Server,
    pub(crate) directory: Directory,
    pub(crate) platforms: Platforms,
    /// The metrics of all lives.
    pub(crate) metrics: String,
    /// What a person was asked to decide, by kind and reason.
    pub(crate) asked: Vec<String>,
    /// What a person deleted in order to make it again.
    pub(crate) again: Vec<serde_json::Value>,
    /// How many numbered requests had been made when something changed last.
    pub(crate) busy: usize,
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
        let (time, wire) = (Time::new(), Wire::default());
        let clock = time.clone();
        let api = ApiServer::new(move || clock.now());
        if let Some(kept) = kept {
            time.pass(kept.time);
            api.restore(&kept.cluster);
            copy(kept.files.path(), files.path());
        }
        let path = files.path().to_owned();
        let directory = server
            .run(move || async move { Directory::open_with(&path, Hashing::Least).await })
            .expect("the directory opens");
        let platforms = Platforms::new(server.clone(), &directory, wire.clone(), time.clone(), quirk, late);
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

    /// Lets the directory's files go. The server's thread is the next world's too.
    pub(crate) fn close(&self) {
        let directory = self.directory.clone();
        self.server.run(move || async move { directory.close().await });
    }

    /// The embedded platform of a life.
    fn embedded(&self, layer: Option<Layer>, fence: &Fence) -> Wired {
        Wired {
            inner: Embedded::new(self.directory.clone(), self.time.clock()).fenced(fence.clone()),
            server: self.server.clone(),
            wire: self.wire.clone(),
            time: self.time.clone(),
            directory: self.directory.clone(),
            layer,
        }
    }
}

/// The directory's files; its lock is each directory's own.
fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
    }
}
