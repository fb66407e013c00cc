//! The id of a key on platforms where a user has one key and the key has no id of its own.

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// How much of the hash is the id: enough to tell one key from the next, and no help in guessing the key.
const BYTES: usize = 8;

/// `key-` and the first 16 hex digits of the key's SHA-256: the same key has the same id wherever it is computed, and
/// the id tells nothing about the key. The form is our own.
pub fn key_id(value: &SecretString) -> String {
    let hash = Sha256::digest(value.expose_secret().as_bytes());
    hash.iter().take(BYTES).fold("key-".to_owned(), |id, byte| format!("{id}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_beginning_of_the_hash() {
        // From FIPS 180-2, appendix B.1.
        assert_eq!(key_id(&"abc".into()), "key-ba7816bf8f01cfea");
        assert_ne!(key_id(&"abd".into()), key_id(&"abc".into()));
    }
}
