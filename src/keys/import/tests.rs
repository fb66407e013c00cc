//! Files made by the real tools, and files that nobody should make.

use std::time::{Duration, Instant};

use pkcs8::EncryptedPrivateKeyInfo;
use pkcs8::der::Encode as _;
use pkcs8::pkcs5::pbes2::{EncryptionScheme, Kdf, Parameters, Pbkdf2Params, ScryptParams};
use rsa::traits::{PrivateKeyParts as _, PublicKeyParts as _};

use super::*;
use crate::domain::key::{KeyEncoding, KeySize};
use crate::keys::tools::Workshop;
use crate::keys::{encode, generate, passphrase};

const PASSPHRASE: &str = "Kestrel7 Marble4";

/// What the library's own `rsa` cannot: a file as PEM from any bytes.
fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let body = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

fn import_text(text: &str, passphrase: Option<&str>) -> Result<ImportedKey, ImportError> {
    let passphrase = passphrase.map(SecretString::from);
    import(&SecretString::from(text), passphrase.as_ref(), None)
}

/// A workshop with a passphrase file and one plain 2048-bit key in it, `plain.pem`.
fn workshop() -> Workshop {
    let shop = Workshop::new();
    shop.write("passphrase", PASSPHRASE);
    shop.run(
        "openssl",
        &["genrsa", "-traditional", "-out", "plain.pem", "2048"],
    );
    shop
}

/// The file imports, with what openssl and ssh-keygen say about it.
fn agrees(shop: &Workshop, name: &str, passphrase: Option<&str>) {
    let imported =
        import_text(&shop.read(name), passphrase).unwrap_or_else(|error| panic!("{name}: {error}"));
    let public = shop.run(
        "openssl",
        &["pkey", "-in", name, "-passin", "file:passphrase", "-pubout"],
    );
    assert_eq!(imported.public_pem, public, "{name}");
    shop.write("public.pem", &public);
    let line = shop.run("ssh-keygen", &["-i", "-m", "PKCS8", "-f", "public.pem"]);
    shop.write("line.pub", &line);
    let listed = shop.run("ssh-keygen", &["-l", "-f", "line.pub"]);
    let expected = format!("{} {} ", imported.bits, imported.fingerprint);
    assert!(listed.starts_with(&expected), "{name}: {listed}");
    assert_eq!(imported.encrypted, passphrase.is_some(), "{name}");
}

#[test]
fn plain_files_of_openssl_and_ssh_keygen_are_read() {
    let shop = workshop();
    shop.run(
        "openssl",
        &[
            "pkcs8",
            "-topk8",
            "-nocrypt",
            "-in",
            "plain.pem",
            "-out",
            "pkcs8.pem",
        ],
    );
    shop.run(
        "openssl",
        &[
            "genpkey",
            "-algorithm",
            "RSA",
            "-pkeyopt",
            "rsa_keygen_bits:3072",
            "-out",
            "genpkey.pem",
        ],
    );
    shop.run(
        "ssh-keygen",
        &[
            "-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "", "-f", "ssh.pem",
        ],
    );
    shop.run(
        "ssh-keygen",
        &[
            "-q", "-t", "rsa", "-b", "2048", "-m", "PKCS8", "-N", "", "-f", "ssh8.pem",
        ],
    );
    for name in [
        "plain.pem",
        "pkcs8.pem",
        "genpkey.pem",
        "ssh.pem",
        "ssh8.pem",
    ] {
        agrees(&shop, name, None);
    }
    // A passphrase that nothing needs does no harm.
    assert_eq!(
        import_text(&shop.read("plain.pem"), Some("any")),
        import_text(&shop.read("plain.pem"), None)
    );
}

#[test]
fn encrypted_files_of_openssl_and_ssh_keygen_are_read() {
    let shop = workshop();
    shop.run(
        "ssh-keygen",
        &[
            "-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", PASSPHRASE, "-f", "ssh.pem",
        ],
    );
    shop.run(
        "ssh-keygen",
        &[
            "-q", "-t", "rsa", "-b", "2048", "-m", "PKCS8", "-N", PASSPHRASE, "-f", "ssh8.pem",
        ],
    );
    agrees(&shop, "ssh.pem", Some(PASSPHRASE));
    agrees(&shop, "ssh8.pem", Some(PASSPHRASE));
    assert!(shop.read("ssh.pem").contains("DEK-Info: AES-128-CBC,"));

    shop.run(
        "openssl",
        &[
            "genrsa",
            "-aes256",
            "-passout",
            "file:passphrase",
            "-out",
            "genrsa.pem",
            "2048",
        ],
    );
    agrees(&shop, "genrsa.pem", Some(PASSPHRASE));
    for cipher in ["-aes128", "-aes192", "-aes256", "-des3"] {
        let to = [
            "-in",
            "plain.pem",
            "-passout",
            "file:passphrase",
            "-out",
            "out.pem",
        ];
        shop.run(
            "openssl",
            &[&["rsa", "-traditional", cipher], &to[..]].concat(),
        );
        assert!(shop.read("out.pem").contains("DEK-Info: "), "{cipher}");
        agrees(&shop, "out.pem", Some(PASSPHRASE));
    }
    for scheme in [
        &["-v2", "aes-128-cbc"][..],
        &["-v2", "aes-192-cbc"],
        &["-v2", "aes-256-cbc", "-iter", "600000"],
        &["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA512"],
        &["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA1"],
        &["-v2", "des3"],
        &["-scrypt"],
    ] {
        let to = [
            "-in",
            "plain.pem",
            "-passout",
            "file:passphrase",
            "-out",
            "out.pem",
        ];
        shop.run("openssl", &[&["pkcs8", "-topk8"], scheme, &to[..]].concat());
        agrees(&shop, "out.pem", Some(PASSPHRASE));
    }
}

#[test]
fn our_own_files_are_read_back() {
    let key = generate(KeySize::Rsa2048).unwrap();
    for encoding in [KeyEncoding::Pkcs1, KeyEncoding::Pkcs8] {
        let pair = encode(&key, encoding, &passphrase().unwrap()).unwrap();
        let public = pair.value.public_pem.as_str();
        let imported = import(
            &pair.value.private_pem,
            pair.value.passphrase.as_ref(),
            Some(public),
        )
        .unwrap();
        assert_eq!(imported.public_pem, public);
        assert_eq!(imported.fingerprint, pair.fingerprint);
        assert_eq!(imported.bits, 2048);
        assert!(imported.encrypted);
    }
}

#[test]
fn line_ends_after_the_passphrase_and_around_the_key_do_not_matter() {
    let shop = workshop();
    shop.run(
        "openssl",
        &[
            "rsa",
            "-aes256",
            "-in",
            "plain.pem",
            "-passout",
            "file:passphrase",
            "-out",
            "key.pem",
        ],
    );
    let text = shop.read("key.pem");
    let expected = import_text(&text, Some(PASSPHRASE)).unwrap();
    for passphrase in [format!("{PASSPHRASE}\n"), format!("{PASSPHRASE}\r\n")] {
        assert_eq!(import_text(&text, Some(&passphrase)), Ok(expected.clone()));
    }
    let carriage_returns = text.replace('\n', "\r\n");
    let indented = format!("Key for ACME\n{}", text.replace("\n", "\n    "));
    for variant in [
        carriage_returns,
        indented,
        format!("\n\n{}", text.trim_end()),
    ] {
        assert_eq!(
            import_text(&variant, Some(PASSPHRASE)),
            Ok(expected.clone()),
            "{variant}"
        );
    }
}

#[test]
fn a_missing_passphrase_is_told_from_a_wrong_one() {
    let shop = workshop();
    let to = ["-in", "plain.pem", "-passout", "file:passphrase", "-out"];
    shop.run(
        "openssl",
        &[
            &["rsa", "-traditional", "-aes128"],
            &to[..],
            &["legacy.pem"],
        ]
        .concat(),
    );
    shop.run(
        "openssl",
        &[&["pkcs8", "-topk8", "-iter", "1"], &to[..], &["pkcs8.pem"]].concat(),
    );
    for name in ["legacy.pem", "pkcs8.pem"] {
        let text = shop.read(name);
        assert_eq!(
            import_text(&text, None),
            Err(ImportError::PassphraseMissing),
            "{name}"
        );
        // One wrong passphrase in 256 makes valid padding; of 2000, some seven do.
        for number in 0..2000 {
            let wrong = format!("wrong {number}");
            assert_eq!(
                import_text(&text, Some(&wrong)),
                Err(ImportError::WrongPassphrase),
                "{name}, {wrong}"
            );
        }
        assert_eq!(
            import_text(&text, Some("")),
            Err(ImportError::WrongPassphrase),
            "{name}"
        );
    }
}

#[test]
fn other_kinds_of_key_are_refused_as_not_rsa() {
    let shop = workshop();
    shop.run(
        "openssl",
        &[
            "ecparam",
            "-name",
            "prime256v1",
            "-genkey",
            "-out",
            "ec.pem",
        ],
    );
    shop.run(
        "openssl",
        &[
            "genpkey",
            "-algorithm",
            "EC",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-out",
            "ec8.pem",
        ],
    );
    shop.run(
        "openssl",
        &["genpkey", "-algorithm", "ED25519", "-out", "ed25519.pem"],
    );
    shop.run(
        "ssh-keygen",
        &["-q", "-t", "ed25519", "-N", "", "-f", "ssh-ed25519"],
    );
    shop.run(
        "ssh-keygen",
        &[
            "-q",
            "-t",
            "ed25519",
            "-N",
            PASSPHRASE,
            "-f",
            "ssh-ed25519-encrypted",
        ],
    );
    assert!(
        shop.read("ec.pem")
            .starts_with("-----BEGIN EC PARAMETERS-----")
    );
    for name in [
        "ec.pem",
        "ec8.pem",
        "ed25519.pem",
        "ssh-ed25519",
        "ssh-ed25519-encrypted",
    ] {
        assert_eq!(
            import_text(&shop.read(name), None),
            Err(ImportError::NotRsa),
            "{name}"
        );
    }
    let to = [
        "-in",
        "ec8.pem",
        "-passout",
        "file:passphrase",
        "-out",
        "encrypted.pem",
    ];
    shop.run("openssl", &[&["pkcs8", "-topk8"], &to[..]].concat());
    assert_eq!(
        import_text(&shop.read("encrypted.pem"), Some(PASSPHRASE)),
        Err(ImportError::NotRsa)
    );
    assert_eq!(
        import_text(&shop.read("encrypted.pem"), Some("wrong")),
        Err(ImportError::WrongPassphrase)
    );
}

#[test]
fn openssh_format_is_refused_with_the_command_that_converts_it() {
    let shop = workshop();
    for (name, passphrase) in [("plain", ""), ("encrypted", PASSPHRASE)] {
        shop.run(
            "ssh-keygen",
            &[
                "-q", "-t", "rsa", "-b", "2048", "-N", passphrase, "-f", name,
            ],
        );
        let error = import_text(&shop.read(name), None).unwrap_err();
        assert_eq!(error, ImportError::OpenSshFormat, "{name}");
        assert!(
            error.to_string().contains("ssh-keygen -p -m PEM -f FILE"),
            "{error}"
        );
        // The command does what the message says.
        shop.run(
            "ssh-keygen",
            &[
                "-q", "-p", "-m", "PEM", "-P", passphrase, "-N", passphrase, "-f", name,
            ],
        );
        agrees(&shop, name, (!passphrase.is_empty()).then_some(passphrase));
    }
}

#[test]
fn what_is_no_private_key_is_told_apart() {
    let shop = workshop();
    let public = shop.run("openssl", &["pkey", "-in", "plain.pem", "-pubout"]);
    assert_eq!(import_text(&public, None), Err(ImportError::NoPrivateKey));
    for text in ["", "not a key", "-----BEGIN RSA PRIVATE KEY-----\nAAEC\n"] {
        assert_eq!(import_text(text, None), Err(ImportError::NotPem), "{text}");
    }
    let both = format!("{public}{}", shop.read("plain.pem"));
    assert_eq!(
        import_text(&both, None),
        import_text(&shop.read("plain.pem"), None)
    );
    for (label, der) in [
        ("RSA PRIVATE KEY", &[0x30, 0][..]),
        ("PRIVATE KEY", &[0x30, 0]),
        ("ENCRYPTED PRIVATE KEY", &[0x30, 0]),
        ("OPENSSH PRIVATE KEY", &[1, 2, 3]),
        ("RSA PRIVATE KEY", &[]),
    ] {
        assert_eq!(
            import_text(&pem(label, der), Some("any")),
            Err(ImportError::Damaged),
            "{label}"
        );
    }
    let cut = shop.read("plain.pem").replacen("MII", "M*I", 1);
    assert_eq!(import_text(&cut, None), Err(ImportError::Damaged));
}

#[test]
fn a_public_half_is_compared_in_all_its_forms() {
    let shop = workshop();
    let private = SecretString::from(shop.read("plain.pem"));
    let with = |public: &str| import(&private, None, Some(public)).map(|_| ());
    let spki = shop.run("openssl", &["pkey", "-in", "plain.pem", "-pubout"]);
    let pkcs1 = shop.run("openssl", &["rsa", "-in", "plain.pem", "-RSAPublicKey_out"]);
    let line = shop.run("ssh-keygen", &["-y", "-f", "plain.pem"]);
    assert!(pkcs1.starts_with("-----BEGIN RSA PUBLIC KEY-----"));
    for public in [&spki, &pkcs1, &line] {
        assert_eq!(with(public), Ok(()), "{public}");
    }
    let other = generate(KeySize::Rsa2048).unwrap();
    let other = encode(&other, KeyEncoding::Pkcs1, &SecretString::from("x"))
        .unwrap()
        .value
        .public_pem;
    assert_eq!(with(&other), Err(ImportError::PublicKeyDiffers));
    let elliptic = shop.run(
        "openssl",
        &["ecparam", "-name", "prime256v1", "-genkey", "-noout"],
    );
    shop.write("ec.pem", &elliptic);
    let elliptic = shop.run("openssl", &["pkey", "-in", "ec.pem", "-pubout"]);
    for public in [
        "",
        "ssh-rsa",
        "ssh-rsa AAAA",
        elliptic.as_str(),
        private.expose_secret(),
    ] {
        assert_eq!(
            with(public),
            Err(ImportError::PublicKeyUnreadable),
            "{public}"
        );
    }
    assert_eq!(
        with(&"x".repeat(MAXIMUM_FILE_BYTES + 1)),
        Err(ImportError::PublicKeyUnreadable)
    );
}

/// The eight numbers of a fresh key, in the order of PKCS#1, to be spoilt one at a time.
fn numbers() -> [BigUint; 8] {
    let key = generate(KeySize::Rsa2048).unwrap();
    let info = PrivateKeyInfo::try_from(key.pkcs8.as_slice()).unwrap();
    let key = <rsa::RsaPrivateKey as pkcs1::DecodeRsaPrivateKey>::from_pkcs1_der(info.private_key)
        .unwrap();
    let [p, q] = [key.primes()[0].clone(), key.primes()[1].clone()];
    let coefficient = key.crt_coefficient().unwrap();
    let [dp, dq] = [key.dp().unwrap().clone(), key.dq().unwrap().clone()];
    [
        key.n().clone(),
        key.e().clone(),
        key.d().clone(),
        p,
        q,
        dp,
        dq,
        coefficient,
    ]
}

fn file(numbers: &[BigUint; 8]) -> String {
    let bytes = numbers.each_ref().map(BigUint::to_bytes_be);
    let [
        modulus,
        public_exponent,
        private_exponent,
        prime1,
        prime2,
        exponent1,
        exponent2,
        coefficient,
    ] = bytes
        .each_ref()
        .map(|bytes| pkcs1::UintRef::new(bytes).unwrap());
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
    pem("RSA PRIVATE KEY", &key.to_der().unwrap())
}

#[test]
fn numbers_that_make_no_key_are_refused_whichever_is_wrong() {
    let right = numbers();
    assert!(import_text(&file(&right), None).is_ok());
    for (position, name) in ["n", "e", "d", "p", "q", "dp", "dq", "qinv"]
        .into_iter()
        .enumerate()
    {
        let mut wrong = right.clone();
        wrong[position] += 2_u8;
        assert_eq!(
            import_text(&file(&wrong), None),
            Err(ImportError::Inconsistent),
            "{name}"
        );
        wrong[position] = BigUint::from(0_u8);
        let expected = if name == "n" {
            ImportError::TooShort { bits: 0 }
        } else {
            ImportError::Inconsistent
        };
        assert_eq!(
            import_text(&file(&wrong), None),
            Err(expected),
            "{name} = 0"
        );
    }
    // The halves of two keys.
    let other = numbers();
    let mut mixed = right.clone();
    mixed[0].clone_from(&other[0]);
    assert_eq!(
        import_text(&file(&mixed), None),
        Err(ImportError::Inconsistent)
    );
    // The prime taken twice: 1/q mod p does not exist.
    let mut square = right.clone();
    square[0] = &right[3] * &right[3];
    square[4].clone_from(&right[3]);
    assert_eq!(
        import_text(&file(&square), None),
        Err(ImportError::Inconsistent)
    );
    let mut exponent = right;
    exponent[1] = BigUint::from(u64::MAX);
    assert_eq!(
        import_text(&file(&exponent), None),
        Err(ImportError::UnsupportedKey)
    );
}

#[test]
fn keys_of_three_primes_are_refused() {
    let shop = workshop();
    let primes = [
        "-algorithm",
        "RSA",
        "-pkeyopt",
        "rsa_keygen_bits:2048",
        "-pkeyopt",
        "rsa_keygen_primes:3",
    ];
    shop.run(
        "openssl",
        &[&["genpkey"], &primes[..], &["-out", "three.pem"]].concat(),
    );
    assert_eq!(
        import_text(&shop.read("three.pem"), None),
        Err(ImportError::UnsupportedKey)
    );
}

#[test]
fn the_length_is_bounded_both_ways() {
    let shop = workshop();
    shop.run("openssl", &["genrsa", "-out", "short.pem", "1024"]);
    let error = import_text(&shop.read("short.pem"), None).unwrap_err();
    assert_eq!(error, ImportError::TooShort { bits: 1024 });
    assert!(
        error
            .to_string()
            .contains("1024 bits and 2048 are the least"),
        "{error}"
    );
    // No tool makes such a key in a test's time; its size is looked at before anything else is.
    let mut long = numbers();
    long[0] = BigUint::from(1_u8) << MAXIMUM_BITS;
    assert_eq!(
        import_text(&file(&long), None),
        Err(ImportError::TooLong {
            bits: MAXIMUM_BITS + 1
        })
    );
    long[0] = (BigUint::from(1_u8) << MAXIMUM_BITS) - 1_u8;
    assert_eq!(
        import_text(&file(&long), None),
        Err(ImportError::Inconsistent)
    );
    let padded = format!("{}{}", file(&long), " ".repeat(MAXIMUM_FILE_BYTES));
    assert_eq!(import_text(&padded, None), Err(ImportError::FileTooLarge));
}

/// An encrypted PKCS#8 file with these parameters over bytes that nobody can decrypt.
fn sealed(kdf: Kdf<'_>, encryption: EncryptionScheme<'_>) -> String {
    let info = EncryptedPrivateKeyInfo {
        encryption_algorithm: Parameters { kdf, encryption }.into(),
        encrypted_data: &[0; 64],
    };
    pem("ENCRYPTED PRIVATE KEY", &info.to_der().unwrap())
}

#[test]
fn a_file_cannot_make_the_operator_compute_for_long() {
    let aes = EncryptionScheme::Aes256Cbc { iv: &[0; 16] };
    let pbkdf2 =
        Pbkdf2Params::hmac_with_sha256(Pbkdf2Params::MAX_ITERATION_COUNT, &[0; 16]).unwrap();
    let scrypt = |cost_parameter, block_size, parallelization| ScryptParams {
        salt: &[0; 16],
        cost_parameter,
        block_size,
        parallelization,
        key_length: None,
    };
    let start = Instant::now();
    assert_eq!(
        import_text(&sealed(pbkdf2.into(), aes), Some("any")),
        Err(ImportError::TooCostly)
    );
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
        assert_eq!(
            import_text(&file, Some("any")),
            Err(ImportError::TooCostly),
            "{cost} {block} {parallel}"
        );
    }
    // Hours, if one of them were computed.
    assert!(start.elapsed() < Duration::from_secs(5));
    for (cost, block, parallel) in [(3, 8, 1), (16, 0, 1), (16, 8, 0)] {
        let file = sealed(scrypt(cost, block, parallel).into(), aes);
        assert_eq!(
            import_text(&file, Some("any")),
            Err(ImportError::Damaged),
            "{cost} {block} {parallel}"
        );
    }
}

#[test]
fn encryption_that_is_not_offered_is_told_from_damage() {
    let shop = workshop();
    let to = [
        "-in",
        "plain.pem",
        "-passout",
        "file:passphrase",
        "-out",
        "out.pem",
    ];
    for scheme in [&["-v1", "PBE-SHA1-3DES"][..], &["-v2", "aria-256-cbc"]] {
        shop.run("openssl", &[&["pkcs8", "-topk8"], scheme, &to[..]].concat());
        let result = import_text(&shop.read("out.pem"), Some(PASSPHRASE));
        assert_eq!(
            result,
            Err(ImportError::UnsupportedEncryption),
            "{scheme:?}"
        );
    }
    shop.run(
        "openssl",
        &[&["rsa", "-traditional", "-camellia128"], &to[..]].concat(),
    );
    assert_eq!(
        import_text(&shop.read("out.pem"), Some(PASSPHRASE)),
        Err(ImportError::UnsupportedEncryption)
    );

    // Triple DES whose IV is cut to three bytes: the lengths of all that holds it shrink by five.
    let kdf = || Pbkdf2Params::hmac_with_sha256(1, &[0; 16]).unwrap().into();
    let whole = sealed(kdf(), EncryptionScheme::DesEde3Cbc { iv: &[0xAB; 8] });
    assert_eq!(
        import_text(&whole, Some("any")),
        Err(ImportError::WrongPassphrase)
    );
    let mut der = pem::blocks(&whole)
        .next()
        .unwrap()
        .decode()
        .unwrap()
        .to_vec();
    let iv = der
        .windows(10)
        .position(|window| window == [4, 8, 0xAB, 0xAB, 0xAB, 0xAB, 0xAB, 0xAB, 0xAB, 0xAB])
        .unwrap();
    der.drain(iv + 2..iv + 7);
    der[iv + 1] = 3;
    // The lengths before it, outermost first: file, algorithm, parameters, cipher.
    let oid = der.windows(2).rposition(|window| window == [6, 8]).unwrap();
    for length in [2, 4, 17, oid - 1] {
        der[length] -= 5;
    }
    let cut = super::tests::pem("ENCRYPTED PRIVATE KEY", &der);
    assert_eq!(import_text(&cut, Some("any")), Err(ImportError::Damaged));
}
