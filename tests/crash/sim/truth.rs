//! What is there in truth: the platform's directory, read past every API.

use jiff::Timestamp;
use org_operator::domain::entity::{OfUser, OrganizationRecord, TokenRecord, UserRecord};
use org_operator::embedded::AccountToken;
use secrecy::{ExposeSecret as _, SecretString};

use super::World;

/// All that a directory holds.
#[derive(Clone, Debug)]
pub(crate) struct Truth {
    pub(crate) organizations: Vec<OrganizationTruth>,
    /// Live tokens whatever they were minted for.
    pub(crate) tokens: Vec<AccountToken>,
}

/// An organisation.
#[derive(Clone, Debug)]
pub(crate) struct OrganizationTruth {
    pub(crate) record: OrganizationRecord,
    pub(crate) users: Vec<UserTruth>,
}

/// A member.
#[derive(Clone, Debug)]
pub(crate) struct UserTruth {
    pub(crate) record: UserRecord,
    /// Live tokens that were minted for the organisation.
    pub(crate) tokens: Vec<TokenRecord>,
    pub(crate) key: Option<SecretString>,
}

impl World {
    /// What is there.
    pub(crate) fn truth(&self) -> Truth {
        let (directory, now) = (self.directory.clone(), self.time.now());
        self.server.run(move || async move {
            let mut organizations = Vec::new();
            for record in directory.organizations(None, 1000).await.expect("organisations") {
                let mut users = Vec::new();
                for user in directory.users(&record.id, None, 1000).await.expect("users") {
                    let of = OfUser { organization_id: record.id.clone(), user_id: user.id.clone() };
                    let tokens = directory.tokens(&of, now).await.expect("tokens");
                    let key = directory.access_key(&of).await.expect("a key");
                    users.push(UserTruth { record: user, tokens, key });
                }
                organizations.push(OrganizationTruth { record, users });
            }
            let tokens = directory.account_tokens(now, Timestamp::MAX).await.expect("tokens");
            Truth { organizations, tokens }
        })
    }

    /// Everybody who was invited opens the link.
    pub(crate) fn open_invitations(&self) {
        let directory = self.directory.clone();
        self.server.run(move || async move {
            for invitation in directory.invitations().await.expect("invitations") {
                let password = SecretString::from("chosen by the invited");
                directory.open_invitation(&invitation.id, &invitation.code, password).await.expect("a link");
            }
        });
    }

    /// Whether that password logs in.
    pub(crate) fn logs_in(&self, organization: &str, username: &str, password: &str) -> bool {
        let directory = self.directory.clone();
        let (organization, username) = (organization.to_owned(), username.to_owned());
        let password = SecretString::from(password.to_owned());
        self.server.run(move || async move {
            directory.login(&organization, &username, password).await.expect("a login").is_some()
        })
    }

    /// The user whose credential that value is: a token, or a key.
    pub(crate) fn shown_by(&self, value: &str) -> Option<String> {
        let (directory, now) = (self.directory.clone(), self.time.now());
        let value = SecretString::from(value.to_owned());
        self.server.run(move || async move {
            if let Some(principal) = directory.authenticate_access_key(&value).await.expect("a key") {
                return Some(principal.user_id);
            }
            directory.caller(&value, now, Timestamp::MAX).await.expect("a token").map(|caller| caller.user_id)
        })
    }
}

impl UserTruth {
    /// Whether that is its key.
    pub(crate) fn has_key(&self, value: &str) -> bool {
        self.key.as_ref().is_some_and(|key| key.expose_secret() == value)
    }
}
