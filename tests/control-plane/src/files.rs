//! The files that the programs of a plane read, in the plane's directory.

use std::io;
use std::path::{Path, PathBuf};

use crate::certificates::{Certificates, Identity};
use crate::kubeconfig::{self, Credential};

/// The authority's certificate in the plane's directory.
pub(crate) const AUTHORITY: &str = "ca.pem";

/// Why they could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FilesError {
    /// A file cannot be written.
    #[error("{} cannot be written", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Certificates cannot be made.
    #[error("the plane's certificates cannot be made")]
    Certificates(#[from] rcgen::Error),
}

/// The files that the programs read.
pub(crate) struct Files {
    certificates: Certificates,
    /// The authority's certificate.
    pub(crate) authority: PathBuf,
    /// The API server's certificate.
    pub(crate) server_certificate: PathBuf,
    /// The API server's private key.
    pub(crate) server_key: PathBuf,
    /// The key that signs service account tokens.
    pub(crate) token_key: PathBuf,
    /// The key that verifies them.
    pub(crate) token_public_key: PathBuf,
    /// What the API server logs.
    pub(crate) audit_policy: PathBuf,
    /// Where it logs it.
    pub(crate) audit_log: PathBuf,
    /// The kubeconfig of a member of `system:masters`.
    pub(crate) admin: PathBuf,
    /// The kubeconfig of kube-controller-manager.
    pub(crate) controller_manager: PathBuf,
}

impl Files {
    /// Makes new certificates and writes all but the kubeconfigs, which need a port.
    pub(crate) fn write(dir: &Path) -> Result<Self, FilesError> {
        let files = Self {
            certificates: Certificates::generate()?,
            authority: dir.join(AUTHORITY),
            server_certificate: dir.join("kube-apiserver.pem"),
            server_key: dir.join("kube-apiserver-key.pem"),
            token_key: dir.join("service-account-key.pem"),
            token_public_key: dir.join("service-account.pem"),
            audit_policy: dir.join("audit-policy.yaml"),
            audit_log: dir.join("audit.log"),
            admin: dir.join("admin.kubeconfig"),
            controller_manager: dir.join("kube-controller-manager.kubeconfig"),
        };
        write(&files.authority, &files.certificates.authority)?;
        write(&files.server_certificate, &files.certificates.server.certificate)?;
        write(&files.server_key, &files.certificates.server.key)?;
        write(&files.token_key, &files.certificates.token_key)?;
        write(&files.token_public_key, &files.certificates.token_public_key)?;
        write(&files.audit_policy, include_str!("audit-policy.yaml"))?;
        // Its readers may come before the first event.
        write(&files.audit_log, "")?;
        Ok(files)
    }

    /// Writes the kubeconfigs for an API server on that port of 127.0.0.1.
    pub(crate) fn write_kubeconfigs(&self, port: u16) -> Result<(), FilesError> {
        let server = format!("https://127.0.0.1:{port}");
        let certificates = &self.certificates;
        for (path, identity) in
            [(&self.admin, &certificates.admin), (&self.controller_manager, &certificates.controller_manager)]
        {
            let Identity { certificate, key } = identity;
            let credential = Credential::Certificate { certificate, key };
            write(path, &kubeconfig::document(&server, &certificates.authority, credential, "default").to_string())?;
        }
        Ok(())
    }
}

fn write(path: &Path, text: &str) -> Result<(), FilesError> {
    kubeconfig::write_private(path, text).map_err(|source| FilesError::File { path: path.to_owned(), source })
}
