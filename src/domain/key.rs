//! The choices of a key pair. Generating and encoding one is `keys`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The fewest bits an imported key may have.
pub const MINIMUM_BITS: usize = 2048;

/// How the private key is written. Both forms are encrypted with the generated passphrase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum KeyEncoding {
    /// PKCS#1 PEM with `DEK-Info`, as `ssh-keygen -m PEM` writes it.
    #[default]
    #[serde(rename = "PKCS1")]
    Pkcs1,
    /// PKCS#8 PEM (`ENCRYPTED PRIVATE KEY`), PBES2 with PBKDF2.
    #[serde(rename = "PKCS8")]
    Pkcs8,
}

/// The length of a generated RSA key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KeySize {
    /// 2048 bits.
    Rsa2048,
    /// 3072 bits.
    Rsa3072,
    /// 4096 bits, the default.
    #[default]
    Rsa4096,
}

impl KeySize {
    /// The size of that many bits, where it is one of the three offered.
    pub fn from_bits(bits: i32) -> Option<Self> {
        match bits {
            2048 => Some(Self::Rsa2048),
            3072 => Some(Self::Rsa3072),
            4096 => Some(Self::Rsa4096),
            _ => None,
        }
    }

    /// Its length in bits.
    pub const fn bits(self) -> usize {
        match self {
            Self::Rsa2048 => 2048,
            Self::Rsa3072 => 3072,
            Self::Rsa4096 => 4096,
        }
    }
}
