//! Passwords: Argon2id, off the async threads, at most two at a time.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use super::error::DirectoryError;

/// How many hashings run at a time: each takes 19 MiB and a whole core.
const AT_A_TIME: usize = 2;

const LANES: u32 = 1;

/// Why a password could not be hashed.
#[derive(Debug, thiserror::Error)]
enum HashingError {
    #[error("the parameters of the password hash are refused")]
    Parameters(#[source] argon2::Error),
    #[error("the password cannot be hashed")]
    Hash(#[source] argon2::password_hash::Error),
    #[error("the stored password hash cannot be read")]
    Stored(#[source] argon2::password_hash::phc::Error),
}

/// What a password's hash costs whoever tries many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hashing {
    /// OWASP's Password Storage Cheat Sheet, first choice for Argon2id: 19 MiB of memory, two passes, one lane.
    #[default]
    Recommended,
    /// As little as the algorithm allows: for tests that make thousands of directories, and for nothing else.
    Least,
}

impl Hashing {
    fn argon2(self) -> Result<Argon2<'static>, HashingError> {
        let (memory_kib, passes) = match self {
            Self::Recommended => (19 * 1024, 2),
            Self::Least => (Params::MIN_M_COST, Params::MIN_T_COST),
        };
        let params = Params::new(memory_kib, passes, LANES, None).map_err(HashingError::Parameters)?;
        Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
    }
}

/// Hashes and verifies passwords.
#[derive(Clone, Debug)]
pub(super) struct Passwords {
    hashing: Hashing,
    permits: Arc<Semaphore>,
    /// What a login without a user is verified against, so that it costs what any login costs.
    nobody: Arc<str>,
    #[cfg(test)]
    gauge: Arc<tests::Gauge>,
}

impl Passwords {
    /// Hashes one random value, which no password can be, for logins without a user.
    pub(super) async fn new(hashing: Hashing) -> Result<Self, DirectoryError> {
        let mut passwords = Self {
            hashing,
            permits: Arc::new(Semaphore::new(AT_A_TIME)),
            nobody: "".into(),
            #[cfg(test)]
            gauge: Arc::default(),
        };
        let unknown = SecretString::from(uuid::Uuid::new_v4().to_string());
        passwords.nobody = passwords.hash(unknown).await?.into();
        Ok(passwords)
    }

    /// The PHC string of that password, with a random salt.
    pub(super) async fn hash(&self, password: SecretString) -> Result<String, DirectoryError> {
        let hashing = self.hashing;
        self.run(move || {
            let hash: PasswordHash =
                hashing.argon2()?.hash_password(password.expose_secret().as_bytes()).map_err(HashingError::Hash)?;
            Ok(hash.to_string())
        })
        .await
    }

    /// Whether that is the password of that PHC string; without one it does the same work and says no.
    pub(super) async fn verify(&self, password: SecretString, stored: Option<String>) -> Result<bool, DirectoryError> {
        let (nobody, hashing) = (Arc::clone(&self.nobody), self.hashing);
        self.run(move || {
            let parsed = PasswordHash::new(stored.as_deref().unwrap_or(&nobody)).map_err(HashingError::Stored)?;
            let matches = match hashing.argon2()?.verify_password(password.expose_secret().as_bytes(), &parsed) {
                Ok(()) => true,
                Err(argon2::password_hash::Error::PasswordInvalid) => false,
                Err(error) => return Err(HashingError::Hash(error)),
            };
            Ok(matches && stored.is_some())
        })
        .await
    }

    /// Runs that on a blocking thread once one of the permits is free. The permit goes with the work, because a caller
    /// who gives up does not stop it.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, HashingError> + Send + 'static,
    ) -> Result<T, DirectoryError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(DirectoryError::unavailable)?;
        #[cfg(test)]
        let gauge = Arc::clone(&self.gauge);
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            #[cfg(test)]
            let _running = gauge.enter();
            work()
        })
        .await
        .map_err(DirectoryError::unavailable)?
        .map_err(DirectoryError::unavailable)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// How many hashings run, how many ever ran at once, and how many there were.
    #[derive(Debug, Default)]
    pub(in crate::embedded) struct Gauge {
        running: AtomicUsize,
        peak: AtomicUsize,
        total: AtomicUsize,
    }

    pub(in crate::embedded) struct Running<'a>(&'a Gauge);

    impl Gauge {
        pub(super) fn enter(&self) -> Running<'_> {
            let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
            self.peak.fetch_max(running, Ordering::SeqCst);
            self.total.fetch_add(1, Ordering::SeqCst);
            Running(self)
        }
    }

    impl Drop for Running<'_> {
        fn drop(&mut self) {
            self.0.running.fetch_sub(1, Ordering::SeqCst);
        }
    }

    impl Passwords {
        pub(in crate::embedded) fn most_at_once(&self) -> usize {
            self.gauge.peak.load(Ordering::SeqCst)
        }

        pub(in crate::embedded) fn so_far(&self) -> usize {
            self.gauge.total.load(Ordering::SeqCst)
        }
    }

    #[tokio::test]
    async fn a_hash_verifies_its_own_password_only() {
        let passwords = Passwords::new(Hashing::default()).await.unwrap();
        let stored = passwords.hash("correct horse".into()).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(passwords.verify("correct horse".into(), Some(stored.clone())).await.unwrap());
        assert!(!passwords.verify("correct horsf".into(), Some(stored.clone())).await.unwrap());
        assert!(!passwords.verify("".into(), Some(stored.clone())).await.unwrap());
        assert_ne!(passwords.hash("correct horse".into()).await.unwrap(), stored, "salted");
    }

    #[tokio::test]
    async fn without_a_hash_nothing_verifies() {
        let passwords = Passwords::new(Hashing::default()).await.unwrap();
        assert!(!passwords.verify("anything".into(), None).await.unwrap());
    }

    #[tokio::test]
    async fn a_stored_hash_that_cannot_be_read_is_an_error_and_not_a_no() {
        let passwords = Passwords::new(Hashing::default()).await.unwrap();
        let error = passwords.verify("x".into(), Some("plain".to_owned())).await;
        assert!(matches!(error, Err(DirectoryError::Unavailable(_))), "{error:?}");
    }

    #[tokio::test]
    async fn two_run_at_a_time_and_never_three() {
        let passwords = Passwords::new(Hashing::default()).await.unwrap();
        // Each waits for a second one beside it, so this ends only if two run at once.
        let pair = Arc::new(Barrier::new(2));
        let all = (0..8).map(|_| {
            let pair = Arc::clone(&pair);
            passwords.run(move || {
                pair.wait();
                Ok(())
            })
        });
        futures::future::try_join_all(all).await.unwrap();
        assert_eq!(passwords.most_at_once(), 2);
    }

    #[tokio::test]
    async fn a_caller_who_gives_up_does_not_make_room_for_a_third() {
        let passwords = Passwords::new(Hashing::default()).await.unwrap();
        let (release, held) = std::sync::mpsc::channel::<()>();
        let mut abandoned = Box::pin(passwords.run(move || {
            // Ends when the sender is dropped.
            let _ = held.recv();
            Ok(())
        }));
        assert!(futures::poll!(&mut abandoned).is_pending());
        drop(abandoned);
        assert_eq!(passwords.permits.available_permits(), 1);
        drop(release);
        let _both = passwords.permits.acquire_many(2).await.unwrap();
    }
}
