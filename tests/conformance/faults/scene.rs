//! What a call that goes wrong is about, and what is there afterwards.

use jiff::Timestamp;
use org_operator::domain::entity::{OfUser, Token};
use org_operator::platform::{Backend, key_id};
use secrecy::{ExposeSecret as _, SecretString};

use crate::operations::{CHANGED, Operation, PASSWORD, Target};
use crate::subject::{Org, Platform, Subject, new_token};

/// An organisation with somebody in it.
#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) org: Org,
    pub(crate) target: Target,
    /// What the user is called here.
    person: String,
}

impl Scene {
    /// Makes what that call needs. Calls that change an organisation have one of their own, the others that one.
    pub(crate) async fn new(subject: &Subject, shared: &Org, operation: Operation, apart: bool, number: usize) -> Self {
        let own = apart || [Operation::UpdateOrganization, Operation::DeleteOrganization].contains(&operation);
        let org = if own { subject.organization(&format!("Own{number}")).await } else { shared.clone() };
        let person = format!("person{number}");
        let mut target = Target {
            organization: org.id.clone(),
            organization_name: org.name.clone(),
            user: String::new(),
            username: subject.username(&person),
            token: String::new(),
            value: SecretString::from(""),
            word: format!("new{number}"),
        };
        if operation.is_inside() || operation == Operation::DefaultProject {
            let about_tokens = operation >= Operation::Key;
            let new = if about_tokens { subject.new_machine(&org, &person) } else { subject.new_person(&org, &person) };
            let (user, shown) = subject.add(&org, new).await.unwrap();
            target.user = user.id;
            if let Some(shown) = shown {
                (target.token, target.value) = (key_id(&shown), shown);
            }
        }
        if subject.variant.platform == Platform::Rockfish && operation >= Operation::FindToken {
            let made = Backend::<Token>::create(&*org.api, new_token(&org.of(&target.user), "first")).await.unwrap();
            (target.token, target.value) = (made.record.id, made.one_time.unwrap());
        }
        Self { org, target, person }
    }

    /// A call without the ids that are of this scene or were just made.
    pub(crate) fn without_ids(&self, call: &str) -> String {
        let own = [&self.target.organization, &self.target.user, &self.target.token];
        let is_id = |part: &str| part.len() >= 20 || own.into_iter().any(|id| id == part && !id.is_empty());
        let parts = call.split('/').map(|part| if is_id(part) { "{}" } else { part });
        parts.collect::<Vec<_>>().join("/")
    }

    /// How often that has been done, as the directory has it.
    pub(crate) async fn done(&self, subject: &Subject, operation: Operation) -> usize {
        let (directory, platform, org) = (&subject.directory, subject.variant.platform, &self.org);
        match operation {
            Operation::CreateOrganization => subject.organizations_called(&self.target.word).await,
            Operation::UpdateOrganization => {
                let document = directory.organization_document(&org.directory_id, Timestamp::MAX).await.unwrap();
                usize::from(document.unwrap().attributes.get("cname") == Some(&CHANGED.into()))
            }
            Operation::DeleteOrganization => usize::from(subject.organizations_called(&org.name).await == 0),
            Operation::CreateUser => subject.users_called(org, &self.target.word).await.len(),
            Operation::UpdateUser => {
                let user = subject.members_called(org, &self.person).await.remove(0);
                let changed = match platform {
                    Platform::Rockfish => user.roles == Some(Vec::new()),
                    _ => user.first_name.as_deref() == Some(CHANGED),
                };
                usize::from(changed)
            }
            Operation::DeleteUser => usize::from(subject.count_members(org, &self.person).await == 0),
            Operation::SetPassword => {
                let username = &self.target.username;
                usize::from(directory.login(&org.name, username, PASSWORD.into()).await.unwrap().is_some())
            }
            Operation::CreateToken | Operation::DeleteToken if platform == Platform::Rockfish => {
                let now = subject.time.clock().now();
                let all = directory.account_tokens(now, Timestamp::MAX).await.unwrap();
                let own: Vec<_> = all.into_iter().filter(|token| token.user_id == self.target.user).collect();
                if operation == Operation::CreateToken {
                    // The initial one, and the one of the scene.
                    own.len() - 2
                } else {
                    usize::from(own.iter().all(|token| token.id != self.target.token))
                }
            }
            Operation::CreateToken | Operation::DeleteToken => {
                let user_id = subject.users_called(org, &self.person).await.remove(0);
                let of = OfUser { organization_id: org.directory_id.clone(), user_id };
                let key = directory.access_key(&of).await.unwrap().unwrap();
                usize::from(key.expose_secret() != self.target.value.expose_secret())
            }
            _ => 0,
        }
    }
}
