//! A change of a member that touches more than one table, in one write.

use futures::FutureExt;
use jiff::Timestamp;
use secrecy::SecretString;

use super::access_keys;
use super::directory::Directory;
use super::documents::{UserPatch, apply};
use super::error::DirectoryError;
use super::invitations::{again, redirect};
use super::memberships::set_roles;
use super::rules::Rules;
use crate::domain::entity::OfUser;

/// New credentials of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewCredentials {
    /// A machine gets a new access key, and the one before ends.
    AccessKey,
    /// A person loses the password and is invited again.
    Invitation,
}

/// What is to be changed of a member.
#[derive(Debug, Default)]
pub struct MemberChange {
    /// Of the user and of what the dialect keeps. Its password is not looked at.
    pub patch: UserPatch,
    /// All roles from now on; `None` leaves them.
    pub roles: Option<Vec<String>>,
    /// New credentials; `None` leaves them.
    pub credentials: Option<NewCredentials>,
}

impl Directory {
    /// Changes all of that or nothing, in one write; the new access key, if one was asked for. An invitation that waits for
    /// another e-mail address is replaced by one to the new address, and its link opens nothing any more.
    ///
    /// As [`patch_user`](Self::patch_user), and [`Invalid`](DirectoryError::Invalid) if a role does not exist,
    /// [`NotFound`](DirectoryError::NotFound) if somebody without an e-mail address is to be invited.
    pub async fn change_member(
        &self,
        rules: &'static Rules,
        of: &OfUser,
        change: MemberChange,
        now: Timestamp,
    ) -> Result<Option<SecretString>, DirectoryError> {
        let MemberChange { patch, roles, credentials } = change;
        if let Some(username) = &patch.username {
            (rules.check_name)(username)
                .map_err(|rule| DirectoryError::Invalid { field: "the user name", rule: rule.to_owned() })?;
        }
        let (of, signer) = (of.clone(), self.inner.signer.clone());
        let invites = patch.email.is_some() || credentials == Some(NewCredentials::Invitation);
        self.write_and_invite(invites, move |connection| {
            async move {
                let email = patch.email.clone();
                apply(connection, rules, &of, patch, None).await?;
                if let Some(roles) = roles {
                    set_roles(connection, &of.organization_id, &of.user_id, roles).await?;
                }
                if let Some(email) = email {
                    redirect(connection, &of, &email, now).await?;
                }
                match credentials {
                    None => Ok(None),
                    Some(NewCredentials::AccessKey) => access_keys::renew(connection, &signer, &of).await.map(Some),
                    Some(NewCredentials::Invitation) => again(connection, &of, now).await.map(|()| None),
                }
            }
            .boxed()
        })
        .await
    }
}
