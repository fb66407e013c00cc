//! The steps that write Secrets.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::act::Act;
use super::describe;
use super::judge::{is_whole, judge};
use super::managed::Managed;
use super::shared;
use super::slot::{SlotContent, SlotSpec, key};
use super::stop::Stop;
use crate::api::ManagedStatus as _;
use crate::api::annotation::{
    SECRET_ATTEMPT, SECRET_EXPIRES_AT, SECRET_EXTERNAL_ID, SECRET_ISSUED_AT, SECRET_PREVIOUS_ID, SECRET_ROTATED_FOR,
};
use crate::domain::condition::Reason;
use crate::domain::entity::{Entity, Kind, NewToken, Record, Token};
use crate::domain::fault::FaultKind;
use crate::domain::plan::{SlotState, Source};
use crate::keys;
use crate::kubernetes::image::SecretImage;
use crate::kubernetes::secret::{SecretError, StoredSecret, Values};
use crate::platform::{self, AdminApi, Backend};
use crate::telemetry::SecretWrite;

/// How often a Secret with a value that cannot be had again is tried to be written before the value is given up.
const STORE_TRIES: u32 = 6;

/// The record of a kind's object.
type RecordOf<K> = <<K as Managed>::Entity as Entity>::Record;

impl<K: Managed> Act<K> {
    fn slot(&self, index: usize) -> SlotSpec {
        self.desired.slots[index].clone()
    }

    fn image(&self, index: usize, record: Option<&RecordOf<K>>, values: Values) -> Result<SecretImage, Stop> {
        describe::image(&*self.object, &self.desired, &self.desired.slots[index], record, values)
    }

    /// The operator's own values in the Secret of a slot, with what can be derived put in its place.
    fn values(&self, index: usize) -> Values {
        let slot = &self.desired.slots[index];
        let stored = self.secrets[index].as_ref().map(|secret| &secret.values);
        stored.map(|values| slot.own(&slot.mended(values))).unwrap_or_default()
    }

    async fn write(&self, index: usize, image: &SecretImage, dry_run: bool) -> Result<StoredSecret, SecretError> {
        let (written, kind) = match &self.secrets[index] {
            Some(read) => (self.context.secrets.replace(image, read, dry_run).await, SecretWrite::Changed),
            None => (self.context.secrets.create(image, dry_run).await, SecretWrite::Created),
        };
        if !dry_run {
            self.context.metrics.secret_write(match &written {
                Ok(_) => kind,
                Err(SecretError::AlreadyExists | SecretError::Conflict) => SecretWrite::Conflict,
                Err(_) => SecretWrite::Failed,
            });
        }
        written
    }

    /// Makes the values of a slot and creates its Secret. Where another pass was faster, its values are the ones.
    pub(super) async fn generate(&mut self, index: usize) -> Result<(), Stop> {
        let slot = self.slot(index);
        let values = match &slot.content {
            SlotContent::KeyPair { size, encoding } => {
                self.progress.doing("generating the key pair");
                let key = self.context.keys.take(*size).await.map_err(|error| generation(&error))?;
                self.context.metrics.key_pool_size(self.context.keys.ready(*size));
                let passphrase = keys::passphrase().map_err(|error| generation(&error))?;
                let (encoding, phrase) = (*encoding, passphrase.clone());
                // Deriving a key from a passphrase is made to be slow.
                let encoded = tokio::task::spawn_blocking(move || keys::encode(&key, encoding, &phrase)).await;
                let encoded = encoded.map_err(|_| Stop::Again)?.map_err(|error| generation(&error))?;
                Values::from([
                    (key::PRIVATE.to_owned(), encoded.value.private_pem),
                    (key::PUBLIC.to_owned(), SecretString::from(encoded.value.public_pem)),
                    (key::PASSPHRASE.to_owned(), passphrase),
                ])
            }
            SlotContent::Password { username, .. } | SlotContent::Login { username } => {
                let password = keys::password().map_err(|error| generation(&error))?;
                Values::from([
                    (key::USERNAME.to_owned(), SecretString::from(username.as_str())),
                    (key::PASSWORD.to_owned(), password),
                ])
            }
            // The plan generates nothing that a platform shows.
            SlotContent::Token | SlotContent::ShownPassword { .. } => return Ok(()),
        };
        self.progress.doing("writing a Secret");
        let image = self.image(index, None, values)?;
        self.secrets[index] = None;
        match self.write(index, &image, false).await {
            Ok(stored) => {
                self.secrets[index] = Some(stored);
                Ok(())
            }
            Err(SecretError::AlreadyExists) => {
                let stored = self.context.secrets.get(&image.namespace, &image.name).await?;
                let (state, stored) = judge(&*self.object, &self.desired, &self.draft, &slot, stored, false);
                self.secrets[index] = stored;
                if is_whole(&state) { Ok(()) } else { Err(Stop::Again) }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Brings a Secret to what the manifest says now, without a new value.
    pub(super) async fn refresh(&mut self, index: usize) -> Result<(), Stop> {
        let Some(stored) = &self.secrets[index] else { return Ok(()) };
        self.progress.doing("bringing a Secret up to date");
        let values = self.values(index);
        let derived = values
            .iter()
            .any(|(key, value)| stored.values.get(key).map(ExposeSecret::expose_secret) != Some(value.expose_secret()));
        let image = self.image(index, self.record.as_ref(), values)?;
        let stored = self.write(index, &image, false).await?;
        self.secrets[index] = Some(stored);
        if derived {
            self.note("SecretRestored", format!("put back what was missing in the Secret {}", image.name));
        } else if !self.created {
            self.note("SecretWritten", format!("brought the Secret {} up to date", image.name));
        }
        Ok(())
    }

    /// Proves by a dry-run, with values as long as the real ones, that a Secret can be written: a limit on size, a quota or
    /// a policy is found out before a value is made.
    pub(super) async fn prove_writable(&mut self, index: usize) -> Result<(), Stop> {
        self.progress.doing("proving that the Secret can be written");
        let slot = &self.desired.slots[index];
        let keys = slot.content.keys().iter().map(|key| (*key).to_owned()).chain(slot.template.keys().cloned());
        let values = keys.map(|key| (key, SecretString::from("-".repeat(1024)))).collect();
        let image = self.image(index, None, values)?;
        self.write(index, &image, true).await?;
        Ok(())
    }

    /// Lays a next password beside the current one.
    pub(super) async fn stage(&mut self, index: usize) -> Result<(), Stop> {
        self.progress.doing("writing a Secret");
        let next = keys::password().map_err(|error| generation(&error))?;
        let mut values = self.values(index);
        let username = self.desired.slots[index].content.username();
        values.extend(username.map(|name| (key::USERNAME.to_owned(), SecretString::from(name))));
        values.insert(key::NEXT_PASSWORD.to_owned(), next);
        // What templates make of the password follows with the password itself.
        let mut image = self.image(index, None, values)?;
        if let Some(stored) = &self.secrets[index] {
            image.keep_applied(stored);
        }
        self.secrets[index] = Some(self.write(index, &image, false).await?);
        Ok(())
    }

    /// Gives the platform the next password.
    pub(super) async fn push(&mut self, id: &str, index: usize) -> Result<(), Stop> {
        self.progress.doing("setting the password on the platform");
        let next = self.secrets[index].as_ref().and_then(|stored| stored.values.get(key::NEXT_PASSWORD)).cloned();
        let (Some(next), Some(scope)) = (next, K::in_organization(&self.desired)) else {
            return Err(Stop::Again);
        };
        Ok(self.api()?.set_password(&scope, id, next).await?)
    }

    /// Makes the next password the current one.
    pub(super) async fn promote(&mut self, index: usize) -> Result<(), Stop> {
        self.progress.doing("writing a Secret");
        let next = self.secrets[index].as_ref().and_then(|stored| stored.values.get(key::NEXT_PASSWORD)).cloned();
        let Some(next) = next else { return Err(Stop::Again) };
        let mut values = self.values(index);
        values.insert(key::PASSWORD.to_owned(), next);
        let mut image = self.image(index, self.record.as_ref(), values)?;
        image.dropped = &[key::NEXT_PASSWORD];
        self.answer_request(&mut image);
        self.secrets[index] = Some(self.write(index, &image, false).await?);
        self.note("Rotated", format!("set a new password for the {} {}", K::KIND, self.desired.name));
        Ok(())
    }

    fn answer_request(&self, image: &mut SecretImage) {
        if let Some(request) = &self.desired.rotate_request {
            image.annotations.insert(SECRET_ROTATED_FOR.to_owned(), request.clone());
        }
    }

    /// Stores a value that is shown once. The platform has made it: giving up comes last.
    pub(super) async fn keep(
        &mut self,
        api: &dyn AdminApi,
        value: SecretString,
        record: &RecordOf<K>,
    ) -> Result<(), Stop> {
        self.progress.doing("storing what the platform showed");
        let slots = &self.desired.slots;
        let Some(index) = slots.iter().position(|slot| slot.content.shown().is_some()) else { return Ok(()) };
        if let Some(shared) = &self.desired.shared
            && let Err(stop) = shared::write(&self.context, &self.namespace(), shared, Some(&value)).await
        {
            // Its own pass finds that the platform has another key by now.
            tracing::warn!(?stop, "the key is not in the Secret of its User yet");
        }
        let mut image = self.shown_image(index, value, record)?;
        self.answer_request(&mut image);
        match self.insist(index, &image).await {
            Ok(()) => Ok(()),
            // Nobody knows whether it was written: the next plan sees, and revokes what no Secret holds.
            Err(error @ (SecretError::TimedOut | SecretError::Unavailable(_))) => Err(error.into()),
            // Its User's Secret holds it as well.
            Err(error) if self.desired.shared.is_some() => Err(error.into()),
            Err(error) => {
                self.give_up(api, record.id()).await;
                Err(error.into())
            }
        }
    }

    /// The Secret of a slot with what the platform showed.
    fn shown_image(&self, index: usize, value: SecretString, record: &RecordOf<K>) -> Result<SecretImage, Stop> {
        let mut values = self.values(index);
        let content = &self.desired.slots[index].content;
        values.extend(content.username().map(|name| (key::USERNAME.to_owned(), SecretString::from(name))));
        values.extend(content.shown().map(|key| (key.to_owned(), value)));
        // A template that fails only with the real value must not cost it: the next pass says what is wrong with it.
        let image = self.image(index, Some(record), values.clone());
        let mut image = image.or_else(|_| self.image(index, None, values))?;
        image.annotations.insert(SECRET_EXTERNAL_ID.to_owned(), record.id().to_owned());
        let own = K::secret_annotations(record).into_iter().chain(self.minted());
        image.annotations.extend(own.map(|(name, value)| (name.to_owned(), value)));
        image.outdated = &[SECRET_PREVIOUS_ID, SECRET_EXPIRES_AT];
        Ok(image)
    }

    /// Writes the key that is in use: the platform's, or for a Token the one in its User's Secret.
    pub(super) async fn publish(&mut self, index: usize) -> Result<(), Stop> {
        self.progress.doing("writing a Secret");
        let value = if let Some(shared) = &self.desired.shared {
            let (_, stored) = shared::read(&self.context, &self.namespace(), shared).await?;
            let value = stored.and_then(|stored| stored.values.get(key::TOKEN).cloned()).ok_or(Stop::Again)?;
            let id = platform::key_id(&value);
            // One that is only put back is as old as it was.
            let before = self.secrets[index].as_ref().map(|stored| &stored.annotations);
            let before = before.filter(|said| said.get(SECRET_EXTERNAL_ID) == Some(&id));
            let since = before.and_then(|said| said.get(SECRET_ISSUED_AT)?.parse().ok());
            self.record = Some(K::published(&id, since.unwrap_or(self.context.now())).ok_or(Stop::Again)?);
            value
        } else {
            let of = self.record.as_ref().and_then(|record| K::of_user(&self.desired, record.id()));
            self.api()?.key(&of.ok_or(Stop::Again)?).await?.ok_or(Stop::Again)?
        };
        let record = self.record.clone().ok_or(Stop::Again)?;
        let mut image = self.shown_image(index, value, &record)?;
        // Another key than the one before answers a request for another; the same one put back does not.
        if self.desired.shared.is_some() && self.draft.external_id() != Some(record.id()) {
            self.answer_request(&mut image);
        }
        if self.secrets[index].as_ref().is_some_and(|stored| !image.differs(stored)) {
            return Ok(());
        }
        self.secrets[index] = Some(self.write(index, &image, false).await?);
        self.note("SecretWritten", format!("wrote the key that is in use into the Secret {}", image.name));
        Ok(())
    }

    /// Has the platform replace the one key of a user, and stores the new one. The platform shows it again, so a Secret
    /// that cannot be written costs nothing but time.
    pub(super) async fn renew(&mut self, id: &str, index: usize) -> Result<(), Stop> {
        self.progress.doing("renewing the key on the platform");
        let (api, of) = (self.api()?, K::of_user(&self.desired, id).ok_or(Stop::Again)?);
        let new = NewToken {
            idempotency_key: String::new(),
            of,
            owner: self.desired.mark.as_str().to_owned(),
            expires_at: None,
        };
        let tokens: &dyn Backend<Token> = api.as_ref();
        let value = tokens.create(new).await?.one_time.ok_or(Stop::Again)?;
        let record = self.record.clone().ok_or(Stop::Again)?;
        let mut image = self.shown_image(index, value, &record)?;
        // A password that is renewed with it comes last, and with it the answer.
        if self.desired.slots[index].content.source() != Source::Settable {
            self.answer_request(&mut image);
        }
        self.insist(index, &image).await?;
        self.note("Rotated", format!("renewed the key of the {} {}", K::KIND, self.desired.name));
        Ok(())
    }

    /// The end of a Token ended the key of its User: the one that it has now belongs into the User's Secret, or none where
    /// the platform shows no key again. Then only this pass knows that the old one is dead, and the Token waits for it.
    pub(super) async fn republish(&self, api: &dyn AdminApi) -> Result<(), Stop> {
        let Some(shared) = &self.desired.shared else { return Ok(()) };
        let Some(of) = K::of_user(&self.desired, "") else { return Ok(()) };
        let namespace = self.namespace();
        match api.key(&of).await {
            Ok(Some(value)) => {
                if let Err(stop) = shared::write(&self.context, &namespace, shared, Some(&value)).await {
                    // Its own pass finds that the platform has another key by now.
                    tracing::warn!(?stop, "the key is not in the Secret of its User yet");
                }
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(error) if error.kind == FaultKind::Unsupported => {
                shared::write(&self.context, &namespace, shared, None).await
            }
            // The user may have gone before its token.
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "the key after this one is not known");
                Ok(())
            }
        }
    }

    /// Writes a Secret, and does not give up at the first refusal.
    async fn insist(&mut self, index: usize, image: &SecretImage) -> Result<(), SecretError> {
        let mut pause = Duration::from_millis(100);
        for _ in 1..STORE_TRIES {
            match self.write(index, image, false).await {
                Ok(stored) => {
                    self.secrets[index] = Some(stored);
                    return Ok(());
                }
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "Secret not written: trying again");
                }
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
            if self.is_stored(index, image).await? {
                return Ok(());
            }
        }
        match self.write(index, image, false).await {
            Ok(stored) => {
                self.secrets[index] = Some(stored);
                Ok(())
            }
            // Refused by what an earlier try wrote, it may be: nothing is given up that a Secret may hold.
            Err(error) => match self.context.secrets.get(&image.namespace, &image.name).await {
                Ok(Some(stored)) if !image.differs(&stored) => {
                    self.secrets[index] = Some(stored);
                    Ok(())
                }
                Ok(_) => Err(error),
                Err(_) => Err(SecretError::TimedOut),
            },
        }
    }

    /// Whether the value is there by now: by an answer that was lost.
    async fn is_stored(&mut self, index: usize, image: &SecretImage) -> Result<bool, SecretError> {
        let Ok(stored) = self.context.secrets.get(&image.namespace, &image.name).await else {
            return Ok(false);
        };
        let slot = self.slot(index);
        let (state, stored) = judge(&*self.object, &self.desired, &self.draft, &slot, stored, false);
        if state == SlotState::Foreign {
            return Err(SecretError::AlreadyExists);
        }
        let there = stored.as_ref().is_some_and(|stored| !image.differs(stored));
        self.secrets[index] = stored;
        Ok(there)
    }

    fn minted(&self) -> Vec<(&'static str, String)> {
        let attempt = self.minted.attempt.map(|attempt| (SECRET_ATTEMPT, attempt.to_string()));
        let previous = self.minted.previous.clone().map(|previous| (SECRET_PREVIOUS_ID, previous));
        attempt.into_iter().chain(previous).collect()
    }

    /// Takes back a token that was minted and could not be stored. Where that fails too, the next plan finds it by its mark.
    /// A user or an organisation stays: it is there, it is recorded, and nobody asked that it be deleted.
    async fn give_up(&mut self, api: &dyn AdminApi, id: &str) {
        if K::KIND != Kind::Token {
            return;
        }
        let Err(error) = K::backend(api).delete(&self.desired.place.scope, id).await else { return };
        tracing::warn!(error = &error as &dyn std::error::Error, id, "minted, not stored, and not revoked yet");
        // Without a mark nothing would find it again.
        if !self.desired.place.marks(K::KIND) {
            let mut left_behind = self.draft.left_behind().to_vec();
            left_behind.push(id.to_owned());
            self.draft.set_left_behind(left_behind);
        }
    }
}

pub(super) fn generation(error: &keys::KeyError) -> Stop {
    tracing::error!(error = error as &dyn std::error::Error, "could not generate");
    Stop::outage(Reason::Progressing, "generating the credential failed and is tried again")
}
