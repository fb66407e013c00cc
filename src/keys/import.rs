//! A user's own key pair: read, decrypted, checked.

use pkcs8::PrivateKeyInfo;
use pkcs8::der::Decode as _;
use rsa::BigUint;
use rsa::pkcs1::{self, EncodeRsaPrivateKey as _};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::legacy::{DekInfo, DekInfoError};
use super::pbes2;
use super::pem::{self, Block};
use super::public::{PublicKey, take_string};
use crate::domain::key::MINIMUM_BITS;

/// The most bits an imported key may have. It is openssl's own bound (`OPENSSL_RSA_MAX_MODULUS_BITS`); past it the
/// arithmetic that checks a key takes noticeable time.
pub const MAXIMUM_BITS: usize = 16_384;

/// The most bytes that the file of a private key may have. A key of [`MAXIMUM_BITS`] takes 13 KiB.
pub const MAXIMUM_FILE_BYTES: usize = 32 * 1024;

/// A user's key pair that passed every check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedKey {
    /// The public half, SubjectPublicKeyInfo PEM.
    pub public_pem: String,
    /// `SHA256:…`, what `ssh-keygen -l` prints for either half.
    pub fingerprint: String,
    /// Length of the modulus in bits.
    pub bits: usize,
    /// Whether the file is encrypted, and so needs its passphrase beside it.
    pub encrypted: bool,
}

/// Why a user's key pair is refused. Only the user can heal these. The messages are made for a condition: they say
/// what to do, never change between two tries, and hold nothing of the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// Longer than any key that is accepted.
    #[error(
        "the file is larger than {} KiB, which no RSA key of up to {MAXIMUM_BITS} bits needs: give the private key's \
         PEM file alone",
        MAXIMUM_FILE_BYTES / 1024
    )]
    FileTooLarge,
    /// No PEM block in it.
    #[error(
        "the private key is not PEM: give a file with a line `-----BEGIN RSA PRIVATE KEY-----` or `-----BEGIN \
         ENCRYPTED PRIVATE KEY-----`"
    )]
    NotPem,
    /// A certificate or a public key.
    #[error("the file has PEM in it, but no private key: give the private key's file")]
    NoPrivateKey,
    /// RSA, but in the format that `ssh-keygen` writes by default.
    #[error(
        "the private key is in OpenSSH's own format: convert a copy of it with `ssh-keygen -p -m PEM -f FILE`, which \
         asks for its passphrase"
    )]
    OpenSshFormat,
    /// Another kind of key.
    #[error("the private key is not an RSA key: make one with `ssh-keygen -t rsa -b 4096 -m PEM -f FILE`")]
    NotRsa,
    /// Encrypted, and no passphrase is given.
    #[error(
        "the private key is encrypted and needs a passphrase: name the Secret that holds it in passphraseSecretRef"
    )]
    PassphraseMissing,
    /// The passphrase does not open the file.
    #[error(
        "the passphrase does not open the private key: try it with `openssl pkey -in FILE -noout`, which asks for it"
    )]
    WrongPassphrase,
    /// Encrypted with something that is not offered.
    #[error(
        "the private key is encrypted in a way that is not supported: encrypt a copy of it with `openssl pkcs8 -topk8 \
         -v2 aes-256-cbc -in FILE -out NEWFILE`"
    )]
    UnsupportedEncryption,
    /// The key derivation is set to take longer, or more memory, than is given to it.
    #[error(
        "opening the private key takes too much computing: encrypt a copy of it with at most 5000000 rounds, such as \
         `openssl pkcs8 -topk8 -v2 aes-256-cbc -iter 600000 -in FILE -out NEWFILE`"
    )]
    TooCostly,
    /// PEM, but not the bytes that its label promises.
    #[error("the private key is damaged: compare the Secret with the file that it was made from")]
    Damaged,
    /// Three primes or more, or a public exponent past 33 bits.
    #[error(
        "the private key is an unusual RSA key (more than two primes, or a public exponent of more than 33 bits): \
         make another with `ssh-keygen -t rsa -b 4096 -m PEM -f FILE`"
    )]
    UnsupportedKey,
    /// The numbers in the private key's file do not make one key.
    #[error("the halves of the private key do not match: its numbers do not make one key, so the file was altered")]
    Inconsistent,
    /// The public half given is another key's.
    #[error(
        "the public key does not match the private key: make it from the private key with `openssl pkey -in FILE \
         -pubout`"
    )]
    PublicKeyDiffers,
    /// The public half given is not a public key.
    #[error("the public key cannot be read: make it from the private key with `openssl pkey -in FILE -pubout`")]
    PublicKeyUnreadable,
    /// Fewer bits than [`MINIMUM_BITS`].
    #[error(
        "the private key has {bits} bits and {MINIMUM_BITS} are the least: make another with `ssh-keygen -t rsa -b \
         4096 -m PEM -f FILE`"
    )]
    TooShort {
        /// Bits of the key.
        bits: usize,
    },
    /// More bits than [`MAXIMUM_BITS`].
    #[error(
        "the private key has {bits} bits and {MAXIMUM_BITS} are the most: make another with `ssh-keygen -t rsa -b 4096 \
         -m PEM -f FILE`"
    )]
    TooLong {
        /// Bits of the key.
        bits: usize,
    },
}

/// Reads and checks a user's private key, and the public half where one is given.
///
/// PKCS#1 and PKCS#8 PEM are accepted, plain or encrypted (`DEK-Info` with AES or triple DES; PBES2 with PBKDF2 or
/// scrypt). Line ends after the passphrase are left out, as `openssl -passin file:` does, because files have them. A
/// passphrase for a file that is not encrypted is not looked at. The public half may be SubjectPublicKeyInfo PEM,
/// PKCS#1 PEM or OpenSSH's line.
///
/// Blocks for milliseconds, or for as long as the file's own key derivation takes, which is bounded to seconds.
pub fn import(
    private_pem: &SecretString,
    passphrase: Option<&SecretString>,
    public_pem: Option<&str>,
) -> Result<ImportedKey, ImportError> {
    let text = private_pem.expose_secret();
    if text.len() > MAXIMUM_FILE_BYTES {
        return Err(ImportError::FileTooLarge);
    }
    let passphrase = passphrase.map(|passphrase| passphrase.expose_secret().trim_end_matches(['\r', '\n']).as_bytes());
    let block = private_block(text)?;
    let bytes = block.decode().ok_or(ImportError::Damaged)?;
    let encrypted = block.label == "ENCRYPTED PRIVATE KEY" || block.header("DEK-Info").is_some();
    let (key, bits) = match block.label {
        "RSA PRIVATE KEY" => match block.header("DEK-Info") {
            None => check(&bytes)?,
            Some(header) => opened(check(&open_legacy(header, passphrase, &bytes)?))?,
        },
        "PRIVATE KEY" => check_pkcs8(&bytes)?,
        "ENCRYPTED PRIVATE KEY" => {
            let passphrase = passphrase.ok_or(ImportError::PassphraseMissing)?;
            opened(check_pkcs8(&pbes2::decrypt(&bytes, passphrase)?))?
        }
        "OPENSSH PRIVATE KEY" => return Err(refuse_openssh(&bytes)),
        _ => return Err(ImportError::NotRsa),
    };
    if let Some(text) = public_pem
        && read_public(text)? != key
    {
        return Err(ImportError::PublicKeyDiffers);
    }
    let public_pem = key.to_pem().map_err(|_| ImportError::Damaged)?;
    Ok(ImportedKey { public_pem, fingerprint: key.fingerprint(), bits, encrypted })
}

/// The fingerprint of a public key in any of the forms that [`import`] takes: `SHA256:…`, what `ssh-keygen -l` prints.
/// [`ImportError::PublicKeyUnreadable`] if it is none.
pub fn fingerprint(public_pem: &str) -> Result<String, ImportError> {
    read_public(public_pem).map(|key| key.fingerprint())
}

fn read_public(text: &str) -> Result<PublicKey, ImportError> {
    (text.len() <= MAXIMUM_FILE_BYTES).then(|| PublicKey::read(text)).flatten().ok_or(ImportError::PublicKeyUnreadable)
}

/// The first private key in the text; `openssl ecparam -genkey` writes another block before it.
fn private_block(text: &str) -> Result<Block<'_>, ImportError> {
    let mut none = ImportError::NotPem;
    for block in pem::blocks(text) {
        if block.label.ends_with("PRIVATE KEY") {
            return Ok(block);
        }
        none = ImportError::NoPrivateKey;
    }
    Err(none)
}

fn open_legacy(header: &str, passphrase: Option<&[u8]>, data: &[u8]) -> Result<Zeroizing<Vec<u8>>, ImportError> {
    let info = DekInfo::read(header).map_err(|error| match error {
        DekInfoError::UnknownCipher => ImportError::UnsupportedEncryption,
        DekInfoError::Malformed => ImportError::Damaged,
    })?;
    let passphrase = passphrase.ok_or(ImportError::PassphraseMissing)?;
    info.decrypt(passphrase, data).ok_or(ImportError::WrongPassphrase)
}

/// In one of 256 cases a wrong passphrase makes valid padding: what comes out is no key then.
fn opened<T>(result: Result<T, ImportError>) -> Result<T, ImportError> {
    result.map_err(|error| if error == ImportError::Damaged { ImportError::WrongPassphrase } else { error })
}

/// A key in OpenSSH's format names its type in clear text; one that is not RSA is not helped by converting it.
fn refuse_openssh(bytes: &[u8]) -> ImportError {
    let kind = bytes.strip_prefix(b"openssh-key-v1\0").and_then(|mut rest| {
        // Cipher, key derivation and its options; then the number of keys, and the public key, which begins with its
        // type.
        for _ in 0..3 {
            take_string(&mut rest)?;
        }
        let (_, mut rest) = rest.split_first_chunk::<4>()?;
        let mut public = take_string(&mut rest)?;
        take_string(&mut public)
    });
    match kind {
        Some(b"ssh-rsa") => ImportError::OpenSshFormat,
        Some(_) => ImportError::NotRsa,
        None => ImportError::Damaged,
    }
}

fn check_pkcs8(der: &[u8]) -> Result<(PublicKey, usize), ImportError> {
    let info = PrivateKeyInfo::from_der(der).map_err(|_| ImportError::Damaged)?;
    if info.algorithm.oid != pkcs1::ALGORITHM_OID {
        return Err(ImportError::NotRsa);
    }
    check(info.private_key)
}

/// Checks the numbers of a PKCS#1 key; its size comes first, so that no arithmetic is done on numbers without bound.
fn check(der: &[u8]) -> Result<(PublicKey, usize), ImportError> {
    let parts = pkcs1::RsaPrivateKey::from_der(der).map_err(|_| ImportError::Damaged)?;
    let number = |part: pkcs1::UintRef<'_>| BigUint::from_bytes_be(part.as_bytes());
    let modulus = number(parts.modulus);
    let bits = modulus.bits();
    if bits < MINIMUM_BITS {
        return Err(ImportError::TooShort { bits });
    }
    if bits > MAXIMUM_BITS {
        return Err(ImportError::TooLong { bits });
    }
    if parts.other_prime_infos.is_some() {
        return Err(ImportError::UnsupportedKey);
    }
    let key = rsa::RsaPrivateKey::from_components(
        modulus,
        number(parts.public_exponent),
        number(parts.private_exponent),
        vec![number(parts.prime1), number(parts.prime2)],
    )
    .map_err(|error| match error {
        rsa::Error::PublicExponentTooLarge => ImportError::UnsupportedKey,
        _ => ImportError::Inconsistent,
    })?;
    // The library checks n, e, d, p and q and computes the other three itself. Software that uses the file's own would
    // make signatures that give the key away if they were wrong, so the file has to be what its numbers encode to.
    let again = key.to_pkcs1_der().map_err(|_| ImportError::Inconsistent)?;
    if again.as_bytes() != der {
        return Err(ImportError::Inconsistent);
    }
    Ok((PublicKey::new(&parts.public_key()), bits))
}

#[cfg(test)]
mod tests;
