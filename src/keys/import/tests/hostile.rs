//! Files that nobody should make.

use std::time::{Duration, Instant};

use pkcs8::EncryptedPrivateKeyInfo;
use pkcs8::der::Encode as _;
use pkcs8::pkcs5::pbes2::{EncryptionScheme, Kdf, Parameters, Pbkdf2Params, ScryptParams};
use proptest::prelude::*;
use rsa::traits::{PrivateKeyParts as _, PublicKeyParts as _};

use super::*;

/// The eight numbers of a fresh key, in the order of PKCS#1, to be spoilt one at a time.
fn numbers() -> [BigUint; 8] {
    let key = generate(KeySize::Rsa2048).unwrap();
    let info = PrivateKeyInfo::try_from(key.pkcs8.as_slice()).unwrap();
    let key = <rsa::RsaPrivateKey as pkcs1::DecodeRsaPrivateKey>::from_pkcs1_der(info.private_key).unwrap();
    let [p, q] = [key.primes()[0].clone(), key.primes()[1].clone()];
    let coefficient = key.crt_coefficient().unwrap();
    let [dp, dq] = [key.dp().unwrap().clone(), key.dq().unwrap().clone()];
    [key.n().clone(), key.e().clone(), key.d().clone(), p, q, dp, dq, coefficient]
}

fn file(numbers: &[BigUint; 8]) -> String {
    let bytes = numbers.each_ref().map(BigUint::to_bytes_be);
    let [modulus, public_exponent, private_exponent, prime1, prime2, exponent1, exponent2, coefficient] =
        bytes.each_ref().map(|bytes| pkcs1::UintRef::new(bytes).unwrap());
    let key = pkcs1::RsaPrivateKey {
        modulus,
        public_exponent,
        private_exponent,
        prime1,
        prime2,
        exponent1,
        exponent2,
        coefficient,
        other_prime_infos: None,
    };
    as_pem("RSA PRIVATE KEY", &key.to_der().unwrap())
}

#[test]
fn numbers_that_make_no_key_are_refused_whichever_is_wrong() {
    let right = numbers();
    assert!(import_text(&file(&right), None).is_ok());
    for (position, name) in ["n", "e", "d", "p", "q", "dp", "dq", "qinv"].into_iter().enumerate() {
        let mut wrong = right.clone();
        wrong[position] += 2_u8;
        assert_eq!(refused(&file(&wrong), None), ImportError::Inconsistent, "{name}");
        wrong[position] = BigUint::from(0_u8);
        let expected = if name == "n" { ImportError::TooShort { bits: 0 } } else { ImportError::Inconsistent };
        assert_eq!(import_text(&file(&wrong), None), Err(expected), "{name} = 0");
    }
    // The halves of two keys.
    let other = numbers();
    let mut mixed = right.clone();
    mixed[0].clone_from(&other[0]);
    assert_eq!(refused(&file(&mixed), None), ImportError::Inconsistent);
    // The prime taken twice: 1/q mod p does not exist.
    let mut square = right.clone();
    square[0] = &right[3] * &right[3];
    square[4].clone_from(&right[3]);
    assert_eq!(refused(&file(&square), None), ImportError::Inconsistent);
    let mut exponent = right;
    exponent[1] = BigUint::from(u64::MAX);
    assert_eq!(refused(&file(&exponent), None), ImportError::UnsupportedKey);
}

#[test]
fn the_length_is_bounded_both_ways() {
    let shop = workshop();
    shop.run("openssl genrsa -out short.pem 1024");
    let error = import_text(&shop.read("short.pem"), None).unwrap_err();
    assert_eq!(error, ImportError::TooShort { bits: 1024 });
    assert!(error.to_string().contains("1024 bits and 2048 are the least"), "{error}");
    // No tool makes such a key in a test's time; its size is looked at before anything else is.
    let mut long = numbers();
    long[0] = BigUint::from(1_u8) << MAXIMUM_BITS;
    assert_eq!(refused(&file(&long), None), ImportError::TooLong { bits: MAXIMUM_BITS + 1 });
    long[0] = (BigUint::from(1_u8) << MAXIMUM_BITS) - 1_u8;
    assert_eq!(refused(&file(&long), None), ImportError::Inconsistent);
    let padded = format!("{}{}", file(&long), " ".repeat(MAXIMUM_FILE_BYTES));
    assert_eq!(refused(&padded, None), ImportError::FileTooLarge);
}

/// An encrypted PKCS#8 file with these parameters over bytes that nobody can decrypt.
fn sealed(kdf: Kdf<'_>, encryption: EncryptionScheme<'_>) -> String {
    let info = EncryptedPrivateKeyInfo {
        encryption_algorithm: Parameters { kdf, encryption }.into(),
        encrypted_data: &[0; 64],
    };
    as_pem("ENCRYPTED PRIVATE KEY", &info.to_der().unwrap())
}

#[test]
fn a_file_cannot_make_the_operator_compute_for_long() {
    let aes = EncryptionScheme::Aes256Cbc { iv: &[0; 16] };
    let pbkdf2 = Pbkdf2Params::hmac_with_sha256(Pbkdf2Params::MAX_ITERATION_COUNT, &[0; 16]).unwrap();
    let scrypt = |cost_parameter, block_size, parallelization| ScryptParams {
        salt: &[0; 16],
        cost_parameter,
        block_size,
        parallelization,
        key_length: None,
    };
    let start = Instant::now();
    assert_eq!(refused(&sealed(pbkdf2.into(), aes), Some("any")), ImportError::TooCostly);
    for (cost, block, parallel) in [
        (1 << 20, 8, 1),
        (1 << 14, 8, 1000),
        (1 << 14, u16::MAX, 1),
        (u64::MAX, 8, 1),
        (1 << 63, u16::MAX, u16::MAX),
        (0, 8, 1),
        (1, 8, 1),
    ] {
        let file = sealed(scrypt(cost, block, parallel).into(), aes);
        assert_eq!(refused(&file, Some("any")), ImportError::TooCostly, "{cost} {block} {parallel}");
    }
    // Hours, if one of them were computed.
    assert!(start.elapsed() < Duration::from_secs(5));
    for (cost, block, parallel) in [(3, 8, 1), (16, 0, 1), (16, 8, 0)] {
        let file = sealed(scrypt(cost, block, parallel).into(), aes);
        assert_eq!(refused(&file, Some("any")), ImportError::Damaged, "{cost} {block} {parallel}");
    }
}

#[test]
fn encryption_that_is_not_offered_is_told_from_damage() {
    let shop = workshop();
    for scheme in ["-v1 PBE-SHA1-3DES", "-v2 aria-256-cbc"] {
        shop.run(&format!("openssl pkcs8 -topk8 {scheme} {TO} out.pem"));
        let result = import_text(&shop.read("out.pem"), Some(PASSPHRASE));
        assert_eq!(result, Err(ImportError::UnsupportedEncryption), "{scheme}");
    }
    shop.run(&format!("openssl rsa -traditional -camellia128 {TO} out.pem"));
    assert_eq!(refused(&shop.read("out.pem"), Some(PASSPHRASE)), ImportError::UnsupportedEncryption);

    // Triple DES whose IV is cut to three bytes: the lengths of all that holds it shrink by five.
    let kdf = || Pbkdf2Params::hmac_with_sha256(1, &[0; 16]).unwrap().into();
    let whole = sealed(kdf(), EncryptionScheme::DesEde3Cbc { iv: &[0xAB; 8] });
    assert_eq!(refused(&whole, Some("any")), ImportError::WrongPassphrase);
    let mut der = pem::blocks(&whole).next().unwrap().decode().unwrap().to_vec();
    let iv =
        der.windows(10).position(|window| window == [4, 8, 0xAB, 0xAB, 0xAB, 0xAB, 0xAB, 0xAB, 0xAB, 0xAB]).unwrap();
    der.drain(iv + 2..iv + 7);
    der[iv + 1] = 3;
    // The lengths before it, outermost first: file, algorithm, parameters, cipher.
    let oid = der.windows(2).rposition(|window| window == [6, 8]).unwrap();
    for length in [2, 4, 17, oid - 1] {
        der[length] -= 5;
    }
    let cut = as_pem("ENCRYPTED PRIVATE KEY", &der);
    assert_eq!(refused(&cut, Some("any")), ImportError::Damaged);
}

/// One file of each form that is parsed, as label and DER.
fn specimens() -> Vec<(&'static str, Vec<u8>)> {
    let shop = workshop();
    shop.run(&format!("openssl pkcs8 -topk8 -nocrypt {TO} pkcs8.pem"));
    shop.run(&format!("openssl pkcs8 -topk8 -iter 1 {TO} pbkdf2.pem"));
    shop.run(&format!("openssl pkcs8 -topk8 -v2 des3 -iter 1 {TO} des3.pem"));
    shop.run(&format!("openssl pkcs8 -topk8 -scrypt -scrypt_N 2 {TO} scrypt.pem"));
    shop.run("ssh-keygen -q -t rsa -b 2048 -N '' -f openssh.pem");
    [
        ("RSA PRIVATE KEY", "plain.pem"),
        ("PRIVATE KEY", "pkcs8.pem"),
        ("ENCRYPTED PRIVATE KEY", "pbkdf2.pem"),
        ("ENCRYPTED PRIVATE KEY", "des3.pem"),
        ("ENCRYPTED PRIVATE KEY", "scrypt.pem"),
        ("OPENSSH PRIVATE KEY", "openssh.pem"),
    ]
    .map(|(label, name)| {
        let text = shop.read(name);
        let block = pem::blocks(&text).next().unwrap();
        assert_eq!(block.label, label, "{name}");
        (label, block.decode().unwrap().to_vec())
    })
    .into()
}

/// A file with some bytes changed, or cut, is refused or (where the change touches nothing that counts, such as a salt
/// of a file that stays closed) read; it never ends the program.
#[test]
fn spoilt_files_are_answered_whatever_is_wrong_with_them() {
    let specimens = specimens();
    // Most of what can go wrong is in the frame, which lies in the first bytes.
    let place = prop_oneof![0..64_usize, 0..2000_usize];
    let changes = prop::collection::vec((place, any::<u8>()), 1..4);
    let cases = (0..specimens.len(), changes, prop::option::of(0..2000_usize));
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 600,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    runner
        .run(&cases, |(specimen, changes, cut)| {
            let (label, whole) = &specimens[specimen];
            let mut der = whole.clone();
            for (place, value) in changes {
                let place = place % der.len();
                der[place] = value;
            }
            der.truncate(cut.unwrap_or(usize::MAX));
            let answer = import_text(&as_pem(label, &der), Some(PASSPHRASE));
            prop_assert!(answer.is_err() || der == *whole || *label != "RSA PRIVATE KEY", "{answer:?}");
            Ok(())
        })
        .unwrap();
}
