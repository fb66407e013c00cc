//! Opening an `ENCRYPTED PRIVATE KEY` that a user brings: the library decrypts, and this checks first that the file
//! neither costs more than it may nor is one that the library stumbles over.

use pkcs8::der::asn1::{AnyRef, OctetStringRef};
use pkcs8::der::{Decode as _, ErrorKind};
use pkcs8::pkcs5;
use pkcs8::pkcs5::pbes2::{DES_EDE3_CBC_OID, Kdf, PBES2_OID, Parameters};
use pkcs8::spki::AlgorithmIdentifierRef;
use zeroize::Zeroizing;

use super::ImportError;

/// PBKDF2 rounds that are computed for a user's file: eight times today's good practice, one to three
/// seconds of a core.
const MAXIMUM_ROUNDS: u32 = 5_000_000;

/// Memory that scrypt may take (128 · N · r · p bytes), in bytes: openssl's own default bound, so that any file that it
/// wrote with its defaults opens and none can end the operator for lack of memory.
const MAXIMUM_SCRYPT_BYTES: u64 = 32 << 20;

/// Decrypts an `EncryptedPrivateKeyInfo` (RFC 5958, section 3) to the `PrivateKeyInfo` in it.
pub(super) fn decrypt(der: &[u8], passphrase: &[u8]) -> Result<Zeroizing<Vec<u8>>, ImportError> {
    let (algorithm, data) = AnyRef::from_der(der)
        .and_then(|outer| {
            outer.sequence(|reader| {
                Ok((AlgorithmIdentifierRef::decode(reader)?, OctetStringRef::decode(reader)?.as_bytes()))
            })
        })
        .map_err(|_| ImportError::Damaged)?;
    if algorithm.oid != PBES2_OID {
        return Err(ImportError::UnsupportedEncryption);
    }
    let scheme = parameters(algorithm.parameters.ok_or(ImportError::Damaged)?)?;
    if !affordable(&scheme.kdf) {
        return Err(ImportError::TooCostly);
    }
    // Shorter blocks than AES' are triple DES' alone, of which eight bytes divide sixteen.
    if data.is_empty() || data.len() % 8 != 0 {
        return Err(ImportError::Damaged);
    }
    scheme.decrypt(passphrase, data).map(Zeroizing::new).map_err(|error| match error {
        pkcs5::Error::UnsupportedAlgorithm { .. } | pkcs5::Error::NoPbes1CryptSupport => {
            ImportError::UnsupportedEncryption
        }
        pkcs5::Error::AlgorithmParametersInvalid { .. } => ImportError::Damaged,
        // Padding that is none: the library has one name for it when encrypting and decrypting.
        _ => ImportError::WrongPassphrase,
    })
}

fn parameters(any: AnyRef<'_>) -> Result<Parameters<'_>, ImportError> {
    // The library takes the first eight bytes of triple DES' IV without looking whether there are eight.
    let cipher = any
        .sequence(|reader| {
            AlgorithmIdentifierRef::decode(reader)?;
            AlgorithmIdentifierRef::decode(reader)
        })
        .map_err(|_| ImportError::Damaged)?;
    if cipher.oid == DES_EDE3_CBC_OID {
        let iv = cipher.parameters.and_then(|any| any.decode_as::<OctetStringRef<'_>>().ok());
        if iv.is_none_or(|iv| iv.as_bytes().len() != 8) {
            return Err(ImportError::Damaged);
        }
    }
    Parameters::try_from(any).map_err(|error| match error.kind() {
        ErrorKind::OidUnknown { .. } => ImportError::UnsupportedEncryption,
        _ => ImportError::Damaged,
    })
}

fn affordable(kdf: &Kdf<'_>) -> bool {
    match kdf {
        Kdf::Pbkdf2(params) => params.iteration_count <= MAXIMUM_ROUNDS,
        Kdf::Scrypt(params) => {
            // The library computes a logarithm of N without looking whether it is zero.
            let bytes = [params.block_size.into(), params.parallelization.into(), 128]
                .into_iter()
                .try_fold(params.cost_parameter, u64::checked_mul);
            params.cost_parameter > 1 && bytes.is_some_and(|bytes| bytes <= MAXIMUM_SCRYPT_BYTES)
        }
        _ => false,
    }
}
