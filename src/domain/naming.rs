//! Names that the operator derives: default Secret names, owner marks, names on platforms.

/// The default name of the Secret that holds an organisation's key pair.
pub fn key_pair_secret(organization: &str) -> String {
    format!("{organization}-keypair")
}

/// The default name of the Secret that holds an organisation's first administrator.
pub fn admin_secret(organization: &str) -> String {
    format!("{organization}-admin")
}

/// The default name of the Secret that holds a user's credentials.
pub fn credentials_secret(user: &str) -> String {
    format!("{user}-credentials")
}

/// The default name of the Secret that holds a token.
pub fn token_secret(token: &str) -> String {
    format!("{token}-token")
}

/// What an object on a platform carries to say whose it is: `<ownerID>/<namespace>/<name>`.
///
/// A token's mark ends in `#<attempt>`, so that a token that was minted and could not be stored is told from the one
/// in the Secret. A Kubernetes name holds no `#`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OwnerMark(String);

/// Whose an object is, by its mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// This resource's.
    Ours,
    /// This resource's, minted by that attempt.
    OurAttempt(i64),
    /// Another resource's, or another operator's.
    Other,
    /// Nobody's.
    Unmarked,
}

impl OwnerMark {
    /// The mark of a resource.
    pub fn new(owner_id: &str, namespace: &str, name: &str) -> Self {
        Self(format!("{owner_id}/{namespace}/{name}"))
    }

    /// The mark as it is kept on the platform.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The mark of what attempt `n` minted.
    pub fn attempt(&self, n: i64) -> String {
        format!("{}#{n}", self.0)
    }

    /// Whose a mark found on the platform is.
    pub fn judge(&self, found: Option<&str>) -> Ownership {
        let Some(found) = found.filter(|mark| !mark.is_empty()) else {
            return Ownership::Unmarked;
        };
        match found.strip_prefix(&self.0) {
            Some("") => Ownership::Ours,
            Some(rest) => match rest.strip_prefix('#').and_then(|n| n.parse().ok()) {
                Some(n) => Ownership::OurAttempt(n),
                None => Ownership::Other,
            },
            None => Ownership::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_ours_only_when_it_is_whole() {
        let mark = OwnerMark::new("cluster", "team", "acme");
        let cases = [
            (None, Ownership::Unmarked),
            (Some(""), Ownership::Unmarked),
            (Some("cluster/team/acme"), Ownership::Ours),
            (Some("cluster/team/acme#3"), Ownership::OurAttempt(3)),
            (Some("cluster/team/acme2"), Ownership::Other),
            (Some("cluster/team/acme#x"), Ownership::Other),
            (Some("other/team/acme"), Ownership::Other),
            (Some("cluster/team"), Ownership::Other),
        ];
        for (found, expected) in cases {
            assert_eq!(mark.judge(found), expected, "{found:?}");
        }
        assert_eq!(mark.judge(Some(&mark.attempt(7))), Ownership::OurAttempt(7));
    }
}
