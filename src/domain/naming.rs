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

/// The Secret with the technical administrator of the organisation with that id. An id is a platform's, so what no name of
/// an object may have is replaced.
pub fn technical_admin_secret(organization_id: &str) -> String {
    let plain = organization_id.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    format!("org-operator-{}", plain.trim_matches('-'))
}

/// What an object on a platform carries to say whose it is: `<ownerID>/<namespace>/<name>`.
///
/// A token's mark ends in `#<attempt>`, so that a token that was minted and could not be stored is told from the one
/// in the Secret. Where the platform lets several organisations have one name, what an attempt made carries
/// `#<uid>/<attempt>.<nonce>`: the uid proves that it was this very resource's attempt, and not one of another cluster under
/// the same owner id or of a former resource of that name; the nonce, that it was one that status records, and not one of
/// that number before the cluster was set back. What was taken over carries neither. A Kubernetes name holds no `#`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OwnerMark {
    mark: String,
    attempts: Option<Attempts>,
    offered_by: Option<String>,
}

/// The attempts of one resource.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Attempts {
    uid: String,
    /// Those that status records, as [`attempt_mark`] writes them.
    recorded: Vec<String>,
}

/// What an attempt writes on what it makes, after the uid of its resource.
pub fn attempt_mark(number: i64, nonce: u64) -> String {
    format!("{number}.{nonce:016x}")
}

/// The number of the attempt that writes that.
pub fn attempt_number(mark: &str) -> Option<i64> {
    mark.split_once('.').map_or(mark, |(number, _)| number).parse().ok()
}

/// Whose an object is, by its mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// This resource's.
    Ours,
    /// This resource's, made by that attempt.
    OurAttempt(i64),
    /// This resource's, made by an attempt that status does not record: that one may have been in use before the cluster
    /// was set back.
    OurForgotten,
    /// Another operator's, which the manifest names as the one that it may be taken from.
    Offered,
    /// Another resource's, or another operator's.
    Other,
    /// Nobody's.
    Unmarked,
}

impl Ownership {
    /// Whether it is this resource's, however it came by it.
    pub fn is_ours(self) -> bool {
        self == Self::Ours || self.is_made()
    }

    /// Whether an attempt of this very resource made it, recorded or not.
    pub fn is_made(self) -> bool {
        matches!(self, Self::OurAttempt(_) | Self::OurForgotten)
    }
}

impl OwnerMark {
    /// The mark of a resource.
    pub fn new(owner_id: &str, namespace: &str, name: &str) -> Self {
        Self { mark: format!("{owner_id}/{namespace}/{name}"), attempts: None, offered_by: None }
    }

    /// The mark of the resource with that uid, whose attempts are told from those of others of its name; `recorded` are
    /// those that its status knows.
    #[must_use]
    pub fn of(mut self, uid: &str, recorded: &[String]) -> Self {
        self.attempts = Some(Attempts { uid: uid.to_owned(), recorded: recorded.to_vec() });
        self
    }

    /// Whether its attempts are told from those of others of its name.
    pub fn tells_attempts(&self) -> bool {
        self.attempts.is_some()
    }

    /// A mark without what it says of an attempt.
    pub fn resource(mark: &str) -> &str {
        mark.split_once('#').map_or(mark, |(resource, _)| resource)
    }

    /// The mark with an owner id from whom the resource may take its object over. Never from the own one: what carries it
    /// belongs to another resource of this cluster.
    #[must_use]
    pub fn taking_from(mut self, owner_id: Option<&str>) -> Self {
        let own = self.mark.split('/').next();
        self.offered_by =
            owner_id.filter(|id| !id.is_empty() && !id.contains('/') && Some(*id) != own).map(|id| format!("{id}/"));
        self
    }

    /// The mark as it is kept on the platform.
    pub fn as_str(&self) -> &str {
        &self.mark
    }

    /// The mark of the token that attempt `n` minted.
    pub fn attempt(&self, n: i64) -> String {
        format!("{}#{n}", self.mark)
    }

    /// The mark of what the attempt makes that writes that, or of what is made without one.
    pub fn made_by(&self, attempt: Option<&str>) -> String {
        match (&self.attempts, attempt) {
            (Some(Attempts { uid, .. }), Some(attempt)) => format!("{}#{uid}/{attempt}", self.mark),
            _ => self.mark.clone(),
        }
    }

    /// Whose a mark found on the platform is.
    pub fn judge(&self, found: Option<&str>) -> Ownership {
        let Some(found) = found.filter(|mark| !mark.is_empty()) else {
            return Ownership::Unmarked;
        };
        match found.strip_prefix(&self.mark) {
            Some("") => return Ownership::Ours,
            Some(rest) => {
                if let Some(ours) = rest.strip_prefix('#').and_then(|attempt| self.judge_attempt(attempt)) {
                    return ours;
                }
            }
            None => {}
        }
        match &self.offered_by {
            Some(from) if found.starts_with(from) => Ownership::Offered,
            _ => Ownership::Other,
        }
    }

    fn judge_attempt(&self, attempt: &str) -> Option<Ownership> {
        let Some(own) = &self.attempts else {
            return attempt.parse().ok().map(Ownership::OurAttempt);
        };
        let (uid, mark) = attempt.split_once('/')?;
        let number = attempt_number(mark)?;
        let recorded = own.recorded.iter().any(|recorded| recorded == mark);
        Some(match (uid == own.uid, recorded) {
            (true, true) => Ownership::OurAttempt(number),
            (true, false) => Ownership::OurForgotten,
            (false, _) => Ownership::Ours,
        })
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

    #[test]
    fn an_attempt_is_ours_only_where_its_uid_is_and_recorded_only_with_its_nonce() {
        let recorded = attempt_mark(3, 0xa1);
        assert_eq!(recorded, "3.00000000000000a1");
        let mark = OwnerMark::new("cluster", "team", "acme").of("u1", std::slice::from_ref(&recorded));
        let cases = [
            ("cluster/team/acme", Ownership::Ours),
            ("cluster/team/acme#u1/3.00000000000000a1", Ownership::OurAttempt(3)),
            ("cluster/team/acme#u1/3.00000000000000a2", Ownership::OurForgotten),
            ("cluster/team/acme#u1/2.00000000000000a1", Ownership::OurForgotten),
            ("cluster/team/acme#u1/3", Ownership::OurForgotten),
            ("cluster/team/acme#u2/3.00000000000000a1", Ownership::Ours),
            ("cluster/team/acme#3", Ownership::Other),
            ("cluster/team/acme#u1/x.00000000000000a1", Ownership::Other),
            ("cluster/team/acme2#u1/3.00000000000000a1", Ownership::Other),
        ];
        for (found, expected) in cases {
            assert_eq!(mark.judge(Some(found)), expected, "{found}");
        }
        let made = mark.made_by(Some(&recorded));
        assert_eq!(mark.judge(Some(&made)), Ownership::OurAttempt(3));
        assert_eq!(OwnerMark::resource(&made), mark.made_by(None));
        // Whose attempts are numbers alone has no such mark.
        assert_eq!(OwnerMark::new("cluster", "team", "acme").judge(Some(&made)), Ownership::Other);
    }

    #[test]
    fn a_mark_is_offered_by_the_owner_whom_the_manifest_names_and_never_by_ourselves() {
        let cases = [
            (Some("old"), "old/a/b", Ownership::Offered),
            (Some("old"), "older/a/b", Ownership::Other),
            (Some("old"), "cluster/team/acme", Ownership::Ours),
            (Some("cluster"), "cluster/other/acme", Ownership::Other),
            (Some(""), "/a/b", Ownership::Other),
            (Some("old/a"), "old/a/b", Ownership::Other),
            (None, "old/a/b", Ownership::Other),
        ];
        for (from, found, expected) in cases {
            let mark = OwnerMark::new("cluster", "team", "acme").taking_from(from);
            assert_eq!(mark.judge(Some(found)), expected, "{found} from {from:?}");
        }
    }
}
