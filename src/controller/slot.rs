//! The Secrets that belong to a resource: what is in each, where it comes from, and what can be derived again.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};

use crate::api::SecretTarget;
use crate::api::annotation::SECRET_EXTERNAL_ID;
use crate::domain::facts::{Content, Late, Source};
use crate::domain::key::{KeyEncoding, KeySize};
use crate::kubernetes::secret::{StoredSecret, Values, digest};

/// Keys of the Secrets.
pub mod key {
    /// Private key.
    pub const PRIVATE: &str = "private.pem";
    /// Public key.
    pub const PUBLIC: &str = "public.pem";
    /// What the private key is encrypted with.
    pub const PASSPHRASE: &str = "passphrase";
    /// Login name.
    pub const USERNAME: &str = "username";
    /// Password.
    pub const PASSWORD: &str = "password";
    /// The password that takes the place of the current one as soon as the platform has taken it.
    pub const NEXT_PASSWORD: &str = "password.next";
    /// Token.
    pub const TOKEN: &str = "token";
}

/// A Secret that belongs to a resource.
#[derive(Clone, Debug)]
pub struct SlotSpec {
    /// Its name.
    pub name: String,
    /// Its type.
    pub type_: String,
    /// Labels that the manifest adds.
    pub labels: BTreeMap<String, String>,
    /// Annotations that the manifest adds.
    pub annotations: BTreeMap<String, String>,
    /// Keys that the manifest adds, as templates.
    pub template: BTreeMap<String, String>,
    /// What is in it.
    pub content: SlotContent,
    /// What status says of it.
    pub recorded: Recorded,
    /// What to do about one that was never written for an object that is there.
    pub late: Late,
}

/// What status says of a Secret.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// It was written before.
    pub written: bool,
    /// SHA-256 over its values then.
    pub digest: Option<String>,
    /// The public key in it.
    pub public_key: Option<String>,
}

/// What is in a Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlotContent {
    /// A generated key pair.
    KeyPair {
        /// Its length.
        size: KeySize,
        /// How the private key is written.
        encoding: KeyEncoding,
    },
    /// A generated password and its user's name.
    Password {
        /// The name.
        username: String,
        /// The platform takes another one.
        settable: bool,
    },
    /// A token that the platform shows once.
    Token,
    /// A generated password, its user's name, and the key that the platform shows when it makes the user.
    Login {
        /// The name.
        username: String,
    },
    /// A password that the platform makes and shows once, and its user's name.
    ShownPassword {
        /// The name.
        username: String,
    },
}

impl SlotContent {
    /// The keys that are always there.
    pub fn keys(&self) -> &'static [&'static str] {
        match self {
            Self::KeyPair { .. } => &[key::PRIVATE, key::PUBLIC, key::PASSPHRASE],
            Self::Password { .. } | Self::ShownPassword { .. } => &[key::USERNAME, key::PASSWORD],
            Self::Token => &[key::TOKEN],
            Self::Login { .. } => &[key::USERNAME, key::PASSWORD, key::TOKEN],
        }
    }

    /// The key of the value that the answer to the creation shows.
    pub fn shown(&self) -> Option<&'static str> {
        match self {
            Self::Token | Self::Login { .. } => Some(key::TOKEN),
            Self::ShownPassword { .. } => Some(key::PASSWORD),
            Self::KeyPair { .. } | Self::Password { .. } => None,
        }
    }

    /// The keys that have a value before there is an object.
    fn made_ahead(&self) -> &'static [&'static str] {
        match self {
            Self::Login { .. } => &[key::USERNAME, key::PASSWORD],
            other => other.keys(),
        }
    }

    /// The login name in it.
    pub fn username(&self) -> Option<&str> {
        match self {
            Self::Password { username, .. } | Self::Login { username } | Self::ShownPassword { username } => {
                Some(username)
            }
            Self::KeyPair { .. } | Self::Token => None,
        }
    }

    /// The variables of templates that its values are, with the key of each.
    pub fn variables(&self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::KeyPair { .. } => {
                &[("privateKey", key::PRIVATE), ("publicKey", key::PUBLIC), ("passphrase", key::PASSPHRASE)]
            }
            Self::Password { .. } | Self::ShownPassword { .. } => {
                &[("username", key::USERNAME), ("password", key::PASSWORD)]
            }
            Self::Token => &[("token", key::TOKEN)],
            Self::Login { .. } => &[("username", key::USERNAME), ("password", key::PASSWORD), ("token", key::TOKEN)],
        }
    }

    /// Where its values come from.
    pub fn source(&self) -> Source {
        match self {
            Self::Password { settable: true, .. } | Self::Login { .. } => Source::Settable,
            Self::KeyPair { .. } | Self::Password { .. } => Source::Generated,
            Self::Token | Self::ShownPassword { .. } => Source::ShownOnce,
        }
    }

    /// What a person can do, other than restoring the Secret, when its value is lost.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::KeyPair { .. } => {
                "release this resource (deletionPolicy: Retain) and take the organisation over with keyPair.import of a \
                 key pair that the platform knows, or without keyPair"
            }
            Self::Password { settable: true, .. } | Self::Login { .. } => {
                "set a new one with the annotation org-operator.dev/rotate-requested-at"
            }
            Self::Password { settable: false, .. } => {
                "take the user over with a User (adoptionPolicy: IfExists) and set a new one there with the annotation \
                 org-operator.dev/rotate-requested-at"
            }
            Self::Token => {
                "ask for a new one with the annotation org-operator.dev/rotate-requested-at where the platform can, or \
                 delete this resource and make another"
            }
            Self::ShownPassword { .. } => {
                "have the platform send the administrator an invitation or a new password, and go on without the Secret with the annotation org-operator.dev/resolve: adopt/<n>, n being status.attempt"
            }
        }
    }
}

impl SlotSpec {
    /// The Secret that the manifest describes, or the default of that name.
    pub fn new(
        target: Option<&SecretTarget>,
        default_name: String,
        content: SlotContent,
        recorded: Recorded,
        late: Late,
    ) -> Self {
        let target = target.cloned().unwrap_or_default();
        Self {
            name: target.name.unwrap_or(default_name),
            type_: target.type_,
            labels: target.labels.unwrap_or_default(),
            annotations: target.annotations.unwrap_or_default(),
            template: target.template.unwrap_or_default(),
            content,
            recorded,
            late,
        }
    }

    /// SHA-256 over the operator's own values in it: templates and what others add do not count.
    pub fn digest(&self, values: &Values) -> String {
        digest(&self.own(values))
    }

    /// The operator's own values.
    pub fn own(&self, values: &Values) -> Values {
        let own = self.content.keys().iter().filter_map(|key| values.get_key_value(*key));
        own.map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// Whether the values of a Secret of ours are whole. What status recorded counts only where it `vouches`: where it
    /// speaks of the same values and not of earlier ones.
    pub fn content(&self, stored: &StoredSecret, vouches: bool, requested: bool) -> Content {
        let settable = matches!(self.content, SlotContent::Password { .. } | SlotContent::Login { .. });
        if requested && settable && stored.has(&[key::NEXT_PASSWORD]) {
            return Content::Staged;
        }
        let recorded = self.recorded.digest.as_ref().filter(|_| vouches);
        let intact = |values: &Values| recorded.is_none_or(|recorded| *recorded == self.digest(values));
        let mended = self.mended(&stored.values);
        let ahead = !stored.annotations.contains_key(SECRET_EXTERNAL_ID);
        let expected = if ahead { self.content.made_ahead() } else { self.content.keys() };
        let complete = |values: &Values| {
            let filled = |key: &&str| values.get(*key).is_some_and(|value| !value.expose_secret().is_empty());
            expected.iter().all(filled)
        };
        let same = |key: &&str| {
            let value = |values: &Values| values.get(*key).map(|value| value.expose_secret().to_owned());
            value(&mended) == value(&stored.values)
        };
        if !complete(&mended) || !intact(&mended) {
            Content::Broken
        } else if self.content.keys().iter().all(same) {
            Content::Whole
        } else {
            Content::Mendable
        }
    }

    /// The values with what can be derived put in its place.
    pub fn mended(&self, values: &Values) -> Values {
        let mut mended = values.clone();
        match &self.content {
            SlotContent::KeyPair { .. } => {
                if let Some(public) = &self.recorded.public_key {
                    mended.insert(key::PUBLIC.to_owned(), SecretString::from(public.as_str()));
                }
            }
            SlotContent::Password { username, .. }
            | SlotContent::Login { username }
            | SlotContent::ShownPassword { username } => {
                mended.insert(key::USERNAME.to_owned(), SecretString::from(username.as_str()));
            }
            SlotContent::Token => {}
        }
        mended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], Content);

    fn values(pairs: &[(&str, &str)]) -> Values {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), SecretString::from(*value))).collect()
    }

    fn slot(content: SlotContent) -> SlotSpec {
        SlotSpec::new(None, "s".to_owned(), content, Recorded::default(), Late::LeaveOut)
    }

    fn content(slot: &SlotSpec, pairs: &[(&str, &str)], vouches: bool) -> Content {
        let stored = StoredSecret {
            resource_version: String::new(),
            controller_uid: None,
            labels: BTreeMap::default(),
            annotations: BTreeMap::default(),
            values: values(pairs),
        };
        slot.content(&stored, vouches, true)
    }

    #[test]
    fn a_password_is_whole_mendable_broken_or_staged() {
        let mut slot = slot(SlotContent::Password { username: "ada".to_owned(), settable: true });
        let good = [("username", "ada"), ("password", "p")];
        slot.recorded.digest = Some(slot.digest(&values(&good)));
        let cases: [Case<'_>; 7] = [
            ("as written", &good, Content::Whole),
            ("with more than ours", &[("username", "ada"), ("password", "p"), ("x", "y")], Content::Whole),
            ("without the name", &[("password", "p")], Content::Mendable),
            ("another name", &[("username", "eve"), ("password", "p")], Content::Mendable),
            ("without the password", &[("username", "ada")], Content::Broken),
            ("another password", &[("username", "ada"), ("password", "q")], Content::Broken),
            ("a next one", &[("username", "ada"), ("password", "p"), ("password.next", "q")], Content::Staged),
        ];
        for (case, pairs, expected) in cases {
            assert_eq!(content(&slot, pairs, true), expected, "{case}");
        }
        let other = [("username", "ada"), ("password", "q")];
        assert_eq!(content(&slot, &other, false), Content::Whole, "status speaks of an earlier one");
    }

    #[test]
    fn a_public_key_comes_back_and_a_private_one_does_not() {
        let mut slot = slot(SlotContent::KeyPair { size: KeySize::Rsa2048, encoding: KeyEncoding::Pkcs1 });
        let good = [("private.pem", "a"), ("public.pem", "b"), ("passphrase", "c")];
        slot.recorded.digest = Some(slot.digest(&values(&good)));
        slot.recorded.public_key = Some("b".to_owned());
        assert_eq!(content(&slot, &good, true), Content::Whole);
        assert_eq!(content(&slot, &[("private.pem", "a"), ("passphrase", "c")], true), Content::Mendable);
        assert_eq!(content(&slot, &[("public.pem", "b"), ("passphrase", "c")], true), Content::Broken);
        assert_eq!(
            content(&slot, &[("private.pem", "x"), ("public.pem", "b"), ("passphrase", "c")], true),
            Content::Broken
        );
    }
}
