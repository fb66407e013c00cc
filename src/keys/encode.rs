//! A generated key as the PEM files that a Secret holds.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pkcs8::der::pem::PemLabel as _;
use pkcs8::pkcs5::pbes2;
use pkcs8::{EncryptedPrivateKeyInfo, LineEnding, PrivateKeyInfo};
use rsa::pkcs1;
use secrecy::{ExposeSecret as _, SecretString};

use super::public::PublicKey;
use super::{KeyError, PrivateKey, legacy, random};
use crate::domain::entity::KeyPairValue;
use crate::domain::key::KeyEncoding;

/// PBKDF2-HMAC-SHA256 rounds of a PKCS#8 file: what OWASP's Password Storage Cheat Sheet asks for. Our passphrases
/// are random and need none of them; a passphrase that someone puts in our passphrase's place does.
const PBKDF2_ROUNDS: u32 = 600_000;

/// Characters of base64 in one line of PEM (RFC 7468, section 2).
const LINE: usize = 64;

/// A key pair ready for a Secret and for the platform.
#[derive(Debug)]
pub struct EncodedKeyPair {
    /// Both halves as PEM, and the passphrase.
    pub value: KeyPairValue,
    /// `SHA256:…`, what `ssh-keygen -l` prints for either half.
    pub fingerprint: String,
}

/// Random bytes that an encryption starts from; they lie beside the ciphertext and are no secret.
struct Start {
    salt: [u8; 16],
    iv: [u8; legacy::AES_BLOCK],
}

/// Writes a key as PEM, the private half encrypted with the passphrase, salt and IV drawn from the operating system.
///
/// Both encodings open with `openssl pkey` and `ssh-keygen -y`. `PKCS8` blocks for a few tenths of a second, because
/// its key derivation is slow on purpose.
pub fn encode(key: &PrivateKey, encoding: KeyEncoding, passphrase: &SecretString) -> Result<EncodedKeyPair, KeyError> {
    let mut start = Start { salt: [0; 16], iv: [0; legacy::AES_BLOCK] };
    random::os(&mut start.salt)?;
    random::os(&mut start.iv)?;
    encode_from(key, encoding, passphrase, &start)
}

fn encode_from(
    key: &PrivateKey,
    encoding: KeyEncoding,
    passphrase: &SecretString,
    start: &Start,
) -> Result<EncodedKeyPair, KeyError> {
    let info = PrivateKeyInfo::try_from(key.pkcs8.as_slice())?;
    let numbers = pkcs1::RsaPrivateKey::try_from(info.private_key).map_err(|error| match error {
        pkcs1::Error::Asn1(error) => pkcs8::Error::Asn1(error),
        _ => pkcs8::Error::KeyMalformed,
    })?;
    let public = PublicKey::new(&numbers.public_key());
    let private_pem = match encoding {
        KeyEncoding::Pkcs1 => pkcs1_pem(info.private_key, passphrase, &start.iv),
        KeyEncoding::Pkcs8 => pkcs8_pem(&info, passphrase, start)?,
    };
    Ok(EncodedKeyPair {
        fingerprint: public.fingerprint(),
        value: KeyPairValue { private_pem, public_pem: public.to_pem()?, passphrase: Some(passphrase.clone()) },
    })
}

/// Byte for byte what `ssh-keygen -m PEM` writes for the same key, passphrase and IV.
fn pkcs1_pem(der: &[u8], passphrase: &SecretString, iv: &[u8; legacy::AES_BLOCK]) -> SecretString {
    let sealed = STANDARD.encode(legacy::encrypt(passphrase.expose_secret().as_bytes(), iv, der));
    let label = pkcs1::RsaPrivateKey::PEM_LABEL;
    let mut pem = format!("-----BEGIN {label}-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,");
    for byte in iv {
        // Writing to a String cannot fail.
        let _ = write!(pem, "{byte:02X}");
    }
    pem.push_str("\n\n");
    let mut rest = sealed.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    let _ = writeln!(pem, "-----END {label}-----");
    SecretString::from(pem)
}

/// PBES2 (RFC 8018, section 6.2) with PBKDF2-HMAC-SHA256 and AES-256-CBC. The scrypt that the library would choose by
/// itself takes 128 MiB, more than openssl allows by default.
fn pkcs8_pem(info: &PrivateKeyInfo<'_>, passphrase: &SecretString, start: &Start) -> Result<SecretString, KeyError> {
    let scheme = pbes2::Parameters::pbkdf2_sha256_aes256cbc(PBKDF2_ROUNDS, &start.salt, &start.iv)
        .map_err(pkcs8::Error::from)?;
    let document = info.encrypt_with_params(scheme, passphrase.expose_secret())?;
    let pem = document.to_pem(EncryptedPrivateKeyInfo::PEM_LABEL, LineEnding::LF).map_err(pkcs8::Error::from)?;
    Ok(SecretString::from(pem.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::key::KeySize;
    use crate::keys::generate;
    use crate::keys::tools::Workshop;

    /// A passphrase that the two tools take as it is; the random ones are tested by themselves.
    const PASSPHRASE: &str = "Kestrel7Marble4Lantern9Orchard2x";

    fn passphrase() -> SecretString {
        SecretString::from(PASSPHRASE)
    }

    /// What both tools make of the private key has to be the public key beside it, and a wrong passphrase opens nothing.
    fn both_tools_open(pair: &EncodedKeyPair, bits: usize) {
        let shop = Workshop::new();
        shop.write("private.pem", pair.value.private_pem.expose_secret());
        shop.write("public.pem", &pair.value.public_pem);
        shop.write("passphrase", PASSPHRASE);
        shop.write("wrong", "Kestrel7Marble4Lantern9Orchard2y");

        let by_openssl = shop.run("openssl pkey -in private.pem -passin file:passphrase -pubout -check");
        assert!(by_openssl.contains("Key is valid"), "{by_openssl}");
        assert!(by_openssl.contains(&pair.value.public_pem), "openssl gives another public key:\n{by_openssl}");
        let read = shop.run("openssl pkey -pubin -in public.pem -pubout");
        assert_eq!(read, pair.value.public_pem, "the public key is not written as openssl writes it");
        let refused = shop.attempt("openssl pkey -in private.pem -passin file:wrong -noout");
        assert!(!refused.status.success(), "openssl opens the key with a wrong passphrase");

        let by_ssh_keygen = shop.run(&format!("ssh-keygen -y -P {PASSPHRASE} -f private.pem"));
        let beside = shop.run("ssh-keygen -i -m PKCS8 -f public.pem");
        assert_eq!(by_ssh_keygen.trim(), beside.trim());
        let refused = shop.attempt("ssh-keygen -y -P wrong-passphrase -f private.pem");
        assert!(!refused.status.success(), "ssh-keygen opens the key with a wrong passphrase");

        shop.write("key.pub", &by_ssh_keygen);
        let listed = shop.run("ssh-keygen -l -f key.pub");
        let words: Vec<&str> = listed.split_whitespace().collect();
        assert_eq!(words[..2], [bits.to_string().as_str(), pair.fingerprint.as_str()]);
    }

    #[test]
    fn every_size_and_encoding_opens_with_openssl_and_ssh_keygen() {
        for size in [KeySize::Rsa2048, KeySize::Rsa3072, KeySize::Rsa4096] {
            let key = generate(size).unwrap();
            for encoding in [KeyEncoding::Pkcs1, KeyEncoding::Pkcs8] {
                let pair = encode(&key, encoding, &passphrase()).unwrap();
                both_tools_open(&pair, size.bits());
                let kept = pair.value.passphrase.unwrap();
                assert_eq!(kept.expose_secret(), PASSPHRASE);
            }
        }
    }

    #[test]
    fn a_generated_passphrase_opens_both_encodings() {
        let key = generate(KeySize::Rsa2048).unwrap();
        let passphrase = crate::keys::passphrase().unwrap();
        for encoding in [KeyEncoding::Pkcs1, KeyEncoding::Pkcs8] {
            let pair = encode(&key, encoding, &passphrase).unwrap();
            let shop = Workshop::new();
            shop.write("private.pem", pair.value.private_pem.expose_secret());
            shop.write("passphrase", passphrase.expose_secret());
            shop.run("openssl pkey -in private.pem -passin file:passphrase -noout");
            shop.run(&format!("ssh-keygen -y -P {} -f private.pem", passphrase.expose_secret()));
        }
    }

    #[test]
    fn pkcs1_is_byte_for_byte_what_ssh_keygen_writes() {
        let shop = Workshop::new();
        shop.run(&format!("ssh-keygen -q -t rsa -b 2048 -m PEM -N {PASSPHRASE} -C '' -f theirs"));
        let theirs = shop.read("theirs");
        let header = theirs.lines().find_map(|line| line.strip_prefix("DEK-Info: AES-128-CBC,")).unwrap();
        let mut iv = [0; legacy::AES_BLOCK];
        for (byte, at) in iv.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(&header[at..at + 2], 16).unwrap();
        }
        shop.write("passphrase", PASSPHRASE);
        shop.run("openssl pkcs8 -topk8 -nocrypt -in theirs -passin file:passphrase -outform DER -out plain");
        let key = PrivateKey { pkcs8: std::fs::read(shop.path("plain")).unwrap().into() };
        let ours = encode_from(&key, KeyEncoding::Pkcs1, &passphrase(), &Start { salt: [0; 16], iv }).unwrap();
        assert_eq!(ours.value.private_pem.expose_secret(), theirs);
    }

    #[test]
    fn pkcs8_says_pbkdf2_with_sha256_and_aes256() {
        let key = generate(KeySize::Rsa2048).unwrap();
        let pair = encode(&key, KeyEncoding::Pkcs8, &passphrase()).unwrap();
        let shop = Workshop::new();
        shop.write("private.pem", pair.value.private_pem.expose_secret());
        assert!(shop.read("private.pem").starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
        let parsed = shop.run("openssl asn1parse -in private.pem");
        // 600000 is 0x927C0.
        for word in ["PBES2", "PBKDF2", "hmacWithSHA256", "aes-256-cbc", ":0927C0"] {
            assert!(parsed.contains(word), "{word} is missing in\n{parsed}");
        }
    }

    #[test]
    fn two_encodings_of_one_key_share_nothing_that_is_random() {
        let key = generate(KeySize::Rsa2048).unwrap();
        for encoding in [KeyEncoding::Pkcs1, KeyEncoding::Pkcs8] {
            let [one, other] = [(); 2].map(|()| encode(&key, encoding, &passphrase()).unwrap());
            assert_eq!(one.fingerprint, other.fingerprint);
            assert_eq!(one.value.public_pem, other.value.public_pem);
            assert_ne!(one.value.private_pem.expose_secret(), other.value.private_pem.expose_secret());
        }
    }

    #[test]
    fn nothing_of_a_key_is_printed() {
        let key = generate(KeySize::Rsa2048).unwrap();
        assert_eq!(format!("{key:?}"), "PrivateKey { .. }");
        let pair = encode(&key, KeyEncoding::Pkcs1, &passphrase()).unwrap();
        let printed = format!("{pair:?}");
        assert!(!printed.contains(PASSPHRASE) && !printed.contains("PRIVATE KEY"), "{printed}");
    }

    #[test]
    fn bytes_that_are_no_key_are_an_error() {
        let key = PrivateKey { pkcs8: vec![0x30, 0].into() };
        assert!(matches!(encode(&key, KeyEncoding::Pkcs1, &passphrase()), Err(KeyError::Encoding(_))));
    }
}
