//! RSA key pairs: generated, written as PEM, read from a user's own file, and made ahead.
//!
//! `aws-lc-rs` generates, because it takes less than half of openssl's time; `rsa` and its companions parse, check and
//! encode, because they show a key's numbers. A private key in memory is zeroed when it is dropped and never printed.
//!
//! Everything here but [`KeyPool::take`] computes on the calling thread, from milliseconds ([`passphrase`]) to seconds
//! ([`generate`]): call it off the async threads.

mod encode;
mod import;
mod legacy;
mod pbes2;
mod pem;
mod pool;
mod public;
mod random;
#[cfg(test)]
mod tools;

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa;
use zeroize::Zeroizing;

use crate::domain::key::KeySize;

pub use encode::{EncodedKeyPair, encode};
pub use import::{ImportError, ImportedKey, MAXIMUM_BITS, MAXIMUM_FILE_BYTES, fingerprint, import};
pub use pool::KeyPool;
pub use random::{nonce, passphrase, password};

/// Why a key or a passphrase could not be made. All of these are the machine's state, not the user's manifest: another
/// try may succeed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The operating system's random generator failed.
    #[error("the operating system gave no random bytes")]
    Randomness(#[source] getrandom::Error),
    /// The cryptographic library failed; it does not say why.
    #[error("generating an RSA key of {bits} bits failed")]
    Generation {
        /// Length of the key that was asked for.
        bits: usize,
    },
    /// The key's bytes could not be read back or written.
    #[error("writing the generated RSA key failed")]
    Encoding(#[from] pkcs8::Error),
    /// The generator panicked, or the pool was dropped while a key was waited for.
    #[error("generating an RSA key was cut short")]
    Interrupted,
    /// No thread could be started for the generator.
    #[error("no thread could be started to generate an RSA key")]
    NoThread(#[source] std::io::Error),
}

/// A generated RSA key: PKCS#8 in DER, not encrypted, zeroed on drop as each copy is. It prints as its type's name alone.
#[derive(Clone)]
pub struct PrivateKey {
    pkcs8: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").finish_non_exhaustive()
    }
}

/// Generates an RSA key with the public exponent 65537.
///
/// Blocks: RSA-4096 takes around half a second of one core, and now and then four times that, because the search for
/// primes is a matter of luck.
pub fn generate(size: KeySize) -> Result<PrivateKey, KeyError> {
    let failed = |_| KeyError::Generation { bits: size.bits() };
    let pair = rsa::KeyPair::generate(match size {
        KeySize::Rsa2048 => rsa::KeySize::Rsa2048,
        KeySize::Rsa3072 => rsa::KeySize::Rsa3072,
        KeySize::Rsa4096 => rsa::KeySize::Rsa4096,
    })
    .map_err(failed)?;
    // The library zeroes its own copy when `der` goes.
    let der: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
    Ok(PrivateKey { pkcs8: Zeroizing::new(der.as_ref().to_vec()) })
}
