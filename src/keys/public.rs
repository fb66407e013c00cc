//! The public half: its PEM and its fingerprint.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use pkcs8::der::asn1::BitStringRef;
use pkcs8::der::{Decode as _, Encode as _};
use pkcs8::{Document, LineEnding, SubjectPublicKeyInfoRef};
use rsa::pkcs1::{ALGORITHM_ID, RsaPublicKey, UintRef};
use sha2::{Digest as _, Sha256};

use super::pem;

/// An RSA public key's two numbers, big-endian without leading zeros.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PublicKey {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl PublicKey {
    pub(super) fn new(key: &RsaPublicKey<'_>) -> Self {
        Self { modulus: key.modulus.as_bytes().to_vec(), exponent: key.public_exponent.as_bytes().to_vec() }
    }

    /// Reads what people keep beside a private key: SubjectPublicKeyInfo PEM, PKCS#1 PEM, or OpenSSH's `.pub` line.
    /// None if it is none of these.
    pub(super) fn read(text: &str) -> Option<Self> {
        if let Some(rest) = text.trim_start().strip_prefix("ssh-rsa ") {
            return Self::from_wire(&STANDARD.decode(rest.split_whitespace().next()?).ok()?);
        }
        let block = pem::blocks(text).next()?;
        let der = block.decode()?;
        match block.label {
            "PUBLIC KEY" => {
                let info = SubjectPublicKeyInfoRef::try_from(der.as_slice()).ok()?;
                info.algorithm.assert_algorithm_oid(ALGORITHM_ID.oid).ok()?;
                Some(Self::new(&RsaPublicKey::from_der(info.subject_public_key.as_bytes()?).ok()?))
            }
            "RSA PUBLIC KEY" => Some(Self::new(&RsaPublicKey::from_der(&der).ok()?)),
            _ => None,
        }
    }

    /// SubjectPublicKeyInfo PEM (RFC 5280, section 4.1.2.7), as `openssl pkey -pubout` writes it.
    pub(super) fn to_pem(&self) -> Result<String, pkcs8::Error> {
        let key =
            RsaPublicKey { modulus: UintRef::new(&self.modulus)?, public_exponent: UintRef::new(&self.exponent)? }
                .to_der()?;
        let info =
            SubjectPublicKeyInfoRef { algorithm: ALGORITHM_ID, subject_public_key: BitStringRef::from_bytes(&key)? };
        Ok(Document::encode_msg(&info)?.to_pem("PUBLIC KEY", LineEnding::LF)?)
    }

    /// What `ssh-keygen -l` prints: `SHA256:` and the unpadded base64 of the hash of the key's wire form.
    pub(super) fn fingerprint(&self) -> String {
        format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(self.to_wire())))
    }

    /// The form that the SSH protocol sends (RFC 4253, section 6.6): `ssh-rsa`, e, n, each with its length before it.
    fn to_wire(&self) -> Vec<u8> {
        let mut wire = Vec::with_capacity(self.modulus.len() + 32);
        let mut put = |sign: &[u8], bytes: &[u8]| {
            // An RSA number is never 4 GiB long; the cap keeps the conversion total.
            let length = u32::try_from(sign.len() + bytes.len()).unwrap_or(u32::MAX);
            wire.extend_from_slice(&length.to_be_bytes());
            wire.extend_from_slice(sign);
            wire.extend_from_slice(bytes);
        };
        put(&[], b"ssh-rsa");
        for number in [&self.exponent, &self.modulus] {
            // Numbers are signed (RFC 4251, section 5): a set top bit needs a zero byte before it.
            let sign: &[u8] = if number.first().is_some_and(|byte| byte & 0x80 != 0) { &[0] } else { &[] };
            put(sign, number);
        }
        wire
    }

    fn from_wire(mut wire: &[u8]) -> Option<Self> {
        let kind = take_string(&mut wire)?;
        let exponent = take_string(&mut wire)?;
        let modulus = take_string(&mut wire)?;
        let unsigned = |number: &[u8]| number.strip_prefix(&[0]).unwrap_or(number).to_vec();
        (kind == b"ssh-rsa" && wire.is_empty())
            .then(|| Self { modulus: unsigned(modulus), exponent: unsigned(exponent) })
    }
}

/// Takes one length-prefixed string (RFC 4251, section 5) off the front.
pub(super) fn take_string<'a>(wire: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = wire.split_first_chunk::<4>()?;
    let (string, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    *wire = rest;
    Some(string)
}
