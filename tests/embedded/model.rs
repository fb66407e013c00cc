//! What the directory should hold after any sequence of calls, as maps and lists.

use std::collections::BTreeMap;

use org_operator::domain::entity::{OfUser, UserChange};
use org_operator::embedded::{DirectoryError, OPERATOR};
use secrecy::SecretString;

use crate::fixture::{Fixture, at, new_organization, new_token, new_user};
use crate::sequences::Call;

#[derive(Debug)]
struct Member {
    username: String,
    key: String,
    roles: Vec<&'static str>,
}

#[derive(Debug)]
struct Minted {
    id: String,
    of: (String, String),
    key: String,
    ends: Option<i64>,
    revoked: bool,
    /// Its membership ended, and it went with it.
    gone: bool,
    value: SecretString,
}

/// What should be there: names and keys by organisation, members by organisation and user, tokens ever minted.
#[derive(Debug, Default)]
pub(crate) struct Model {
    organizations: BTreeMap<String, (String, String)>,
    members: BTreeMap<(String, String), Member>,
    tokens: Vec<Minted>,
    now: i64,
}

impl Model {
    fn organization(&self, number: usize) -> String {
        let keys: Vec<_> = self.organizations.keys().collect();
        keys.get(number % keys.len().max(1)).map_or("absent".to_owned(), |&id| id.clone())
    }

    fn member(&self, number: usize) -> (String, String) {
        let keys: Vec<_> = self.members.keys().collect();
        let absent = || ("absent".to_owned(), "absent".to_owned());
        keys.get(number % keys.len().max(1)).map_or_else(absent, |&member| member.clone())
    }

    fn is_live(&self, token: &Minted) -> bool {
        !token.revoked && !token.gone && token.ends.is_none_or(|end| self.now < end)
    }

    fn leave(&mut self, member: &(String, String)) {
        self.members.remove(member);
        self.tokens.iter_mut().filter(|token| token.of == *member).for_each(|token| token.gone = true);
    }

    pub(crate) async fn apply(&mut self, fixture: &Fixture, call: Call) {
        match call {
            Call::CreateOrganization { name, key } => {
                self.create_organization(fixture, name, key).await;
            }
            Call::Prune { organization } => self.prune(fixture, organization).await,
            Call::CreateUser { organization, name, key } => self.create_user(fixture, organization, name, key).await,
            Call::SetRoles { member, roles } => self.set_roles(fixture, member, roles).await,
            Call::Join { organization, user } => self.join(fixture, organization, user).await,
            Call::Delete { member } => self.delete(fixture, member).await,
            Call::Mint { member, key, lifetime } => {
                self.mint(fixture, member, &format!("key {key}"), lifetime).await;
            }
            Call::Revoke { token } => self.revoke(fixture, token).await,
            Call::Wait { seconds } => self.now += seconds,
            Call::Reopen => unreachable!("done by the caller"),
        }
    }

    async fn create_organization(&mut self, fixture: &Fixture, name: u8, key: u8) {
        let (name, key) = (format!("name {name}"), format!("key {key}"));
        let new = new_organization(&key, &name);
        let answer = fixture.directory.create_organization(&OPERATOR, new, at(self.now)).await;
        let first = self.organizations.iter().find(|(_, (_, other))| *other == key);
        if let Some((first, _)) = first {
            assert_eq!(answer.unwrap().id, *first);
        } else if self.organizations.values().any(|(other, _)| *other == name) {
            assert!(matches!(answer, Err(DirectoryError::AlreadyExists { .. })), "{answer:?}");
        } else {
            self.organizations.insert(answer.unwrap().id, (name, key));
        }
    }

    async fn prune(&mut self, fixture: &Fixture, organization: usize) {
        let organization = self.organization(organization);
        fixture.directory.prune_organization(&organization).await.unwrap();
        self.organizations.remove(&organization);
        let gone: Vec<_> = self.members.keys().filter(|(id, _)| *id == organization).cloned().collect();
        for member in gone {
            self.leave(&member);
        }
    }

    async fn create_user(&mut self, fixture: &Fixture, organization: usize, name: u8, key: u8) {
        let organization = self.organization(organization);
        let (username, key) = (format!("user {name}"), format!("key {key}"));
        let new = new_user(&key, &organization, &username);
        let answer = fixture.directory.create_user(&OPERATOR, new, at(self.now)).await;
        let mut here = self.members.iter().filter(|((id, _), _)| *id == organization);
        if !self.organizations.contains_key(&organization) {
            assert!(matches!(answer, Err(DirectoryError::NotFound { .. })), "{answer:?}");
        } else if let Some(((_, first), _)) = here.clone().find(|(_, member)| member.key == key) {
            assert_eq!(answer.unwrap().id, *first);
        } else if here.any(|(_, member)| member.username == username) {
            assert!(matches!(answer, Err(DirectoryError::AlreadyExists { .. })), "{answer:?}");
        } else {
            let member = Member { username, key, roles: vec!["Users"] };
            self.members.insert((organization, answer.unwrap().id), member);
        }
    }

    async fn set_roles(&mut self, fixture: &Fixture, member: usize, roles: Vec<&'static str>) {
        let member = self.member(member);
        let change =
            UserChange { roles: Some(roles.iter().map(|&role| role.to_owned()).collect()), ..UserChange::default() };
        let answer = fixture.directory.update_user(&member.0, &member.1, change).await;
        match self.members.get_mut(&member) {
            Some(member) => {
                assert_eq!(answer.unwrap().roles.unwrap(), roles);
                member.roles = roles;
            }
            None => assert!(matches!(answer, Err(DirectoryError::NotFound { .. })), "{answer:?}"),
        }
    }

    async fn join(&mut self, fixture: &Fixture, organization: usize, user: usize) {
        let (organization, (from, user)) = (self.organization(organization), self.member(user));
        let answer = fixture.directory.add_member(&OPERATOR, &organization, &user, None, at(self.now)).await;
        let Some(known) = self.members.get(&(from, user.clone())) else {
            assert!(matches!(answer, Err(DirectoryError::NotFound { .. })), "{answer:?}");
            return;
        };
        let username = known.username.clone();
        let mut here = self.members.iter().filter(|((id, _), _)| *id == organization);
        if here.any(|((_, id), member)| *id != user && member.username == username) {
            assert!(matches!(answer, Err(DirectoryError::AlreadyExists { .. })), "{answer:?}");
            return;
        }
        assert_eq!(answer.unwrap().username, username);
        let joined = Member { username, key: String::new(), roles: Vec::new() };
        self.members.entry((organization, user)).or_insert(joined).roles = vec!["Users"];
    }

    async fn delete(&mut self, fixture: &Fixture, member: usize) {
        let member = self.member(member);
        fixture.directory.delete_user(&member.0, &member.1).await.unwrap();
        self.leave(&member);
    }

    async fn revoke(&mut self, fixture: &Fixture, token: usize) {
        let count = self.tokens.len().max(1);
        if let Some(token) = self.tokens.get_mut(token % count) {
            let of = of(&token.of);
            fixture.directory.revoke_token(&of, &token.id, at(self.now)).await.unwrap();
            token.revoked = true;
        }
    }

    async fn mint(&mut self, fixture: &Fixture, member: usize, key: &str, lifetime: Option<i64>) {
        let member = self.member(member);
        let ends = lifetime.map(|lifetime| self.now + lifetime);
        let mut new = new_token(key, &of(&member));
        new.expires_at = ends.map(at);
        let answer = fixture.directory.mint_token(&OPERATOR, new, at(self.now)).await;
        if !self.members.contains_key(&member) {
            assert!(matches!(answer, Err(DirectoryError::NotFound { .. })), "{answer:?}");
            return;
        }
        // One whose membership ended is gone, and its key is free again.
        let first = self.tokens.iter().find(|token| token.of == member && token.key == key && !token.gone);
        match first {
            Some(first) if self.is_live(first) => assert_eq!(answer.unwrap().record.id, first.id),
            Some(first) => {
                assert!(matches!(&answer, Err(DirectoryError::Spent { id }) if *id == first.id), "{answer:?}");
            }
            None => {
                let created = answer.unwrap();
                self.tokens.push(Minted {
                    id: created.record.id,
                    of: member,
                    key: key.to_owned(),
                    ends,
                    revoked: false,
                    gone: false,
                    value: created.one_time.unwrap(),
                });
            }
        }
    }

    pub(crate) async fn matches(&self, fixture: &Fixture) {
        let directory = &fixture.directory;
        let organizations = directory.organizations(None, 100).await.unwrap();
        let seen: Vec<_> = organizations.iter().map(|record| (&record.id, &record.name)).collect();
        let wanted: Vec<_> = self.organizations.iter().map(|(id, (name, _))| (id, name)).collect();
        assert_eq!(seen, wanted);
        let mut members = Vec::new();
        for organization in &organizations {
            for user in directory.users(&organization.id, None, 100).await.unwrap() {
                members.push(((organization.id.clone(), user.id), user.username, user.roles.unwrap()));
            }
        }
        let wanted: Vec<_> = self
            .members
            .iter()
            .map(|(id, member)| {
                let roles = member.roles.iter().map(|&role| role.to_owned()).collect::<Vec<_>>();
                (id.clone(), member.username.clone(), roles)
            })
            .collect();
        assert_eq!(members, wanted);
        for member in self.members.keys() {
            let mut wanted: Vec<_> = self
                .tokens
                .iter()
                .filter(|token| token.of == *member && self.is_live(token))
                .map(|token| &token.id)
                .collect();
            wanted.sort();
            let seen = directory.tokens(&of(member), at(self.now)).await.unwrap();
            assert_eq!(seen.iter().map(|token| &token.id).collect::<Vec<_>>(), wanted);
        }
        for token in &self.tokens {
            assert_eq!(fixture.authenticates(&token.value, at(self.now)).await, self.is_live(token), "{token:?}");
        }
        // No user without a membership is left behind.
        let homeless: i64 =
            fixture.value("SELECT count(*) FROM users WHERE id NOT IN (SELECT user_id FROM memberships)").await;
        assert_eq!(homeless, 0);
    }
}

fn of(member: &(String, String)) -> OfUser {
    OfUser { organization_id: member.0.clone(), user_id: member.1.clone() }
}
