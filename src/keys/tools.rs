//! The real `openssl` and `ssh-keygen`, which judge every format in the tests.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A directory of key files that goes with the test.
pub(super) struct Workshop {
    directory: tempfile::TempDir,
}

impl Workshop {
    pub(super) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
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

    /// Runs a tool in the directory and gives what it prints; the test fails if the tool does.
    pub(super) fn run(&self, tool: &str, arguments: &[&str]) -> String {
        let output = self.attempt(tool, arguments);
        assert!(
            output.status.success(),
            "{tool} {}: {}\n{}",
            arguments.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    pub(super) fn attempt(&self, tool: &str, arguments: &[&str]) -> Output {
        run_in(self.directory.path(), tool, arguments)
    }
}

fn run_in(directory: &Path, tool: &str, arguments: &[&str]) -> Output {
    match Command::new(tool)
        .args(arguments)
        .current_dir(directory)
        .output()
    {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            panic!(
                "{tool} is not installed and the tests need it; install it: apt-get install openssl openssh-client"
            )
        }
        Err(error) => panic!("{tool} did not start: {error}"),
    }
}
