//! Files made by the real tools.

mod hostile;
mod refused;

use super::*;
use crate::domain::key::{KeyEncoding, KeySize};
use crate::keys::tools::Workshop;
use crate::keys::{encode, generate, passphrase};

/// Beyond ASCII, because bytes are what counts; without blanks, because it stands on command lines.
const PASSPHRASE: &str = "Kestrel7+Märble4";

/// Rewrites `plain.pem` with the passphrase of `passphrase`, into the file named after this.
const TO: &str = "-in plain.pem -passout file:passphrase -out";

/// Any bytes as PEM, on one long line.
fn as_pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let body = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

fn import_text(text: &str, passphrase: Option<&str>) -> Result<ImportedKey, ImportError> {
    let passphrase = passphrase.map(SecretString::from);
    import(&SecretString::from(text), passphrase.as_ref(), None)
}

fn refused(text: &str, passphrase: Option<&str>) -> ImportError {
    import_text(text, passphrase).expect_err("the file is refused")
}

/// A workshop with a passphrase file and one plain 2048-bit key in it, `plain.pem`.
fn workshop() -> Workshop {
    let shop = Workshop::new();
    shop.write("passphrase", PASSPHRASE);
    shop.run("openssl genrsa -traditional -out plain.pem 2048");
    shop
}

/// The file imports, with what openssl and ssh-keygen say about it.
fn agrees(shop: &Workshop, name: &str, passphrase: Option<&str>) {
    let imported = import_text(&shop.read(name), passphrase).unwrap_or_else(|error| panic!("{name}: {error}"));
    let public = shop.run(&format!("openssl pkey -in {name} -passin file:passphrase -pubout"));
    assert_eq!(imported.public_pem, public, "{name}");
    shop.write("public.pem", &public);
    let line = shop.run("ssh-keygen -i -m PKCS8 -f public.pem");
    shop.write("line.pub", &line);
    let listed = shop.run("ssh-keygen -l -f line.pub");
    let expected = format!("{} {} ", imported.bits, imported.fingerprint);
    assert!(listed.starts_with(&expected), "{name}: {listed}");
    assert_eq!(imported.encrypted, passphrase.is_some(), "{name}");
}

#[test]
fn plain_files_of_openssl_and_ssh_keygen_are_read() {
    let shop = workshop();
    shop.run("openssl pkcs8 -topk8 -nocrypt -in plain.pem -out pkcs8.pem");
    shop.run("openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out genpkey.pem");
    shop.run("ssh-keygen -q -t rsa -b 2048 -m PEM -N '' -f ssh.pem");
    shop.run("ssh-keygen -q -t rsa -b 2048 -m PKCS8 -N '' -f ssh8.pem");
    for name in ["plain.pem", "pkcs8.pem", "genpkey.pem", "ssh.pem", "ssh8.pem"] {
        agrees(&shop, name, None);
    }
    // A passphrase that nothing needs does no harm.
    assert_eq!(import_text(&shop.read("plain.pem"), Some("any")), import_text(&shop.read("plain.pem"), None));
}

#[test]
fn encrypted_files_of_openssl_and_ssh_keygen_are_read() {
    let shop = workshop();
    shop.run(&format!("ssh-keygen -q -t rsa -b 2048 -m PEM -N {PASSPHRASE} -f ssh.pem"));
    shop.run(&format!("ssh-keygen -q -t rsa -b 2048 -m PKCS8 -N {PASSPHRASE} -f ssh8.pem"));
    agrees(&shop, "ssh.pem", Some(PASSPHRASE));
    agrees(&shop, "ssh8.pem", Some(PASSPHRASE));
    assert!(shop.read("ssh.pem").contains("DEK-Info: AES-128-CBC,"));

    shop.run("openssl genrsa -aes256 -passout file:passphrase -out genrsa.pem 2048");
    agrees(&shop, "genrsa.pem", Some(PASSPHRASE));
    for cipher in ["-aes128", "-aes192", "-aes256", "-des3"] {
        shop.run(&format!("openssl rsa -traditional {cipher} {TO} out.pem"));
        assert!(shop.read("out.pem").contains("DEK-Info: "), "{cipher}");
        agrees(&shop, "out.pem", Some(PASSPHRASE));
    }
    for scheme in [
        "-v2 aes-128-cbc",
        "-v2 aes-192-cbc",
        "-v2 aes-256-cbc -iter 600000",
        "-v2 aes-256-cbc -v2prf hmacWithSHA512",
        "-v2 aes-256-cbc -v2prf hmacWithSHA1",
        "-v2 des3",
        "-scrypt",
    ] {
        shop.run(&format!("openssl pkcs8 -topk8 {scheme} {TO} out.pem"));
        agrees(&shop, "out.pem", Some(PASSPHRASE));
    }
}

#[test]
fn our_own_files_are_read_back() {
    let key = generate(KeySize::Rsa2048).unwrap();
    for encoding in [KeyEncoding::Pkcs1, KeyEncoding::Pkcs8] {
        let pair = encode(&key, encoding, &passphrase().unwrap()).unwrap();
        let public = pair.value.public_pem.as_str();
        let imported = import(&pair.value.private_pem, pair.value.passphrase.as_ref(), Some(public)).unwrap();
        assert_eq!(imported.public_pem, public);
        assert_eq!(imported.fingerprint, pair.fingerprint);
        assert_eq!(imported.bits, 2048);
        assert!(imported.encrypted);
    }
}

#[test]
fn line_ends_after_the_passphrase_and_around_the_key_do_not_matter() {
    let shop = workshop();
    shop.run("openssl rsa -aes256 -in plain.pem -passout file:passphrase -out key.pem");
    let text = shop.read("key.pem");
    let expected = import_text(&text, Some(PASSPHRASE)).unwrap();
    for passphrase in [format!("{PASSPHRASE}\n"), format!("{PASSPHRASE}\r\n")] {
        assert_eq!(import_text(&text, Some(&passphrase)), Ok(expected.clone()));
    }
    let carriage_returns = text.replace('\n', "\r\n");
    let indented = format!("Key for ACME\n{}", text.replace('\n', "\n    "));
    for variant in [carriage_returns, indented, format!("\n\n{}", text.trim_end())] {
        assert_eq!(import_text(&variant, Some(PASSPHRASE)), Ok(expected.clone()), "{variant}");
    }
}
