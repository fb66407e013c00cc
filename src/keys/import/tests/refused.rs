//! Honest files that are refused, each for its own reason.

use super::*;

#[test]
fn a_missing_passphrase_is_told_from_a_wrong_one() {
    let shop = workshop();
    shop.run(&format!("openssl rsa -traditional -aes128 {TO} legacy.pem"));
    shop.run(&format!("openssl pkcs8 -topk8 -iter 1 {TO} pkcs8.pem"));
    for name in ["legacy.pem", "pkcs8.pem"] {
        let text = shop.read(name);
        assert_eq!(refused(&text, None), ImportError::PassphraseMissing, "{name}");
        // One wrong passphrase in 256 makes valid padding; of 2000, some seven do.
        for number in 0..2000 {
            let wrong = format!("wrong {number}");
            assert_eq!(refused(&text, Some(&wrong)), ImportError::WrongPassphrase, "{name}, {wrong}");
        }
        assert_eq!(refused(&text, Some("")), ImportError::WrongPassphrase, "{name}");
    }
}

#[test]
fn other_kinds_of_key_are_refused_as_not_rsa() {
    let shop = workshop();
    shop.run("openssl ecparam -name prime256v1 -genkey -out ec.pem");
    shop.run("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ec8.pem");
    shop.run("openssl genpkey -algorithm ED25519 -out ed25519.pem");
    shop.run("ssh-keygen -q -t ed25519 -N '' -f ssh-ed25519");
    shop.run(&format!("ssh-keygen -q -t ed25519 -N {PASSPHRASE} -f ssh-ed25519-encrypted"));
    assert!(shop.read("ec.pem").starts_with("-----BEGIN EC PARAMETERS-----"));
    for name in ["ec.pem", "ec8.pem", "ed25519.pem", "ssh-ed25519", "ssh-ed25519-encrypted"] {
        assert_eq!(refused(&shop.read(name), None), ImportError::NotRsa, "{name}");
    }
    shop.run("openssl pkcs8 -topk8 -in ec8.pem -passout file:passphrase -out encrypted.pem");
    assert_eq!(refused(&shop.read("encrypted.pem"), Some(PASSPHRASE)), ImportError::NotRsa);
    assert_eq!(refused(&shop.read("encrypted.pem"), Some("wrong")), ImportError::WrongPassphrase);
}

#[test]
fn openssh_format_is_refused_with_the_command_that_converts_it() {
    let shop = workshop();
    for (name, passphrase) in [("plain", ""), ("encrypted", PASSPHRASE)] {
        let word = if passphrase.is_empty() { "''" } else { passphrase };
        shop.run(&format!("ssh-keygen -q -t rsa -b 2048 -N {word} -f {name}"));
        let error = import_text(&shop.read(name), None).unwrap_err();
        assert_eq!(error, ImportError::OpenSshFormat, "{name}");
        assert!(error.to_string().contains("ssh-keygen -p -m PEM -f FILE"), "{error}");
        // The command does what the message says.
        shop.run(&format!("ssh-keygen -q -p -m PEM -P {word} -N {word} -f {name}"));
        agrees(&shop, name, (!passphrase.is_empty()).then_some(passphrase));
    }
}

#[test]
fn what_is_no_private_key_is_told_apart() {
    let shop = workshop();
    let public = shop.run("openssl pkey -in plain.pem -pubout");
    assert_eq!(refused(&public, None), ImportError::NoPrivateKey);
    for text in ["", "not a key", "-----BEGIN RSA PRIVATE KEY-----\nAAEC\n"] {
        assert_eq!(refused(text, None), ImportError::NotPem, "{text}");
    }
    let both = format!("{public}{}", shop.read("plain.pem"));
    assert_eq!(import_text(&both, None), import_text(&shop.read("plain.pem"), None));
    for (label, der) in [
        ("RSA PRIVATE KEY", &[0x30, 0][..]),
        ("PRIVATE KEY", &[0x30, 0]),
        ("ENCRYPTED PRIVATE KEY", &[0x30, 0]),
        ("OPENSSH PRIVATE KEY", &[1, 2, 3]),
        ("RSA PRIVATE KEY", &[]),
    ] {
        assert_eq!(refused(&as_pem(label, der), Some("any")), ImportError::Damaged, "{label}");
    }
    let cut = shop.read("plain.pem").replacen("MII", "M*I", 1);
    assert_eq!(refused(&cut, None), ImportError::Damaged);
}

#[test]
fn a_public_half_is_compared_in_all_its_forms() {
    let shop = workshop();
    let private = SecretString::from(shop.read("plain.pem"));
    let with = |public: &str| import(&private, None, Some(public)).map(|_| ());
    let spki = shop.run("openssl pkey -in plain.pem -pubout");
    let pkcs1 = shop.run("openssl rsa -in plain.pem -RSAPublicKey_out");
    let line = shop.run("ssh-keygen -y -f plain.pem");
    assert!(pkcs1.starts_with("-----BEGIN RSA PUBLIC KEY-----"));
    for public in [&spki, &pkcs1, &line] {
        assert_eq!(with(public), Ok(()), "{public}");
        let expected = import(&private, None, None).unwrap().fingerprint;
        assert_eq!(fingerprint(public), Ok(expected), "{public}");
    }
    let other = generate(KeySize::Rsa2048).unwrap();
    let other = encode(&other, KeyEncoding::Pkcs1, &SecretString::from("x")).unwrap().value.public_pem;
    assert_eq!(with(&other), Err(ImportError::PublicKeyDiffers));
    let elliptic = shop.run("openssl ecparam -name prime256v1 -genkey -noout");
    shop.write("ec.pem", &elliptic);
    let elliptic = shop.run("openssl pkey -in ec.pem -pubout");
    for public in ["", "ssh-rsa", "ssh-rsa AAAA", elliptic.as_str(), private.expose_secret()] {
        assert_eq!(with(public), Err(ImportError::PublicKeyUnreadable), "{public}");
        assert_eq!(fingerprint(public), Err(ImportError::PublicKeyUnreadable), "{public}");
    }
    assert_eq!(with(&"x".repeat(MAXIMUM_FILE_BYTES + 1)), Err(ImportError::PublicKeyUnreadable));
}

#[test]
fn keys_of_three_primes_are_refused() {
    let shop = workshop();
    let primes = "-pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_primes:3";
    shop.run(&format!("openssl genpkey -algorithm RSA {primes} -out three.pem"));
    assert_eq!(refused(&shop.read("three.pem"), None), ImportError::UnsupportedKey);
}

#[test]
fn messages_are_one_line_and_say_what_to_do() {
    for error in [
        ImportError::FileTooLarge,
        ImportError::NotPem,
        ImportError::NoPrivateKey,
        ImportError::OpenSshFormat,
        ImportError::NotRsa,
        ImportError::PassphraseMissing,
        ImportError::WrongPassphrase,
        ImportError::UnsupportedEncryption,
        ImportError::TooCostly,
        ImportError::Damaged,
        ImportError::UnsupportedKey,
        ImportError::Inconsistent,
        ImportError::PublicKeyDiffers,
        ImportError::PublicKeyUnreadable,
        ImportError::TooShort { bits: 1024 },
        ImportError::TooLong { bits: 20_000 },
    ] {
        let message = error.to_string();
        assert!(message.contains(": ") && !message.contains('\n') && !message.contains("  "), "{message}");
    }
}
