//! Tokens as platforms have them.

use jiff::Timestamp;

use super::{Entity, Kind, Record};

/// Tokens.
#[derive(Debug)]
pub enum Token {}

impl Entity for Token {
    type New = NewToken;
    type Record = TokenRecord;
    type Change = TokenChange;
    type Scope = OfUser;
    const KIND: Kind = Kind::Token;
}

/// The user that tokens are looked for of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfUser {
    /// The organisation's id on the platform.
    pub organization_id: String,
    /// The user's id on the platform.
    pub user_id: String,
}

/// What minting a token takes.
#[derive(Debug)]
pub struct NewToken {
    /// Repeating a creation with this key returns the first object, where the platform knows such keys.
    pub idempotency_key: String,
    /// Whose token it is.
    pub of: OfUser,
    /// Owner mark, with the attempt that minted it.
    pub owner: String,
    /// When it is to end; `None` for never.
    pub expires_at: Option<Timestamp>,
}

/// A live token as the platform shows it: never its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    /// The platform's id.
    pub id: String,
    /// Owner mark.
    pub owner: Option<String>,
    /// When it was minted; `None` where the platform does not say.
    pub issued_at: Option<Timestamp>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

impl Record for TokenRecord {
    fn id(&self) -> &str {
        &self.id
    }
    fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }
    fn unseen(id: &str, _: &str) -> Self {
        Self { id: id.to_owned(), owner: None, issued_at: None, expires_at: None }
    }
}

/// A change of a token: of its owner mark alone, a token is otherwise replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenChange {
    /// New owner mark; `Some(None)` takes it off.
    pub owner: Option<Option<String>>,
}
