//! What platforms disagree on. A dialect is a value of [`Rules`] that goes with each write and is enforced inside that
//! write's transaction, so one set of tables can be served in several dialects.

use uuid::Uuid;

/// What a role's members may do. The bits are those of ROCKIT's role permissions, the finest of the platforms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights(i64);

impl Rights {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Make new objects.
    pub const CREATE: Self = Self(1);
    /// See objects.
    pub const READ: Self = Self(2);
    /// Change objects.
    pub const UPDATE: Self = Self(4);
    /// Delete objects.
    pub const DELETE: Self = Self(8);
    /// Run what is there.
    pub const EXECUTE: Self = Self(16);
    /// Everything.
    pub const ALL: Self = Self(31);

    /// These rights and those.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of those are among these.
    pub const fn include(self, those: Self) -> bool {
        self.0 & those.0 == those.0
    }

    /// The rights that a number means: the sum of create 1, read 2, update 4, delete 8 and execute 16.
    pub const fn from_bits(bits: i64) -> Option<Self> {
        if bits & !Self::ALL.0 == 0 { Some(Self(bits)) } else { None }
    }

    /// As [`from_bits`](Self::from_bits), of what the directory stored; a bit that means nothing allows nothing.
    pub(super) const fn from_stored(bits: i64) -> Self {
        Self(bits & Self::ALL.0)
    }

    /// As the number that the directory stores.
    pub const fn bits(self) -> i64 {
        self.0
    }
}

/// A role that every organisation begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its name.
    pub name: &'static str,
    /// What it allows.
    pub rights: Rights,
}

/// Where a name may not be given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// It may be given twice anywhere.
    Nowhere,
    /// Within one organisation.
    Organization,
    /// In the whole directory.
    Directory,
}

/// The rules of one dialect.
#[derive(Debug)]
pub struct Rules {
    /// The claim `iss` of its tokens.
    pub issuer: &'static str,
    /// Makes the id of a new object; ids are never used again.
    pub new_id: fn() -> String,
    /// Accepts a name of an organisation or a user, or gives the rule that it breaks.
    pub check_name: fn(&str) -> Result<(), &'static str>,
    /// Whether two organisations may not share a name.
    pub unique_organization_names: bool,
    /// Where two users may not share a username.
    pub unique_usernames: Scope,
    /// The roles that an organisation begins with.
    pub roles: &'static [Role],
    /// The roles of an organisation's first administrator.
    pub administrator_roles: &'static [&'static str],
    /// The roles of a user who is created without any being named.
    pub default_roles: &'static [&'static str],
    /// The name of the project that an organisation's first membership makes.
    pub default_project: &'static str,
    /// Whether a new person is invited: their account is enabled once the link of the invitation was opened. A person
    /// without an e-mail address is not invited and enabled at once.
    pub invites: bool,
}

/// The operator's own dialect.
pub static OPERATOR: Rules = Rules {
    issuer: "org-operator",
    new_id: || Uuid::new_v4().to_string(),
    check_name: printable_name,
    unique_organization_names: true,
    unique_usernames: Scope::Organization,
    roles: &[
        Role { name: "Administrators", rights: Rights::ALL },
        Role { name: "Users", rights: Rights::READ.and(Rights::EXECUTE) },
        Role { name: "Viewers", rights: Rights::READ },
    ],
    administrator_roles: &["Administrators"],
    default_roles: &["Users"],
    default_project: "Default",
    invites: false,
};

/// The longest name, in characters; the longest `externalName` that the resources allow.
const LONGEST_NAME: usize = 253;

/// Any printable name.
pub(super) fn printable_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("give a name of at least one character");
    }
    if name.chars().count() > LONGEST_NAME {
        return Err("give a name of at most 253 characters");
    }
    if name.chars().any(is_unprintable) {
        return Err("use printable characters only");
    }
    if name.trim() != name {
        return Err("leave out the blanks at its ends");
    }
    Ok(())
}

/// Control characters, and those that are invisible or turn the direction of writing: with them a name in a list can
/// look like another one.
pub(super) fn is_unprintable(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_operators_dialect() {
        for good in ["a", "Example Organisation", "müller & söhne", &"ü".repeat(253)] {
            assert_eq!((OPERATOR.check_name)(good), Ok(()), "{good:?}");
        }
        for (bad, rule) in [
            ("", "at least one"),
            (&*"x".repeat(254), "at most 253"),
            ("a\nb", "printable"),
            ("a\u{202e}b", "printable"),
            ("\u{feff}a", "printable"),
            (" a", "blanks"),
            ("a ", "blanks"),
        ] {
            let refused = (OPERATOR.check_name)(bad).expect_err(bad);
            assert!(refused.contains(rule), "{bad:?}: {refused}");
        }
    }

    #[test]
    fn rights_are_sums_of_their_numbers() {
        assert_eq!(Rights::from_bits(0), Some(Rights::NONE));
        assert_eq!(Rights::from_bits(31), Some(Rights::ALL));
        for wrong in [-1, 32, 33, i64::MAX, i64::MIN] {
            assert_eq!(Rights::from_bits(wrong), None, "{wrong}");
        }
        let some = Rights::READ.and(Rights::DELETE);
        assert_eq!(some.bits(), 10);
        assert!(some.include(Rights::DELETE) && some.include(Rights::NONE) && Rights::ALL.include(some));
        assert!(!some.include(Rights::ALL) && !some.include(Rights::UPDATE) && !Rights::NONE.include(some));
    }

    #[test]
    fn the_roles_that_are_given_are_roles_that_exist() {
        for name in OPERATOR.administrator_roles.iter().chain(OPERATOR.default_roles) {
            assert!(OPERATOR.roles.iter().any(|role| role.name == *name), "{name}");
        }
    }
}
