//! The watches, and who is looked at when something changes.
//!
//! Each kind has one watch (one for each watched namespace) and one queue. An event puts its own object into the queue,
//! unless it is the echo of a write of our own, and those that refer to it or wait for it where something has changed
//! that matters to them.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt;
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use kube::runtime::controller::{self, ReconcileRequest, applier};
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, reflector::store::Writer};
use kube::{Api, Client, Resource, ResourceExt};
use tokio_util::sync::CancellationToken;

use super::cache::Cache;
use super::connection::label;
use super::context::{Context, Parts};
use super::managed::Reconciled;
use super::namespaces::{self, Namespaces};
use super::reconcile::reconcile;
use super::relist::relisting;
use super::twins;
use crate::api::{ObjectStatus, Organization, Platform, PlatformRecord, Token, User};
use crate::domain::condition;

/// Objects in one page of a list: smaller pages keep memory low and cost no time.
const PAGE: u32 = 100;

/// One kind's stores to be filled, and their queues.
struct Source<K: Reconciled> {
    api: Api<K>,
    writer: Writer<K>,
    store: Store<K>,
    queue: UnboundedReceiver<ReconcileRequest<K>>,
}

/// One kind's queues, by namespace; the empty one takes all.
#[derive(Debug)]
struct Queue<K: Reconciled>(Vec<(String, UnboundedSender<ReconcileRequest<K>>)>);

impl<K: Reconciled> Queue<K> {
    fn push(&self, object: &K) {
        let namespace = object.namespace().unwrap_or_default();
        for (watched, sender) in &self.0 {
            if watched.is_empty() || *watched == namespace {
                // The receiver is gone only when the operator stops.
                let _ = sender.unbounded_send(ObjectRef::from_obj(object).into());
            }
        }
    }
}

/// The queues of all kinds.
#[derive(Debug)]
struct Queues {
    platforms: Queue<Platform>,
    organizations: Queue<Organization>,
    users: Queue<User>,
    tokens: Queue<Token>,
}

impl Queues {
    /// A namespace's labels changed, and with them perhaps what it may do.
    fn push_all_of(&self, context: &Context, namespace: &str) {
        let is_in = |found: Option<String>| found.as_deref() == Some(namespace);
        for organization in context.organizations.cache.all(|object| is_in(object.namespace())) {
            self.organizations.push(&organization);
        }
        for user in context.users.cache.all(|object| is_in(object.namespace())) {
            self.users.push(&user);
        }
        for token in context.tokens.cache.all(|object| is_in(object.namespace())) {
            self.tokens.push(&token);
        }
    }
}

/// Runs the controllers until `stop`, then until no call is in flight.
///
/// `watched` are the namespaces to watch; none means all.
pub async fn run(parts: Parts, watched: &[String], stop: CancellationToken, on_ready: impl FnOnce() + Send) {
    let client = parts.client.clone();
    let (platform_sources, platforms, platform_cache) = sources::<Platform>(&client, watched);
    let (organization_sources, organizations, organization_cache) = sources::<Organization>(&client, watched);
    let (user_sources, users, user_cache) = sources::<User>(&client, watched);
    let (token_sources, tokens, token_cache) = sources::<Token>(&client, watched);
    let (labels, labels_writer) = if watched.is_empty() {
        let (labels, writer) = Namespaces::watched();
        (labels, Some(writer))
    } else {
        (Namespaces::default(), None)
    };
    let context = Context::new(parts, labels, platform_cache, organization_cache, user_cache, token_cache);
    let context = Arc::new(context);
    let queues = Arc::new(Queues { platforms, organizations, users, tokens });

    let relabelled = async {
        if let Some(writer) = labels_writer {
            namespaces::watch(&context, writer, |name| queues.push_all_of(&context, name)).await;
        }
    };
    let kinds = futures::future::join4(
        kind(platform_sources, &context, &queues),
        kind(organization_sources, &context, &queues),
        kind(user_sources, &context, &queues),
        kind(token_sources, &context, &queues),
    );
    let twins = twins::watch(&context, |organization| queues.organizations.push(organization));
    let work = futures::future::join3(kinds, relabelled, twins);
    let ready = async {
        if context.caches_filled().await {
            on_ready();
        }
        stop.cancelled().await;
    };
    tokio::select! {
        _ = work => tracing::error!("the watches ended"),
        () = ready => {}
    }
    context.in_flight.drained().await;
}

fn sources<K: Reconciled>(client: &Client, watched: &[String]) -> (Vec<Source<K>>, Queue<K>, Cache<K>) {
    let scopes: Vec<(String, Api<K>)> = if watched.is_empty() {
        vec![(String::new(), Api::all(client.clone()))]
    } else {
        watched.iter().map(|namespace| (namespace.clone(), Api::namespaced(client.clone(), namespace))).collect()
    };
    let (mut sources, mut senders, mut stores) = (Vec::new(), Vec::new(), Vec::new());
    for (namespace, api) in scopes {
        let (store, writer) = reflector::store();
        let (sender, queue) = unbounded();
        stores.push(store.clone());
        senders.push((namespace, sender));
        sources.push(Source { api, writer, store, queue });
    }
    (sources, Queue(senders), Cache::new(stores))
}

/// Watches and reconciles one kind. The first look at anything waits until all kinds are known, so that a parent that
/// is only not listed yet is not taken for missing.
async fn kind<K: Reconciled + Related>(sources: Vec<Source<K>>, context: &Arc<Context>, queues: &Arc<Queues>) {
    let all = sources.into_iter().map(|source| {
        let Source { api, writer, store, queue } = source;
        let watch = watch(api, writer, Arc::clone(context), Arc::clone(queues));
        let context = Arc::clone(context);
        let work = async move {
            if !context.caches_filled().await {
                return;
            }
            let config = controller::Config::default().concurrency(context.settings.concurrency);
            let queue = queue.map(Ok::<_, std::convert::Infallible>);
            applier(
                |object, context| Box::pin(reconcile::<K>(object, context)),
                |_, never: &std::convert::Infallible, _| match *never {},
                context,
                store,
                queue,
                config,
            )
            .for_each(|result| async move {
                if let Err(error) = result {
                    // An object that went while it waited in the queue.
                    tracing::debug!(error = &error as &dyn std::error::Error, "not reconciled");
                }
            })
            .await;
        };
        futures::future::join(watch, work)
    });
    futures::future::join_all(all).await;
}

async fn watch<K: Reconciled + Related>(api: Api<K>, writer: Writer<K>, context: Arc<Context>, queues: Arc<Queues>) {
    let seen = Seen::default();
    let again = Arc::clone(&queues);
    K::objects(&context).recent.pushes_by(move |object| K::queue(&again).push(object));
    let namespace = api.namespace().map(str::to_owned);
    let config = watcher::Config::default().page_size(PAGE);
    let events = relisting(api, config).modify(prune).default_backoff().reflect(writer);
    events
        .for_each(|event| {
            match event {
                Ok(Event::Init) => K::objects(&context).recent.listing(namespace.as_deref()),
                Ok(Event::InitDone) => {}
                Ok(Event::InitApply(object) | Event::Apply(object)) => {
                    let echo = K::objects(&context).recent.seen(&object);
                    // An echo of a write that an older manifest was reconciled for hides the newer manifest.
                    let reconciled =
                        object.status().and_then(ObjectStatus::observed_generation) == object.meta().generation;
                    if !(echo && reconciled) {
                        K::queue(&queues).push(&object);
                    }
                    if seen.changed(&object) {
                        object.related(&context, &queues);
                    }
                }
                Ok(Event::Delete(object)) => {
                    let uid = object.uid().unwrap_or_default();
                    K::objects(&context).recent.forget(&uid);
                    context.forget(&uid);
                    seen.forget(&uid);
                    object.gone(&context);
                    object.related(&context, &queues);
                }
                Err(error) => tracing::warn!(
                    kind = K::KIND.as_str(),
                    error = &error as &dyn std::error::Error,
                    "watch interrupted"
                ),
            }
            futures::future::ready(())
        })
        .await;
}

/// What is never read is not kept.
fn prune<K: Resource>(object: &mut K) {
    object.meta_mut().managed_fields = None;
}

/// What matters to others about each object, by uid.
#[derive(Debug, Default)]
struct Seen(Mutex<HashMap<String, u64>>);

impl Seen {
    /// Whether it is not as it was when it was seen last.
    fn changed<K: Reconciled>(&self, object: &K) -> bool {
        let mut hash = DefaultHasher::new();
        matters(object, &mut hash);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(object.uid().unwrap_or_default(), hash.finish()) != Some(hash.finish())
    }

    fn forget(&self, uid: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}

/// What matters to others about an object.
fn matters<K: Reconciled>(object: &K, hash: &mut DefaultHasher) {
    let status = object.status();
    let ready = status.and_then(|status| condition::ready(status.conditions()));
    (
        object.meta().generation,
        object.meta().deletion_timestamp.is_some(),
        object.finalizers(),
        ready.map(|ready| (&ready.status, &ready.reason, ready.observed_generation)),
        // The brake of a Platform, for one: what it held goes on when it is released.
        status.map(|status| status.conditions().iter().map(|c| c.type_.as_str()).collect::<Vec<_>>()),
        // The key that a User and its Tokens share; the default project of an organisation.
        status.and_then(ObjectStatus::value_in_use),
    )
        .hash(hash);
}

/// Who is looked at when an object of this kind changes.
trait Related: Reconciled {
    /// Its own queue.
    fn queue(queues: &Queues) -> &Queue<Self>;
    /// Puts those that refer to it or wait for it into their queues.
    fn related(&self, context: &Context, queues: &Queues);
    /// What is told of it alone and not by its uid ends with it.
    fn gone(&self, _: &Context) {}
}

impl Related for Platform {
    fn queue(queues: &Queues) -> &Queue<Self> {
        &queues.platforms
    }

    fn related(&self, context: &Context, queues: &Queues) {
        let reference = Some((self.namespace().unwrap_or_default(), self.name_any()));
        for organization in
            context.organizations.cache.all(|organization| organization.platform_reference(context) == reference)
        {
            queues.organizations.push(&organization);
        }
    }

    fn gone(&self, context: &Context) {
        context.metrics.platform_gone(&label(self));
    }
}

impl Related for Organization {
    fn queue(queues: &Queues) -> &Queue<Self> {
        &queues.organizations
    }

    fn related(&self, context: &Context, queues: &Queues) {
        let (namespace, name) = (self.namespace(), self.name_any());
        for user in
            context.users.cache.all(|user| user.namespace() == namespace && user.spec.organization_ref.name == name)
        {
            queues.users.push(&user);
        }
        // Whose templates wait for the organisation's default project.
        for token in context.tokens.cache.all(|token| {
            let user = context.users.cache.get(namespace.as_deref().unwrap_or_default(), &token.spec.user_ref.name);
            token.namespace() == namespace && user.is_some_and(|user| user.spec.organization_ref.name == name)
        }) {
            queues.tokens.push(&token);
        }
        // Whoever waits for this one's name, or for its end.
        let rivals = context
            .organizations
            .cache
            .all(|other| other.uid() != self.uid() && alike(&other.name_on(None), &self.name_on(None)));
        for rival in rivals {
            queues.organizations.push(&rival);
        }
        if let Some((namespace, name)) = self.platform_reference(context) {
            platform(context, queues, &namespace, &name);
        }
    }
}

impl Related for User {
    fn queue(queues: &Queues) -> &Queue<Self> {
        &queues.users
    }

    fn related(&self, context: &Context, queues: &Queues) {
        let (namespace, name) = (self.namespace(), self.name_any());
        for token in
            context.tokens.cache.all(|token| token.namespace() == namespace && token.spec.user_ref.name == name)
        {
            queues.tokens.push(&token);
        }
        let rivals = context.users.cache.all(|other| {
            other.uid() != self.uid()
                && other.namespace() == namespace
                && other.spec.organization_ref == self.spec.organization_ref
                && (alike(&other.username(), &self.username()) || other.spec.email == self.spec.email)
        });
        for rival in rivals {
            queues.users.push(&rival);
        }
        organization(context, queues, self.namespace(), &self.spec.organization_ref.name);
        // Its first member makes an organisation's default project.
        if let Some(parent) =
            context.organizations.cache.get(&namespace.unwrap_or_default(), &self.spec.organization_ref.name)
            && parent
                .status
                .as_ref()
                .is_some_and(|status| status.external_id.is_some() && status.default_project_id.is_none())
            && self.status.as_ref().is_some_and(|status| status.external_id.is_some())
        {
            queues.organizations.push(&parent);
        }
        recorded(context, queues, self.status.as_ref().and_then(|status| status.platform.as_ref()));
    }
}

impl Related for Token {
    fn queue(queues: &Queues) -> &Queue<Self> {
        &queues.tokens
    }

    fn related(&self, context: &Context, queues: &Queues) {
        let namespace = self.namespace();
        let made_in = self.status.as_ref().and_then(|status| status.organization_id.clone());
        // Where it renewed the key of its User, what templates make of it is the User's.
        if let Some(user) = context.users.cache.get(&namespace.clone().unwrap_or_default(), &self.spec.user_ref.name)
            && user.status.as_ref().is_some_and(|status| status.key_id.is_some())
        {
            queues.users.push(&user);
        }
        let waiting = context.organizations.cache.all(|organization| {
            organization.namespace() == namespace
                && organization.meta().deletion_timestamp.is_some()
                && (made_in.is_none()
                    || organization.status.as_ref().and_then(|status| status.external_id.clone()) == made_in)
        });
        for organization in waiting {
            queues.organizations.push(&organization);
        }
        recorded(context, queues, self.status.as_ref().and_then(|status| status.platform.as_ref()));
    }
}

/// Whether two names may be one on a platform: some take a letter for those that they do not allow.
fn alike(one: &str, other: &str) -> bool {
    let plain = |name: &str| name.replace(['-', '.'], "_").to_lowercase();
    plain(one) == plain(other)
}

/// An organisation that is being deleted waits for those in it.
fn organization(context: &Context, queues: &Queues, namespace: Option<String>, name: &str) {
    if let Some(organization) = context.organizations.cache.get(&namespace.unwrap_or_default(), name)
        && organization.meta().deletion_timestamp.is_some()
    {
        queues.organizations.push(&organization);
    }
}

fn recorded(context: &Context, queues: &Queues, recorded: Option<&PlatformRecord>) {
    if let Some(recorded) = recorded {
        platform(context, queues, &recorded.namespace, &recorded.name);
    }
}

/// A Platform that is being deleted waits for what was made on it.
fn platform(context: &Context, queues: &Queues, namespace: &str, name: &str) {
    if let Some(platform) = context.platforms.cache.get(namespace, name)
        && platform.meta().deletion_timestamp.is_some()
    {
        queues.platforms.push(&platform);
    }
}
