//! The credentials of the admin APIs: from a file, from the environment, or made once and kept beside the database.
//!
//! Never from the command line, which every user of the machine can read.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use crate::keys::{self, KeyError};

/// The bytes of ROCKIT's HMAC key: as long as what HMAC-SHA256 makes of it, as RFC 2104 advises.
const HMAC_KEY: usize = 32;

/// Files that credentials are read from.
#[derive(Debug, Default, Args)]
pub(super) struct Files {
    /// File with Tyk's admin secret. Default: `ORG_OPERATOR_TYK_ADMIN_SECRET`, else one is made
    #[arg(long = "tyk-admin-secret-file", value_name = "FILE")]
    tyk_admin_secret: Option<PathBuf>,
    /// File with Rockfish's invite code. Default: `ORG_OPERATOR_ROCKFISH_INVITE_CODE`, else one is made
    #[arg(long = "rockfish-invite-code-file", value_name = "FILE")]
    rockfish_invite_code: Option<PathBuf>,
    /// File with ROCKIT's admin secret, the base64 of the key that signs admin tokens. Default:
    /// `ORG_OPERATOR_ROCKIT_ADMIN_SECRET`, else one is made
    #[arg(long = "rockit-admin-secret-file", value_name = "FILE")]
    rockit_admin_secret: Option<PathBuf>,
    /// File with the key of ROCKIT's operator account, which may delete every organisation: a ready x-rockit-beauth-token,
    /// and the account's x-rockit-api-key. Default: `ORG_OPERATOR_ROCKIT_OPERATOR_KEY`, else one is made
    #[arg(long = "rockit-operator-key-file", value_name = "FILE")]
    rockit_operator_key: Option<PathBuf>,
}

/// What a credential is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Tyk's admin API.
    TykAdmin,
    /// Creating users on Rockfish's public API.
    RockfishInvite,
    /// The base64 of the key that signs ROCKIT's admin tokens.
    RockitAdmin,
    /// ROCKIT's backend API, to delete organisations.
    RockitOperator,
}

/// Why there is no credential.
#[derive(Debug, thiserror::Error)]
pub(super) enum CredentialError {
    /// The file is not there or may not be read.
    #[error("cannot read {what} from {}: make the file readable for this user, or name another", path.display())]
    Unreadable { what: &'static str, path: PathBuf, source: io::Error },
    /// There is nothing in it, or what is no credential.
    #[error("{place} has no {what} in it: {rule}")]
    Unusable { what: &'static str, place: String, rule: &'static str },
    /// None was given, and one that was made cannot be kept.
    #[error("cannot write {what} to {}: make the directory writable for this user", path.display())]
    Unwritable { what: &'static str, path: PathBuf, source: io::Error },
    /// None was given, and none can be made.
    #[error("the system gives no random numbers, which a credential needs")]
    NoRandomness(#[source] KeyError),
}

/// What a dialect's admin API asks for.
pub(super) struct Credential {
    pub(super) secret: SecretString,
    /// Where it is from: a path or a variable, never a value.
    pub(super) place: String,
    /// Whether it was made just now.
    pub(super) is_new: bool,
}

impl Files {
    /// The credential for that: of the file that was named, else of the environment, else of the dialect's own directory,
    /// where it is made if it is not there.
    pub(super) fn credential(&self, purpose: Purpose, directory: &Path) -> Result<Credential, CredentialError> {
        let named = match purpose {
            Purpose::TykAdmin => &self.tyk_admin_secret,
            Purpose::RockfishInvite => &self.rockfish_invite_code,
            Purpose::RockitAdmin => &self.rockit_admin_secret,
            Purpose::RockitOperator => &self.rockit_operator_key,
        };
        if let Some(path) = named {
            return purpose.read(path);
        }
        if let Some(value) = env::var_os(purpose.variable()) {
            let value = Zeroizing::new(value.into_string().unwrap_or_default());
            return purpose.checked(&value, purpose.variable().to_owned());
        }
        let path = directory.join(purpose.file());
        if path.exists() { purpose.read(&path) } else { purpose.make(&path) }
    }
}

impl Purpose {
    /// What it is called.
    pub(super) const fn what(self) -> &'static str {
        match self {
            Self::TykAdmin | Self::RockitAdmin => "admin secret",
            Self::RockfishInvite => "invite code",
            Self::RockitOperator => "operator key",
        }
    }

    const fn variable(self) -> &'static str {
        match self {
            Self::TykAdmin => "ORG_OPERATOR_TYK_ADMIN_SECRET",
            Self::RockfishInvite => "ORG_OPERATOR_ROCKFISH_INVITE_CODE",
            Self::RockitAdmin => "ORG_OPERATOR_ROCKIT_ADMIN_SECRET",
            Self::RockitOperator => "ORG_OPERATOR_ROCKIT_OPERATOR_KEY",
        }
    }

    /// Below the dialect's directory.
    const fn file(self) -> &'static str {
        match self {
            Self::TykAdmin | Self::RockitAdmin => "admin-secret",
            Self::RockfishInvite => "invite-code",
            Self::RockitOperator => "operator-key",
        }
    }

    fn read(self, path: &Path) -> Result<Credential, CredentialError> {
        let text = fs::read_to_string(path).map(Zeroizing::new).map_err(|source| CredentialError::Unreadable {
            what: self.what(),
            path: path.to_owned(),
            source,
        })?;
        self.checked(&text, path.display().to_string())
    }

    /// Editors end a file with a line break, and nobody means it.
    fn checked(self, text: &str, place: String) -> Result<Credential, CredentialError> {
        let text = text.trim();
        let rule = match self {
            _ if text.is_empty() => Some("write it there, or leave it away to have one made"),
            // An HTTP header carries it, and a URL.
            Self::TykAdmin | Self::RockfishInvite | Self::RockitOperator
                if !text.bytes().all(|byte| byte.is_ascii_graphic()) =>
            {
                Some("use letters, digits and signs without spaces")
            }
            Self::RockitAdmin if STANDARD.decode(text).map(Zeroizing::new).is_err() => {
                Some("it has to be base64, as `openssl rand -base64 32` writes it")
            }
            _ => None,
        };
        match rule {
            None => Ok(Credential { secret: SecretString::from(text), place, is_new: false }),
            Some(rule) => Err(CredentialError::Unusable { what: self.what(), place, rule }),
        }
    }

    /// Makes one, and has it on disk before anybody is told. The dialect's directory is locked, so nobody else does.
    fn make(self, path: &Path) -> Result<Credential, CredentialError> {
        let secret = match self {
            Self::TykAdmin | Self::RockfishInvite | Self::RockitOperator => {
                keys::passphrase().map_err(CredentialError::NoRandomness)?
            }
            Self::RockitAdmin => {
                let mut key = Zeroizing::new([0_u8; HMAC_KEY]);
                getrandom::fill(&mut *key).map_err(KeyError::Randomness).map_err(CredentialError::NoRandomness)?;
                SecretString::from(STANDARD.encode(*key))
            }
        };
        write_private(path, secret.expose_secret()).map_err(|source| CredentialError::Unwritable {
            what: self.what(),
            path: path.to_owned(),
            source,
        })?;
        Ok(Credential { secret, place: path.display().to_string(), is_new: true })
    }
}

/// Writes a file that only this user may read: whole or not at all, and on disk when this returns.
pub(super) fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    // What an earlier process left there may have another mode.
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    // Some file systems cannot sync a directory and say so; the file is there all the same.
    let _ = path.parent().map(|parent| File::open(parent).and_then(|opened| opened.sync_all()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    const ALL: [Purpose; 4] =
        [Purpose::TykAdmin, Purpose::RockfishInvite, Purpose::RockitAdmin, Purpose::RockitOperator];

    fn with(purpose: Purpose, path: PathBuf) -> Files {
        let (path, none) = (Some(path), Files::default());
        match purpose {
            Purpose::TykAdmin => Files { tyk_admin_secret: path, ..none },
            Purpose::RockfishInvite => Files { rockfish_invite_code: path, ..none },
            Purpose::RockitAdmin => Files { rockit_admin_secret: path, ..none },
            Purpose::RockitOperator => Files { rockit_operator_key: path, ..none },
        }
    }

    #[test]
    fn one_is_made_for_this_user_alone_and_kept() {
        for purpose in ALL {
            let directory = tempfile::tempdir().unwrap();
            fs::write(directory.path().join(purpose.file()).with_extension("unfinished"), "cut").unwrap();
            let made = Files::default().credential(purpose, directory.path()).unwrap();
            assert!(made.is_new && Path::new(&made.place).starts_with(directory.path()), "{}", made.place);
            assert_eq!(fs::metadata(&made.place).unwrap().permissions().mode() & 0o777, 0o600);
            assert!(made.secret.expose_secret().len() >= 32);
            let again = Files::default().credential(purpose, directory.path()).unwrap();
            assert_eq!(again.secret.expose_secret(), made.secret.expose_secret());
            assert!(!again.is_new);
            let other = Files::default().credential(purpose, tempfile::tempdir().unwrap().path()).unwrap();
            assert_ne!(other.secret.expose_secret(), made.secret.expose_secret());
        }
    }

    #[test]
    fn a_named_file_is_read_and_nothing_is_made() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mine");
        fs::write(&path, "aefah2Ef\n").unwrap();
        for purpose in ALL {
            let read = with(purpose, path.clone()).credential(purpose, directory.path()).unwrap();
            assert_eq!((read.secret.expose_secret(), read.is_new), ("aefah2Ef", false));
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_used_is_said_without_saying_what_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mine");
        for (purpose, text) in [
            (Purpose::TykAdmin, ""),
            (Purpose::TykAdmin, " \n"),
            (Purpose::TykAdmin, "two words"),
            (Purpose::RockfishInvite, "löchrig"),
            (Purpose::RockitAdmin, "not base64!"),
        ] {
            fs::write(&path, text).unwrap();
            let refused = with(purpose, path.clone()).credential(purpose, directory.path()).err().unwrap().to_string();
            assert!(refused.contains("mine has no "), "{refused}");
            assert!(text.trim().is_empty() || !refused.contains(text), "{refused}");
        }
        let gone =
            with(Purpose::TykAdmin, directory.path().join("gone")).credential(Purpose::TykAdmin, directory.path());
        assert!(gone.err().unwrap().to_string().contains("cannot read admin secret from "));
    }
}
