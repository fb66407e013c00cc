//! Tokens.

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{Resource, ResourceExt};

use super::context::{self, Context};
use super::managed::{Desired, Found, Managed, Place, Reconciled, SlotContent, SlotSpec};
use super::pass::{self, Pass};
use super::resolve::{resolve, resolve_deleting};
use super::stop::Stop;
use super::user::not_ready;
use crate::api::annotation::{SECRET_EXPIRES_AT, SECRET_EXTERNAL_ID, SECRET_ISSUED_AT};
use crate::api::{Token, TokenStatus};
use crate::domain::condition::Reason;
use crate::domain::entity::{self, Kind, NewToken, OfUser, TokenChange, TokenRecord};
use crate::domain::naming::{self, OwnerMark, Ownership};
use crate::domain::plan::Policy;
use crate::domain::policy::{AdoptionPolicy, DriftPolicy};
use crate::kubernetes::secret::{StoredSecret, Values, digest};
use crate::platform::{AdminApi, Backend};

#[async_trait]
impl Reconciled for Token {
    const KIND: Kind = Kind::Token;

    fn objects(context: &Context) -> &context::Kind<Self> {
        &context.tokens
    }

    async fn pass(object: &mut Arc<Self>, context: &Arc<Context>, draft: &mut TokenStatus) -> Result<Pass, Stop> {
        pass::pass(object, context, draft).await
    }
}

#[async_trait]
impl Managed for Token {
    type Entity = entity::Token;
    type Content = ();

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
        let (platform, of) = match (recorded, made_of) {
            // Another user of that name is another credential: the old one dies with the old user.
            (Some((_, old)), Some(current)) if !deleting && old != current.1 => current,
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
        let resolved = if deleting {
            resolve_deleting(context, &platform, &own).await?
        } else {
            resolve(context, (&platform.namespace, &platform.name), Some(&platform), &own, false).await?
        };
        draft.platform = Some(resolved.record.clone());
        draft.organization_id = Some(of.organization_id.clone());
        draft.user_id = Some(of.user_id.clone());
        Ok(Some(Place {
            api: resolved.api,
            platform: resolved.record,
            held: resolved.held,
            may_adopt: false,
            may_delete: true,
            scope: of,
        }))
    }

    async fn desired(&self, context: &Context, place: Place<entity::Token>) -> Result<Desired<Self>, Stop> {
        let deleting = self.meta().deletion_timestamp.is_some();
        for (field, given) in [("lifetime", self.spec.lifetime.is_some()), ("rotation", self.spec.rotation.is_some())] {
            if given && !deleting {
                let message = format!("{field}: this version of the operator does not renew tokens yet: leave it out");
                return Err(Stop::held(Reason::Unsupported, message));
            }
        }
        let written = self.status.as_ref().is_some_and(|status| status.secret_name.is_some());
        let default = naming::token_secret(&self.name_any());
        Ok(Desired {
            name: self.name_any(),
            uid: self.uid().unwrap_or_default(),
            mark: OwnerMark::new(&context.settings.owner_id, &self.namespace().unwrap_or_default(), &self.name_any()),
            policy: Policy {
                adoption: AdoptionPolicy::Never,
                may_adopt: false,
                deletion: self.spec.deletion_policy,
                may_delete: true,
                drift: DriftPolicy::Correct,
                external_id: None,
            },
            slots: vec![SlotSpec::new(self.spec.secret.as_ref(), default, SlotContent::Token, written)],
            content: (),
            place,
        })
    }

    /// The Secret is the truth: what it does not hold was never stored.
    fn recorded_id(&self, secrets: &[Option<StoredSecret>]) -> Option<String> {
        let secret = secrets.first()?.as_ref()?;
        if !secret.has(SlotContent::Token.keys()) {
            return None;
        }
        secret.annotations.get(SECRET_EXTERNAL_ID).cloned()
    }

    fn creation(desired: &Desired<Self>, _: &[Option<Values>], attempt: Option<i64>) -> NewToken {
        let attempt = attempt.unwrap_or_default();
        NewToken {
            idempotency_key: format!("{}/{attempt}", desired.uid),
            of: desired.place.scope.clone(),
            owner: desired.mark.attempt(attempt),
            expires_at: None,
        }
    }

    fn change(_: &Desired<Self>, _: &TokenRecord, _: Ownership) -> Option<TokenChange> {
        None
    }

    fn release() -> TokenChange {
        TokenChange { owner: Some(None) }
    }

    fn secret_annotations(record: &TokenRecord) -> Vec<(&'static str, String)> {
        let mut all = vec![(SECRET_EXTERNAL_ID, record.id.clone()), (SECRET_ISSUED_AT, record.issued_at.to_string())];
        all.extend(record.expires_at.map(|time| (SECRET_EXPIRES_AT, time.to_string())));
        all
    }

    fn dependents(&self, _: &Context) -> usize {
        0
    }

    fn fill(draft: &mut TokenStatus, desired: &Desired<Self>, found: &Found<'_, Self>) {
        draft.external_id = Some(found.record.id.clone());
        draft.issued_at = Some(Time(found.record.issued_at));
        draft.expires_at = found.record.expires_at.map(Time);
        if let (Some(slot), Some(Some(values))) = (desired.slots.first(), found.values.first()) {
            draft.secret_name = Some(slot.name.clone());
            draft.secret_digest = Some(digest(values));
        }
    }

    fn external_id(status: &TokenStatus) -> Option<&str> {
        status.external_id.as_deref()
    }

    fn set_attempt(draft: &mut TokenStatus, attempt: i64) {
        draft.attempt = Some(attempt);
    }

    fn attempt(status: &TokenStatus) -> i64 {
        status.attempt.unwrap_or_default()
    }
}
