//! What a User asks for that depends on the platform: its name there, its Secret, and whether the manifest can be carried
//! out.

use kube::ResourceExt;

use super::context::Context;
use super::managed::Place;
use super::pass;
use super::slot::{Recorded, SlotContent, SlotSpec};
use super::stop::Stop;
use crate::api::{InitialPassword, PlatformType, User};
use crate::domain::capability::Capability;
use crate::domain::condition::Reason;
use crate::domain::entity::{self, Kind, UserType};
use crate::domain::facts::Late;
use crate::domain::naming;
use crate::domain::policy::{AdoptionPolicy, Origin};
use crate::platform::{AdminApi, Need, Shown};

impl User {
    /// Name on that platform: the e-mail address where that is what it knows users by.
    pub(super) fn name_on(&self, api: Option<&dyn AdminApi>) -> String {
        let Some(api) = api else { return self.username() };
        match &self.spec.email {
            Some(email) if api.needs(Need::Email) => email.to_lowercase(),
            _ => self.spec.username.clone().unwrap_or_else(|| api.default_name(Kind::User, &self.name_any())),
        }
    }

    /// The Secret with what the user logs in by: a password that the operator makes, what the platform shows when it makes
    /// the user, or both. One that was taken over has a Secret only on request.
    pub(super) fn slots(&self, place: &Place<entity::User>) -> Vec<SlotSpec> {
        let password = place.can(Capability::InitialPassword);
        let status = self.status.clone().unwrap_or_default();
        let written = status.secret_name.is_some();
        let request = pass::rotate_request(self);
        let requested = request.is_some() && request != status.last_handled_rotate_at;
        let known = status.origin != Some(Origin::Adopted) || written || requested;
        let person = self.spec.type_ == UserType::Person && self.spec.initial_password != Some(InitialPassword::None);
        let shows = place.api.as_ref().is_some_and(|api| api.shows(Shown::UserToken(self.spec.type_)));
        let username = self.name_on(place.api.as_deref());
        // On the way out the platform may be gone and its capabilities with it: status knows.
        let settable = password || (written && place.api.is_none());
        // Where a user may have several tokens, one that is taken over needs none of its own: Tokens are made for it.
        let late_token = if place.can(Capability::TokensPerUser) { Late::LeaveOut } else { Late::Never };
        let (content, late) = match (person && settable, shows) {
            _ if !known => return Vec::new(),
            (true, true) => (SlotContent::Login { username }, Late::LeaveOut),
            (true, false) => (SlotContent::Password { username, settable: password }, Late::LeaveOut),
            (false, true) => (SlotContent::Token, late_token),
            (false, false) if written => (SlotContent::Token, Late::LeaveOut),
            (false, false) => return Vec::new(),
        };
        let recorded = Recorded { written, digest: status.secret_digest, public_key: None };
        let default = naming::credentials_secret(&self.name_any());
        vec![SlotSpec::new(self.spec.secret.as_ref(), default, content, recorded, late)]
    }

    pub(super) fn check(&self, context: &Context, place: &Place<entity::User>) -> Result<(), Stop> {
        if self.spec.tyk.is_some() && place.platform.type_ != PlatformType::Tyk {
            return Err(Stop::held(
                Reason::InvalidSpec,
                "tyk: the Platform is no Tyk Dashboard: leave this section out",
            ));
        }
        let name = self.name_on(place.api.as_deref());
        if let Some(api) = &place.api {
            if self.spec.email.is_none() && api.needs(Need::Email) {
                return Err(Stop::held(
                    Reason::InvalidSpec,
                    "email: this platform knows users, machines too, by their e-mail address: give one",
                ));
            }
            api.check_name(Kind::User, &name)
                .map_err(|rule| Stop::held(Reason::InvalidSpec, format!("username: {rule}")))?;
            if self.spec.initial_password == Some(InitialPassword::Generate)
                && place.cannot(Capability::InitialPassword)
            {
                return Err(Stop::held(
                    Reason::Unsupported,
                    "initialPassword: this platform cannot (InitialPassword): leave it out",
                ));
            }
        }
        if self.spec.adoption_policy == AdoptionPolicy::IfExists && !place.may_adopt {
            return Err(Stop::held(
                Reason::NotPermitted,
                "adoptionPolicy: IfExists: the Platform's owner has not granted that to this namespace \
                 (allowedNamespaces.permissions: [Adopt])",
            ));
        }
        let rank = |user: &User| (user.creation_timestamp().map(|time| time.0), user.name_any());
        let rivals = context.users.all(|other| {
            let has_it = |user: &User| user.status.as_ref().is_some_and(|status| status.external_id.is_some());
            let first = if has_it(other) == has_it(self) { rank(other) < rank(self) } else { has_it(other) };
            first
                && other.uid() != self.uid()
                && other.namespace() == self.namespace()
                && other.spec.organization_ref == self.spec.organization_ref
                && other.name_on(place.api.as_deref()) == name
        });
        match rivals.first() {
            None => Ok(()),
            Some(rival) => Err(Stop::held(
                Reason::NameConflict,
                format!("the User {} stands for {name} already: choose another username", rival.name_any()),
            )),
        }
    }
}
