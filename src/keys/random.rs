//! Passphrases and passwords from the operating system's random generator.

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::KeyError;

/// Letters and digits that are not taken for one another (no `0 O 1 I l`). They need no escaping in URLs, shells, YAML
/// or JSON, and a double-click selects all of them.
const ALPHABET: &[u8; 57] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// 32 characters of 57 are 186 bits. The key of a PKCS#1 PEM is one MD5 of the passphrase, so that its strength is the
/// passphrase's alone, and 128 bits are the least that AES-128 deserves.
const PASSPHRASE_CHARACTERS: usize = 32;

/// 28 characters of 57 are 163 bits.
const PASSWORD_CHARACTERS: usize = 28;

/// A passphrase for a private key: 32 letters and digits, 186 bits from the operating system.
pub fn passphrase() -> Result<SecretString, KeyError> {
    draw(PASSPHRASE_CHARACTERS, os)
}

/// A password for a person: 28 letters and digits, 160 bits or more from the operating system, with at least one
/// capital, one small letter and one digit, as many platforms' password rules demand.
pub fn password() -> Result<SecretString, KeyError> {
    draw_password(os)
}

/// A number that nobody drew before, from the operating system: the chance in delays may begin again where it began.
pub fn nonce() -> Result<u64, KeyError> {
    getrandom::u64().map_err(KeyError::Randomness)
}

/// Fills the bytes from the operating system.
pub(super) fn os(bytes: &mut [u8]) -> Result<(), KeyError> {
    getrandom::fill(bytes).map_err(KeyError::Randomness)
}

fn draw_password(mut fill: impl FnMut(&mut [u8]) -> Result<(), KeyError>) -> Result<SecretString, KeyError> {
    use secrecy::ExposeSecret as _;
    loop {
        // Drawing all of it again keeps every admissible password equally likely; patching one place would not.
        let candidate = draw(PASSWORD_CHARACTERS, &mut fill)?;
        let has = |class: fn(&u8) -> bool| candidate.expose_secret().as_bytes().iter().any(class);
        if has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit) {
            return Ok(candidate);
        }
    }
}

/// Draws `length` characters, each equally likely.
fn draw(length: usize, mut fill: impl FnMut(&mut [u8]) -> Result<(), KeyError>) -> Result<SecretString, KeyError> {
    // With its final capacity from the start, so that growing leaves no copy behind.
    let mut text = Zeroizing::new(String::with_capacity(length));
    let mut bytes = Zeroizing::new([0_u8; 64]);
    while text.len() < length {
        fill(bytes.as_mut_slice())?;
        for byte in bytes.iter() {
            // Six bits make 64 values; those past the alphabet are thrown away, because a remainder would favour some
            // characters.
            if let Some(&character) = ALPHABET.get(usize::from(byte & 0x3f))
                && text.len() < length
            {
                text.push(char::from(character));
            }
        }
    }
    Ok(SecretString::from(text.as_str()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn passphrases_have_their_length_are_url_safe_and_never_repeat() {
        let drawn: HashSet<String> = (0..200).map(|_| passphrase().unwrap().expose_secret().to_owned()).collect();
        assert_eq!(drawn.len(), 200);
        for text in &drawn {
            assert_eq!(text.len(), 32);
            assert!(text.bytes().all(|b| b.is_ascii_alphanumeric()), "{text}");
        }
        // 32 characters out of 57 symbols carry at least 128 bits.
        assert!((57_f64.log2() * 32.0) > 128.0);
    }

    #[test]
    fn passwords_have_a_capital_a_small_letter_and_a_digit() {
        for _ in 0..500 {
            let password = password().unwrap();
            let text = password.expose_secret();
            assert_eq!(text.len(), 28);
            assert!(text.bytes().any(|b| b.is_ascii_uppercase()));
            assert!(text.bytes().any(|b| b.is_ascii_lowercase()));
            assert!(text.bytes().any(|b| b.is_ascii_digit()));
        }
    }

    #[test]
    fn a_password_without_a_digit_is_drawn_again() {
        let mut calls = 0;
        let password = draw_password(|bytes| {
            calls += 1;
            // The first fill is all `z`; the second runs through the alphabet.
            let mut next = 0_u8;
            for byte in bytes {
                *byte = if calls == 1 { 56 } else { next };
                next = next.wrapping_add(2);
            }
            Ok(())
        })
        .unwrap();
        assert_eq!(calls, 2);
        assert_eq!(password.expose_secret(), "2468ACEGJLNQSUWYacegiknprtvx");
    }

    #[test]
    fn every_character_is_equally_likely() {
        let every_byte = |bytes: &mut [u8]| {
            for (value, byte) in (0_u8..).zip(bytes) {
                *byte = value;
            }
            Ok(())
        };
        let drawn = draw(57, every_byte).unwrap();
        assert_eq!(drawn.expose_secret().as_bytes(), ALPHABET, "64 values give each of the 57 characters once");
    }

    #[test]
    fn a_failing_generator_is_an_error_not_a_weak_passphrase() {
        let result = draw(32, |_| Err(KeyError::Interrupted));
        assert!(matches!(result, Err(KeyError::Interrupted)));
    }
}
