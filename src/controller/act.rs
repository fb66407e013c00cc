//! Carries out a plan: one match, each step idempotent, no choices.
//!
//! It runs in a task of its own (see [`super::in_flight`]): between a call that mints a value and the Secret that holds
//! it there is no point at which it could be cut off but by the end of the process.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Api, ResourceExt};
use secrecy::SecretString;

use super::context::Context;
use super::finalizer::{add_finalizer, hold_platform, remove_finalizer};
use super::in_flight::Progress;
use super::managed::{Desired, Managed, SlotContent, key};
use super::observe::judge;
use super::report;
use super::stop::{Stop, within};
use crate::api::annotation::{self, FIELD_MANAGER};
use crate::domain::condition::{Reason, State};
use crate::domain::entity::{Created, Entity, Record};
use crate::domain::fault::FaultKind;
use crate::domain::plan::{SlotState, Step};
use crate::domain::policy::DeletionPolicy;
use crate::keys;
use crate::kubernetes::secret::{SecretError, SecretImage, StoredSecret, Values};
use crate::platform::AdminApi;
use crate::telemetry::SecretWrite;

/// How often a Secret with a value that cannot be had again is tried to be written before the value is given up.
const STORE_TRIES: u32 = 6;

/// A plan being carried out.
pub struct Act<K: Managed> {
    /// What every pass has.
    pub context: Arc<Context>,
    /// The resource, as of the last write.
    pub object: Arc<K>,
    /// What it asks for.
    pub desired: Arc<Desired<K>>,
    /// Its status so far.
    pub draft: K::Status,
    /// Its Secrets as they were read.
    pub secrets: Vec<Option<StoredSecret>>,
    /// Their values, and what the steps add.
    pub values: Vec<Option<Values>>,
    /// For those who wait.
    pub progress: Progress,
}

/// What came of it.
pub struct Done<K: Managed> {
    /// The resource as of the last write.
    pub object: Arc<K>,
    /// The object on the platform as of the last step that showed it.
    pub record: Option<<K::Entity as Entity>::Record>,
    /// The values of the Secrets.
    pub values: Vec<Option<Values>>,
    /// The last attempt that was recorded.
    pub attempt: Option<i64>,
    /// Why it ended early.
    pub failure: Option<Stop>,
}

impl<K: Managed> Act<K> {
    /// Carries out the steps in order, up to the first that fails.
    pub async fn run(mut self, steps: Vec<Step<<K::Entity as Entity>::Change>>) -> Done<K> {
        let mut done =
            Done { object: Arc::clone(&self.object), record: None, values: Vec::new(), attempt: None, failure: None };
        for step in steps {
            if let Err(stop) = self.step(step, &mut done).await {
                done.failure = Some(stop);
                break;
            }
        }
        done.object = self.object;
        done.values = self.values;
        done
    }

    async fn step(&mut self, step: Step<<K::Entity as Entity>::Change>, done: &mut Done<K>) -> Result<(), Stop> {
        match step {
            Step::HoldPlatform => hold_platform(&self.context, &self.desired).await,
            Step::AddFinalizer => {
                self.progress.doing("adding the finalizer");
                self.object = add_finalizer(&self.context, &self.object, K::made_in(&self.desired)).await?;
                Ok(())
            }
            Step::Generate(slot) => self.generate(slot).await,
            Step::RecordAttempt(attempt) => {
                self.progress.doing("recording the attempt");
                K::set_attempt(&mut self.draft, attempt);
                let state = State::new(Reason::Progressing, "creation is under way");
                self.object = report::write(&self.context, &self.object, self.draft.clone(), &state).await?;
                done.attempt = Some(attempt);
                Ok(())
            }
            Step::ProveWritable(slot) => {
                self.progress.doing("proving that the Secret can be written");
                let trial = placeholder(&self.desired.slots[slot].content);
                Ok(self.store(slot, &trial, None, true).await?)
            }
            Step::Create { attempt } => {
                self.progress.doing("creating on the platform");
                let api = self.api()?;
                let new = K::creation(&self.desired, &self.values, attempt);
                let Created { record, one_time } = K::backend(api.as_ref()).create(new).await?;
                if let Some(value) = one_time
                    && let Err(stop) = self.keep(value, &record).await
                {
                    self.give_up(api.as_ref(), record.id()).await;
                    return Err(stop);
                }
                done.record = Some(record);
                Ok(())
            }
            Step::Update { id, change } => {
                self.progress.doing("changing on the platform");
                let api = self.api()?;
                done.record = Some(K::backend(api.as_ref()).update(&self.desired.place.scope, &id, &change).await?);
                Ok(())
            }
            Step::Revoke(id) => {
                self.progress.doing("revoking on the platform");
                let api = self.api()?;
                Ok(K::backend(api.as_ref()).delete(&self.desired.place.scope, &id).await?)
            }
            Step::Delete(id) => {
                self.progress.doing("deleting on the platform");
                self.still_meant().await?;
                let api = self.api()?;
                Ok(K::backend(api.as_ref()).delete(&self.desired.place.scope, &id).await?)
            }
            Step::Release(id) => {
                self.progress.doing("taking the owner mark off");
                let api = self.api()?;
                match K::backend(api.as_ref()).update(&self.desired.place.scope, &id, &K::release()).await {
                    Err(error) if !error.kind.is_outage() && error.kind != FaultKind::NotFound => Err(error.into()),
                    // What is only let go does not wait for a platform that is down.
                    _ => Ok(()),
                }
            }
            Step::ReleaseSecret(slot) => match &self.secrets[slot] {
                Some(read) => {
                    let name = &self.desired.slots[slot].name;
                    Ok(self.context.secrets.release(&self.namespace(), name, read, self.context.now()).await?)
                }
                None => Ok(()),
            },
            Step::AttachSecret(slot) => self.set_secret_owner(slot, Some(self.owner())).await,
            Step::DetachSecret(slot) => self.set_secret_owner(slot, None).await,
            Step::RemoveFinalizer => remove_finalizer(&self.context, &self.object).await,
        }
    }

    fn api(&self) -> Result<Arc<dyn AdminApi>, Stop> {
        let unreachable = || Stop::outage(Reason::DependencyNotReady, "the Platform cannot be reached");
        self.desired.place.api.clone().ok_or_else(unreachable)
    }

    fn namespace(&self) -> String {
        self.object.namespace().unwrap_or_default()
    }

    /// A deletion cannot be undone, so the manifest is read once more: the copy in hand may be from before somebody
    /// patched it to Retain.
    async fn still_meant(&self) -> Result<(), Stop> {
        let api: Api<K> = Api::namespaced(self.context.client.clone(), &self.namespace());
        let live = within(api.get_metadata(&self.object.name_any())).await?;
        let same = live.uid() == self.object.uid() && live.metadata.generation == self.object.meta().generation;
        if same { Ok(()) } else { Err(Stop::Again) }
    }

    async fn set_secret_owner(&self, slot: usize, owner: Option<OwnerReference>) -> Result<(), Stop> {
        let Some(read) = &self.secrets[slot] else {
            return Ok(());
        };
        self.progress.doing("changing the owner of a Secret");
        let name = &self.desired.slots[slot].name;
        Ok(self.context.secrets.set_owner(&self.namespace(), name, read, owner).await?)
    }

    fn owner(&self) -> OwnerReference {
        OwnerReference {
            api_version: K::api_version(&()).into_owned(),
            kind: K::kind(&()).into_owned(),
            name: self.object.name_any(),
            uid: self.desired.uid.clone(),
            controller: Some(true),
            block_owner_deletion: Some(false),
        }
    }

    /// Makes the values of a slot and creates its Secret. Where another pass was faster, its values are the ones.
    async fn generate(&mut self, slot: usize) -> Result<(), Stop> {
        let spec = &self.desired.slots[slot];
        let (values, extra) = match &spec.content {
            SlotContent::KeyPair { size, encoding } => {
                self.progress.doing("generating the key pair");
                let key = self.context.keys.take(*size).await.map_err(|error| generation(&error))?;
                self.context.metrics.key_pool_size(self.context.keys.ready(*size));
                let passphrase = keys::passphrase().map_err(|error| generation(&error))?;
                let (encoding, phrase) = (*encoding, passphrase.clone());
                // Deriving a key from a passphrase is made to be slow.
                let encoded = tokio::task::spawn_blocking(move || keys::encode(&key, encoding, &phrase)).await;
                let encoded = encoded.map_err(|_| Stop::Again)?.map_err(|error| generation(&error))?;
                let values = Values::from([
                    (key::PRIVATE.to_owned(), encoded.value.private_pem),
                    (key::PUBLIC.to_owned(), SecretString::from(encoded.value.public_pem)),
                    (key::PASSPHRASE.to_owned(), passphrase),
                ]);
                (values, vec![(annotation::SECRET_FINGERPRINT, encoded.fingerprint)])
            }
            SlotContent::Password { username } => {
                let password = keys::password().map_err(|error| generation(&error))?;
                let values = Values::from([
                    (key::USERNAME.to_owned(), SecretString::from(username.as_str())),
                    (key::PASSWORD.to_owned(), password),
                ]);
                (values, Vec::new())
            }
            // The plan generates nothing that a platform shows.
            SlotContent::Token => return Ok(()),
        };
        self.progress.doing("writing a Secret");
        let image = self.image(slot, &extra);
        let created = self.context.secrets.create(&image, &values, false).await;
        self.count(&created, SecretWrite::Created);
        match created {
            Ok(()) => {
                self.values[slot] = Some(values);
                Ok(())
            }
            Err(SecretError::AlreadyExists) => {
                let stored = self.context.secrets.get(&image.namespace, &image.name).await?;
                let (state, stored) = judge(stored, &self.desired.uid, spec.content.keys());
                self.values[slot] = stored.map(|stored| stored.values);
                if matches!(state, SlotState::Ours { complete: true, .. }) { Ok(()) } else { Err(Stop::Again) }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Takes back what was minted and could not be stored. Where that fails too, the next plan finds it by its mark.
    async fn give_up(&self, api: &dyn AdminApi, id: &str) {
        if let Err(error) = K::backend(api).delete(&self.desired.place.scope, id).await {
            tracing::warn!(error = &error as &dyn std::error::Error, id, "minted, not stored, and not revoked yet");
        }
    }

    /// Stores a value that is shown once. The platform has made it: giving up comes last.
    async fn keep(&mut self, value: SecretString, record: &<K::Entity as Entity>::Record) -> Result<(), Stop> {
        self.progress.doing("storing what the platform showed");
        let Some(slot) = self.desired.slots.iter().position(|slot| slot.content == SlotContent::Token) else {
            return Ok(());
        };
        let values = Values::from([(key::TOKEN.to_owned(), value)]);
        let mut pause = Duration::from_millis(100);
        for _ in 1..STORE_TRIES {
            match self.store(slot, &values, Some(record), false).await {
                Ok(()) => {
                    self.values[slot] = Some(values);
                    return Ok(());
                }
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "Secret not written: trying again");
                }
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
            // It may be there by now: an answer that was lost, or a Secret that changed since it was read.
            if let Ok(stored) = self.context.secrets.get(&self.namespace(), &self.desired.slots[slot].name).await {
                let (state, stored) = judge(stored, &self.desired.uid, &[]);
                if state == SlotState::Foreign {
                    return Err(Stop::Again);
                }
                self.secrets[slot] = stored;
            }
        }
        self.store(slot, &values, Some(record), false).await?;
        self.values[slot] = Some(values);
        Ok(())
    }

    async fn store(
        &self,
        slot: usize,
        values: &Values,
        record: Option<&<K::Entity as Entity>::Record>,
        dry_run: bool,
    ) -> Result<(), SecretError> {
        let extra = record.map(|record| K::secret_annotations(record)).unwrap_or_default();
        let image = self.image(slot, &extra);
        let (written, kind) = match &self.secrets[slot] {
            Some(read) => {
                let version = &read.resource_version;
                (self.context.secrets.replace(&image, values, version, dry_run).await, SecretWrite::Changed)
            }
            None => (self.context.secrets.create(&image, values, dry_run).await, SecretWrite::Created),
        };
        if !dry_run {
            self.count(&written, kind);
        }
        written
    }

    fn count(&self, written: &Result<(), SecretError>, kind: SecretWrite) {
        self.context.metrics.secret_write(match written {
            Ok(()) => kind,
            Err(SecretError::AlreadyExists | SecretError::Conflict) => SecretWrite::Conflict,
            Err(_) => SecretWrite::Failed,
        });
    }

    fn image(&self, slot: usize, extra: &[(&'static str, String)]) -> SecretImage {
        let spec = &self.desired.slots[slot];
        let own = [
            (annotation::LABEL_MANAGED_BY, FIELD_MANAGER.to_owned()),
            (annotation::LABEL_KIND, K::KIND.as_str().to_owned()),
            (annotation::LABEL_NAME, self.object.name_any()),
        ];
        let mut labels = spec.labels.clone();
        labels.extend(own.into_iter().map(|(name, value)| (name.to_owned(), value)));
        let mut annotations = spec.annotations.clone();
        annotations.insert(annotation::SECRET_OWNER_UID.to_owned(), self.desired.uid.clone());
        annotations.insert(annotation::SECRET_PLATFORM_URL.to_owned(), self.desired.place.platform.url.clone());
        annotations.extend(extra.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        SecretImage {
            namespace: self.namespace(),
            name: spec.name.clone(),
            type_: spec.type_.clone(),
            labels,
            annotations,
            owner: (self.desired.policy.deletion == DeletionPolicy::Delete).then(|| self.owner()),
        }
    }
}

/// As long as the real thing, so that a limit on size is found out before the value is made.
fn placeholder(content: &SlotContent) -> Values {
    content.keys().iter().map(|key| ((*key).to_owned(), SecretString::from("-".repeat(1024)))).collect()
}

fn generation(error: &keys::KeyError) -> Stop {
    tracing::error!(error = error as &dyn std::error::Error, "could not generate");
    Stop::outage(Reason::Progressing, "generating the credential failed and is tried again")
}
