//! The real `openssl` and `ssh-keygen`, which judge every format in the tests.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output};

/// A directory of key files that goes with the test.
pub(super) struct Workshop {
    directory: tempfile::TempDir,
}

impl Workshop {
    pub(super) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file that only its owner reads, as `ssh-keygen` demands of private keys.
    pub(super) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    pub(super) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Runs a command in the directory and gives what it prints; the test fails if the command does.
    pub(super) fn run(&self, command: &str) -> String {
        let output = self.attempt(command);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {}\n{complaint}", output.status);
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command in the directory. Blanks part its words, and `''` is the empty word; there is no other quoting.
    pub(super) fn attempt(&self, command: &str) -> Output {
        let mut words = command.split_whitespace().map(|word| if word == "''" { "" } else { word });
        let tool = words.next().unwrap();
        match Command::new(tool).args(words).current_dir(self.directory.path()).output() {
            Ok(output) => output,
            Err(error) if error.kind() == ErrorKind::NotFound => panic!(
                "{tool} is not installed and the tests need it; install it: apt-get install openssl openssh-client"
            ),
            Err(error) => panic!("{tool} did not start: {error}"),
        }
    }
}
