//! `org-operator crds`

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;

use super::Failure;
use crate::api;

/// The custom resource definitions.
#[derive(Debug, Args)]
pub(super) struct Crds {
    /// Write one file for each kind into this directory instead
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be written: choose another --dir")]
struct Unwritable {
    path: String,
    source: std::io::Error,
}

impl Crds {
    pub(super) fn main(self) -> Result<(), Failure> {
        let Some(dir) = self.dir else {
            return match std::io::stdout().write_all(api::crds_yaml()?.as_bytes()) {
                // Whoever reads has seen enough, as `head` does.
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
                written => Ok(written?),
            };
        };
        for (name, yaml) in api::crd_files()? {
            let path = dir.join(name);
            std::fs::create_dir_all(&dir)
                .and_then(|()| std::fs::write(&path, yaml))
                .map_err(|source| Unwritable { path: path.display().to_string(), source })?;
        }
        Ok(())
    }
}
