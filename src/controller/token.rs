//! Tokens.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{Resource, ResourceExt};

use super::account;
use super::attempt::Attempt;
use super::context::{self, Context};
use super::managed::{Desired, Found, Managed, Place, Reconciled, SharedSecret};
use super::pass::{self, Pass};
use super::resolve::{Visitor, resolve, resolve_deleting};
use super::slot::{Recorded, SlotContent, SlotSpec};
use super::stop::Stop;
use super::user::{not_ready, organization_variables};
use crate::api::annotation::{SECRET_EXPIRES_AT, SECRET_ISSUED_AT, SECRET_PREVIOUS_ID};
use crate::api::{ObjectStatus as _, PreviousToken, Token, TokenStatus, User, parse_duration};
use crate::domain::capability::{Capability, Support};
use crate::domain::condition::{self, Reason, State};
use crate::domain::entity::{self, InOrganization, Kind, Lookup, NewToken, OfUser, TokenChange, TokenRecord};
use crate::domain::facts::{Late, Policy};
use crate::domain::naming::{self, OwnerMark, Ownership};
use crate::domain::policy::{AdoptionPolicy, DeletionPolicy, DriftPolicy};
use crate::domain::rotation::{Rotation, Share, later};
use crate::kubernetes::secret::StoredSecret;
use crate::platform::{AdminApi, Backend};

/// What a Token asks for.
#[derive(Debug)]
pub struct Content {
    rotation: Rotation,
    marks: bool,
}

#[async_trait]
impl Reconciled for Token {
    const KIND: Kind = Kind::Token;

    fn objects(context: &Context) -> &context::Kind<Self> {
        &context.tokens
    }

    fn begin(&self, draft: &mut TokenStatus) {
        pass::first_visit(self, draft);
    }

    async fn pass(object: &mut Arc<Self>, context: &Arc<Context>, draft: &mut TokenStatus) -> Result<Pass, Stop> {
        pass::pass(object, context, draft).await
    }
}

#[async_trait]
impl Managed for Token {
    type Entity = entity::Token;
    type Content = Content;

    fn backend(api: &dyn AdminApi) -> &dyn Backend<entity::Token> {
        api
    }

    async fn resolve(&self, context: &Context, draft: &mut TokenStatus) -> Result<Option<Place<entity::Token>>, Stop> {
        let own = self.namespace().unwrap_or_default();
        let status = self.status.clone().unwrap_or_default();
        let name = &self.spec.user_ref.name;
        let deleting = self.meta().deletion_timestamp.is_some();
        let user = context.users.get(&own, name);
        let parent = user.as_ref().and_then(|user| user.status.as_ref());
        let made_of = parent.and_then(|parent| {
            let of = OfUser { organization_id: parent.organization_id.clone()?, user_id: parent.external_id.clone()? };
            Some((parent.platform.clone()?, of))
        });
        let recorded = status
            .platform
            .zip(status.organization_id)
            .zip(status.user_id)
            .map(|((platform, organization_id), user_id)| (platform, OfUser { organization_id, user_id }));
        let wait = || match &user {
            None => Err(Stop::held(Reason::DependencyNotReady, format!("the User {name} is not there"))),
            Some(user) => not_ready("User", name, user.meta(), user.status.as_ref()),
        };
        let mut former = None;
        let (platform, of) = match (recorded, made_of) {
            // A user that vanished and was made again is another one: the old token died with the old user.
            (Some((_, old)), Some(current)) if !deleting && old != current.1 => {
                former = Some(old);
                current
            }
            (Some(recorded), _) if deleting => recorded,
            (Some(recorded), Some(_)) => recorded,
            (None, Some(current)) => {
                if !deleting {
                    wait()?;
                }
                current
            }
            (None, None) if deleting => return Ok(None),
            (_, None) => {
                wait()?;
                return Err(Stop::held(Reason::DependencyNotReady, format!("the User {name} has no id yet")));
            }
        };
        let mut resolved = if deleting {
            resolve_deleting(context, &platform, &own).await?
        } else {
            let revoking = status.external_id.is_some();
            let visitor = Visitor { from: &own, recorded: Some(&platform), leaving: false, revoking };
            resolve(context, (&platform.namespace, &platform.name), visitor).await?
        };
        let organization =
            user.as_ref().and_then(|user| context.organizations.get(&own, &user.spec.organization_ref.name));
        if let (Some(api), Some(organization)) = (&resolved.api, &organization) {
            match account::acting(context, organization, Arc::clone(api)).await {
                Ok(acting) => resolved.api = Some(acting),
                // Publishing a key needs no account, and without one the platform says what it cannot end.
                Err(Stop::Held { .. }) => {}
                Err(stop) => return Err(stop),
            }
        }
        if let (Some(former), Some(api)) = (&former, &resolved.api) {
            still_there(api.as_ref(), former, name).await?;
        }
        let orphaned = (!deleting).then(|| self.orphaned(context, &of.organization_id)).flatten();
        let keyless = || user.as_deref().filter(|_| !deleting).and_then(keyless);
        let shared = resolved.api.as_ref().is_some_and(|api| has_one_key(api.as_ref()));
        let orphaned = orphaned.or_else(|| if shared { keyless() } else { None });
        if shared && deleting && self.spec.deletion_policy == DeletionPolicy::Delete {
            is_settled(user.as_deref())?;
        }
        draft.platform = Some(resolved.record.clone());
        draft.organization_id = Some(of.organization_id.clone());
        draft.user_id = Some(of.user_id.clone());
        Ok(Some(Place {
            api: resolved.api,
            platform: resolved.record,
            held: resolved.held,
            refused: resolved.refused.or(orphaned),
            may_adopt: false,
            may_delete: true,
            hourly: resolved.hourly,
            scope: of,
        }))
    }

    async fn desired(&self, context: &Context, place: Place<entity::Token>) -> Result<Desired<Self>, Stop> {
        let namespace = self.namespace().unwrap_or_default();
        if self.meta().deletion_timestamp.is_none() {
            self.check(context, &place)?;
        }
        let rotation = self.rotation()?;
        let recorded = Recorded {
            written: self.status.as_ref().is_some_and(|status| status.secret_name.is_some()),
            digest: self.status.as_ref().and_then(|status| status.secret_digest.clone()),
            public_key: None,
        };
        let default = naming::token_secret(&self.name_any());
        let slot = SlotSpec::new(self.spec.secret.as_ref(), default, SlotContent::Token, recorded, Late::Never);
        Ok(Desired {
            name: self.name_any(),
            uid: self.uid().unwrap_or_default(),
            mark: OwnerMark::new(&context.settings.owner_id, &namespace, &self.name_any()),
            policy: Policy {
                adoption: AdoptionPolicy::Never,
                may_adopt: false,
                deletion: self.spec.deletion_policy,
                may_delete: true,
                drift: DriftPolicy::Correct,
                external_id: None,
            },
            slots: vec![slot],
            rotate_request: pass::rotate_request(self),
            variables: self.parents(context, &place),
            content: Content { rotation, marks: place.marks(Kind::Token) },
            shared: place.cannot(Capability::TokensPerUser).then(|| self.shared(context)),
            place,
        })
    }

    fn creation(
        desired: &Desired<Self>,
        _: &[Option<StoredSecret>],
        attempt: Option<Attempt<'_>>,
        now: Timestamp,
    ) -> NewToken {
        let attempt = attempt.map(|attempt| attempt.number).unwrap_or_default();
        NewToken {
            idempotency_key: format!("{}/{attempt}", desired.uid),
            of: desired.place.scope.clone(),
            owner: desired.mark.attempt(attempt),
            expires_at: desired.content.rotation.expires_at(now),
        }
    }

    /// A token of a cluster that released it, taken up with its Secret, gets our mark: as attempt 0, before all of ours.
    fn change(
        desired: &Desired<Self>,
        _: &TokenRecord,
        ownership: Ownership,
    ) -> (Option<TokenChange>, Vec<&'static str>) {
        let to_be_marked = desired.content.marks && ownership == Ownership::Unmarked;
        (to_be_marked.then(|| TokenChange { owner: Some(Some(desired.mark.attempt(0))) }), Vec::new())
    }

    fn parent(&self, context: &Context) -> Option<State> {
        let name = &self.spec.user_ref.name;
        let Some(user) = context.users.get(&self.namespace().unwrap_or_default(), name) else {
            return Some(State::new(Reason::DependencyNotReady, format!("the User {name} is not there")));
        };
        not_ready("User", name, user.meta(), user.status.as_ref()).err().and_then(Stop::into_state)
    }

    fn rotation(desired: &Desired<Self>) -> Rotation {
        desired.content.rotation
    }

    fn of_user(desired: &Desired<Self>, _: &str) -> Option<OfUser> {
        Some(desired.place.scope.clone())
    }

    fn published(id: &str, now: Timestamp) -> Option<TokenRecord> {
        Some(TokenRecord { id: id.to_owned(), owner: None, issued_at: Some(now), expires_at: None })
    }

    fn variables(desired: &Desired<Self>, record: Option<&TokenRecord>) -> Vec<(&'static str, String)> {
        let mut all = vec![("tokenID", record.map(|record| record.id.clone()).unwrap_or_default())];
        match record {
            Some(record) => all.extend(record.expires_at.map(|end| ("expiresAt", end.to_string()))),
            None => all.extend(desired.content.rotation.lifetime.map(|_| ("expiresAt", String::new()))),
        }
        all
    }

    fn release() -> TokenChange {
        TokenChange { owner: Some(None) }
    }

    fn secret_annotations(record: &TokenRecord) -> Vec<(&'static str, String)> {
        let mut all: Vec<_> = record.issued_at.map(|time| (SECRET_ISSUED_AT, time.to_string())).into_iter().collect();
        all.extend(record.expires_at.map(|time| (SECRET_EXPIRES_AT, time.to_string())));
        all
    }

    fn fill(draft: &mut TokenStatus, desired: &Desired<Self>, found: &Found<'_, Self>) {
        let (record, rotation) = (found.record, &desired.content.rotation);
        let secret = found.secrets.first().and_then(Option::as_ref);
        // A platform may not say when a token was minted and when it ends: then its Secret does.
        let stored = |name| secret.and_then(|secret| secret.annotations.get(name)?.parse::<Timestamp>().ok());
        let issued_at = record.issued_at.or_else(|| stored(SECRET_ISSUED_AT));
        let expires_at = record.expires_at.or_else(|| stored(SECRET_EXPIRES_AT));
        draft.external_id = Some(record.id.clone());
        draft.issued_at = issued_at.map(Time);
        draft.expires_at = expires_at.map(Time);
        let share = Share::of(&desired.uid);
        draft.rotate_at = issued_at.and_then(|issued| rotation.rotate_at(share, issued, expires_at)).map(Time);
        let (Some(slot), Some(secret)) = (desired.slots.first(), secret) else {
            return;
        };
        draft.secret_name = Some(slot.name.clone());
        draft.secret_digest = Some(slot.digest(&secret.values));
        let ends = issued_at.map(|issued| later(issued, rotation.overlap()));
        let previous = secret.annotations.get(SECRET_PREVIOUS_ID).filter(|id| found.live.contains(id));
        draft.previous =
            previous.zip(ends).map(|(id, ends)| PreviousToken { external_id: id.clone(), revoke_at: Time(ends) });
    }
}

/// Whether a user has one key there.
fn has_one_key(api: &dyn AdminApi) -> bool {
    api.capabilities().of(Capability::TokensPerUser) == Support::Unsupported
}

/// Why there is no key to publish: the User knows that there is no user. Nothing else shows it where the key is the User's.
fn keyless(user: &User) -> Option<State> {
    let ready = condition::ready(user.status.as_ref()?.conditions())?;
    let gone =
        [Reason::ExternalIDNotFound, Reason::DependencyNotReady].iter().any(|reason| ready.reason == reason.as_str());
    let message = format!("the User {} has no user on the platform", user.name_any());
    (ready.status == "False" && gone).then(|| State::new(Reason::DependencyNotReady, message))
}

/// Waits for a User that is on its way: its key is ended by the name of the user, whichever user has that name by then.
fn is_settled(user: Option<&User>) -> Result<(), Stop> {
    let is_coming =
        |user: &&User| user.meta().deletion_timestamp.is_none() && !says(user, "Ready") && !says(user, "Stalled");
    let Some(user) = user.filter(is_coming) else { return Ok(()) };
    let message = format!(
        "the key of a user is ended by the user's name: waits for the User {} to say which user that is by now, or to be \
         deleted",
        user.name_any()
    );
    Err(Stop::held(Reason::Deleting, message))
}

/// Whether that condition is True.
fn says(user: &User, condition: &str) -> bool {
    let is = |found: &Condition| found.type_ == condition && found.status == "True";
    user.status.as_ref().is_some_and(|status| status.conditions().iter().any(is))
}

/// Refuses to forget a token whose user lives on while the User stands for another one now.
async fn still_there(api: &dyn AdminApi, former: &OfUser, name: &str) -> Result<(), Stop> {
    let users: &dyn Backend<entity::User> = api;
    let scope = InOrganization { organization_id: former.organization_id.clone() };
    if users.find(&scope, &Lookup::Id(former.user_id.clone())).await?.is_empty() {
        return Ok(());
    }
    Err(Stop::held(
        Reason::PlatformChanged,
        format!(
            "made for the user {}, and the User {name} stands for another one now: make another Token",
            former.user_id
        ),
    ))
}

impl Token {
    /// Where the key of its user lies.
    fn shared(&self, context: &Context) -> SharedSecret {
        let user = context.users.get(&self.namespace().unwrap_or_default(), &self.spec.user_ref.name);
        let status = user.as_ref().and_then(|user| user.status.as_ref());
        SharedSecret {
            name: status.and_then(|status| status.secret_name.clone()),
            in_use: user.as_deref().is_some_and(|user| says(user, "Ready")),
            owner_uid: user.and_then(|user| user.uid()).unwrap_or_default(),
        }
    }

    /// What the manifest says about renewal.
    fn rotation(&self) -> Result<Rotation, Stop> {
        let parse = |field: &str, text: Option<&String>| {
            let invalid = |error| Stop::held(Reason::InvalidSpec, format!("{field}: {error}"));
            text.map(|text| parse_duration(text)).transpose().map_err(invalid)
        };
        let rotation = self.spec.rotation.as_ref();
        Ok(Rotation {
            lifetime: parse("lifetime", self.spec.lifetime.as_ref())?,
            every: parse("rotation.every", rotation.map(|rotation| &rotation.every))?,
            overlap: parse("rotation.overlap", rotation.and_then(|rotation| rotation.overlap.as_ref()))?,
        })
    }

    /// Why no new token is made where the organisation that it is in is not this namespace's any more: its Organization was
    /// let go, and may be another's by now.
    fn orphaned(&self, context: &Context, organization_id: &str) -> Option<State> {
        let namespace = self.namespace().unwrap_or_default();
        let user = context.users.get(&namespace, &self.spec.user_ref.name)?;
        let name = &user.spec.organization_ref.name;
        let organization = context.organizations.get(&namespace, name);
        let stands_for = organization.as_ref().and_then(|found| found.status.as_ref()?.external_id.as_deref());
        (stands_for != Some(organization_id)).then(|| {
            let message =
                format!("the Organization {name} that this token's user is in is not there, or is another one now");
            State::new(Reason::DependencyNotReady, message)
        })
    }

    /// Variables of templates that come from the user and the organisation.
    fn parents(&self, context: &Context, place: &Place<entity::Token>) -> Vec<(&'static str, String)> {
        let mut all = place.variables();
        all.push(("organizationID", place.scope.organization_id.clone()));
        all.push(("userID", place.scope.user_id.clone()));
        let namespace = self.namespace().unwrap_or_default();
        if let Some(user) = context.users.get(&namespace, &self.spec.user_ref.name) {
            all.push(("username", user.name_on(place.api.as_deref())));
            all.extend(user.spec.email.clone().map(|email| ("email", email)));
            all.extend(organization_variables(context, &namespace, &user.spec.organization_ref.name));
        }
        all
    }

    fn check(&self, context: &Context, place: &Place<entity::Token>) -> Result<(), Stop> {
        let overlap = self.spec.rotation.as_ref().is_some_and(|rotation| rotation.overlap.is_some());
        for (asked, field, capability) in [
            (self.spec.lifetime.is_some(), "lifetime", Capability::TokenExpiry),
            (overlap, "rotation.overlap", Capability::TokensPerUser),
        ] {
            if asked && place.cannot(capability) {
                let message = format!("{field}: this platform cannot ({}): leave it out", capability.name());
                return Err(Stop::held(Reason::Unsupported, message));
            }
        }
        if !place.cannot(Capability::TokensPerUser) {
            return Ok(());
        }
        // Where a user has one key, two Tokens would reset each other's for ever.
        // Who stands for it keeps it, else the oldest gets it: of those of one second, by name.
        let rank = |token: &Token| {
            let has_it = token.status.as_ref().is_some_and(|status| status.external_id.is_some());
            (!has_it, token.creation_timestamp().map(|time| time.0), token.name_any())
        };
        let rivals = context.tokens.all(|other| {
            other.namespace() == self.namespace()
                && other.spec.user_ref == self.spec.user_ref
                && other.uid() != self.uid()
                && rank(other) < rank(self)
        });
        match rivals.first() {
            None => Ok(()),
            Some(rival) => Err(Stop::held(
                Reason::NameConflict,
                format!(
                    "a user has one key on this platform, and the Token {} stands for it: use its Secret, or make another \
                     User",
                    rival.name_any()
                ),
            )),
        }
    }
}
