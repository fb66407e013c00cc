//! The encryption of PEM files before PKCS#8: `Proc-Type: 4,ENCRYPTED` and `DEK-Info: <cipher>,<IV>` (RFC 1421 in
//! form, `OpenSSL`'s `PEM_write` in substance). `ssh-keygen -m PEM` and `openssl rsa -traditional` write it.
//!
//! The cipher's key is one round of MD5 over the passphrase and the first eight bytes of the IV: whoever has the file
//! can try passphrases at the speed of MD5, so that it is as strong as the passphrase, which is why ours are random.

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockCipher, BlockDecryptMut, BlockEncryptMut as _, KeyInit, KeyIvInit as _};
use md5::{Digest as _, Md5};
use zeroize::Zeroizing;

/// AES' block, and so its IV, in bytes.
pub(super) const AES_BLOCK: usize = 16;

/// A cipher that `DEK-Info` names; all of them in CBC mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cipher {
    Aes128,
    Aes192,
    Aes256,
    DesEde3,
}

/// What a `DEK-Info` header says.
pub(super) struct DekInfo {
    cipher: Cipher,
    iv: Vec<u8>,
}

/// Why a `DEK-Info` header cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum DekInfoError {
    /// A cipher that is not offered, single DES for one.
    UnknownCipher,
    /// Not `<cipher>,<IV in hexadecimal>`, or an IV of the wrong length.
    Malformed,
}

impl Cipher {
    fn key_length(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes192 | Self::DesEde3 => 24,
            Self::Aes256 => 32,
        }
    }

    fn block_length(self) -> usize {
        match self {
            Self::DesEde3 => 8,
            Self::Aes128 | Self::Aes192 | Self::Aes256 => AES_BLOCK,
        }
    }
}

impl DekInfo {
    /// Reads the header's value.
    pub(super) fn read(value: &str) -> Result<Self, DekInfoError> {
        let (name, iv) = value.split_once(',').ok_or(DekInfoError::Malformed)?;
        let cipher = match name.trim() {
            "AES-128-CBC" => Cipher::Aes128,
            "AES-192-CBC" => Cipher::Aes192,
            "AES-256-CBC" => Cipher::Aes256,
            "DES-EDE3-CBC" => Cipher::DesEde3,
            _ => return Err(DekInfoError::UnknownCipher),
        };
        let iv = unhex(iv.trim()).filter(|iv| iv.len() == cipher.block_length()).ok_or(DekInfoError::Malformed)?;
        Ok(Self { cipher, iv })
    }

    /// Decrypts; None where the padding tells that the passphrase is wrong. It tells in 255 of 256 cases: the caller
    /// has to look at what comes out.
    pub(super) fn decrypt(&self, passphrase: &[u8], data: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let key = derive(passphrase, &self.iv, self.cipher.key_length());
        match self.cipher {
            Cipher::Aes128 => decrypt::<aes::Aes128>(&key, &self.iv, data),
            Cipher::Aes192 => decrypt::<aes::Aes192>(&key, &self.iv, data),
            Cipher::Aes256 => decrypt::<aes::Aes256>(&key, &self.iv, data),
            Cipher::DesEde3 => decrypt::<des::TdesEde3>(&key, &self.iv, data),
        }
    }
}

/// Encrypts with AES-128-CBC, as `ssh-keygen -m PEM` does.
pub(super) fn encrypt(passphrase: &[u8], iv: &[u8; AES_BLOCK], plain: &[u8]) -> Vec<u8> {
    let key = Zeroizing::new(md5_of(&[], passphrase, iv));
    cbc::Encryptor::<aes::Aes128>::new((&*key).into(), iv.into()).encrypt_padded_vec_mut::<Pkcs7>(plain)
}

/// `EVP_BytesToKey` with MD5 and one round: each block of the key is the MD5 of the block before, the passphrase and
/// the salt, which is the IV's first eight bytes.
fn derive(passphrase: &[u8], iv: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::with_capacity(length + AES_BLOCK));
    while key.len() < length {
        let previous = key.len().saturating_sub(AES_BLOCK);
        let block = Zeroizing::new(md5_of(&key[previous..], passphrase, iv));
        key.extend_from_slice(block.as_slice());
    }
    key.truncate(length);
    key
}

fn md5_of(previous: &[u8], passphrase: &[u8], iv: &[u8]) -> [u8; AES_BLOCK] {
    let salt = iv.first_chunk::<8>().map_or(iv, |salt| salt);
    Md5::new().chain_update(previous).chain_update(passphrase).chain_update(salt).finalize().into()
}

fn decrypt<C: BlockCipher + BlockDecryptMut + KeyInit>(
    key: &[u8],
    iv: &[u8],
    data: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let mut buffer = Zeroizing::new(data.to_vec());
    let length =
        cbc::Decryptor::<C>::new_from_slices(key, iv).ok()?.decrypt_padded_mut::<Pkcs7>(&mut buffer).ok()?.len();
    buffer.truncate(length);
    Some(buffer)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>()?;
    let (pairs, []) = digits.as_chunks::<2>() else {
        return None;
    };
    Some(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_what_openssl_derives() {
        // `openssl enc -aes-256-cbc -md md5 -P -pass pass:secret -S 0001020304050607` prints this key.
        let iv: Vec<u8> = (0..16).collect();
        let expected = unhex("035FB8145B73CF111570DC936112BE9C375A5D3D8B915BC213BDBEF9DBFB7851").unwrap();
        assert_eq!(*derive(b"secret", &iv, 32), expected);
        assert_eq!(*derive(b"secret", &iv, 24), expected[..24]);
    }

    #[test]
    fn what_is_encrypted_decrypts_with_the_same_passphrase_only() {
        let iv = [7; AES_BLOCK];
        let info = DekInfo::read("AES-128-CBC,07070707070707070707070707070707").unwrap();
        for length in [0, 1, 15, 16, 17, 1000] {
            let plain = vec![42; length];
            let sealed = encrypt(b"right", &iv, &plain);
            assert_eq!(info.decrypt(b"right", &sealed).unwrap().as_slice(), plain);
            assert_ne!(info.decrypt(b"wrong", &sealed).map(|p| p.to_vec()), Some(plain));
        }
    }

    #[test]
    fn headers_that_cannot_be_used_say_why() {
        let refused = |value| DekInfo::read(value).err();
        assert_eq!(refused("DES-CBC,0001020304050607"), Some(DekInfoError::UnknownCipher));
        assert_eq!(refused("AES-128-CBC"), Some(DekInfoError::Malformed));
        assert_eq!(refused("AES-128-CBC,00"), Some(DekInfoError::Malformed));
        assert_eq!(refused("AES-128-CBC,0001020304050607"), Some(DekInfoError::Malformed));
        assert_eq!(refused("AES-128-CBC,000102030405060708090A0B0C0D0E0G"), Some(DekInfoError::Malformed));
        assert_eq!(refused("DES-EDE3-CBC,0001020304050607"), None);
    }
}
