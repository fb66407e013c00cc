//! Whether a secret that was shown is the right one.

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Compares in a time that tells neither where two secrets differ nor how long the right one is. An empty secret is right
/// for nobody: it would open what was left without one by mistake.
pub(super) fn is_right(right: &SecretString, shown: impl AsRef<[u8]>) -> bool {
    let same = Sha256::digest(right.expose_secret()).ct_eq(&Sha256::digest(shown));
    bool::from(same) && !right.expose_secret().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_secret_itself_is_right() {
        let right = SecretString::from("aefah2Ef");
        assert!(is_right(&right, "aefah2Ef"));
        for wrong in ["", "aefah2E", "aefah2Eff", "AEFAH2EF", " aefah2Ef"] {
            assert!(!is_right(&right, wrong), "{wrong:?}");
        }
        assert!(!is_right(&SecretString::from(""), ""));
    }
}
