//! Every call of every platform, each of its requests, and each fault: what the error is, what becomes of it, and that
//! nothing is lost, doubled or told.

mod expected;
mod fault;
mod log;
mod proxy;
mod scene;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as _;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use futures::{StreamExt as _, stream};
use org_operator::domain::fault::FaultKind;
use org_operator::platform::http::Service;
use org_operator::platform::{AdminApi, Error};
use secrecy::ExposeSecret as _;

use crate::operations::{Operation, PASSWORD, Target};
use crate::subject::{Credential, Org, PATIENCE, Platform, Subject, Variant, over_http};
use expected::{Expected, Role, Step, condition, expected, steps};
use fault::{Fault, IMPATIENCE};
use proxy::{Proxy, Traps};
use scene::Scene;

/// One request of one call that goes wrong.
#[derive(Clone, Copy, Debug)]
struct Case {
    operation: Operation,
    /// With a client and in an organisation that nothing was asked of yet.
    cold: bool,
    at: usize,
    fault: Fault,
}

/// What Rockfish does not document and its client tries.
const GUESSED: [Operation; 6] = [
    Operation::FindOrganizationById,
    Operation::DeleteOrganization,
    Operation::FindUserById,
    Operation::DeleteUser,
    Operation::FindToken,
    Operation::DeleteToken,
];

/// What all cases of a platform share.
struct Stage {
    subject: Subject,
    traps: Traps,
    /// What reads are about, with more in it than fits into a page.
    read: BTreeMap<Operation, Scene>,
    /// Every secret that was used.
    used: Mutex<BTreeSet<String>>,
    /// Whose users are made and changed.
    written: Org,
    forward: reqwest::Client,
    patient: Service,
    impatient: Service,
}

impl Stage {
    async fn new(platform: Platform) -> Self {
        let subject = Subject::start(Variant { platform, quirk: None }).await;
        let (read, written) = (subject.organization("Read").await, subject.organization("Written").await);
        for number in 0..12 {
            subject.organization(&format!("Another{number}")).await;
            subject.person(&read, &format!("another{number}")).await;
        }
        let mut scenes = BTreeMap::new();
        for (number, operation) in Operation::ALL.into_iter().enumerate().filter(|(_, operation)| !operation.writes()) {
            let scene = Scene::new(&subject, &read, operation, false, 900_000 + number).await;
            scenes.insert(operation, scene);
        }
        for org in [&read, &written] {
            let target = Target { organization: org.id.clone(), ..scenes[&Operation::ListUsers].target.clone() };
            let _ = Operation::ListUsers.run(&subject, &*org.api, &target).await;
        }
        Self {
            subject,
            traps: Traps::new().await,
            read: scenes,
            used: Mutex::default(),
            written,
            forward: reqwest::Client::builder().no_proxy().build().unwrap(),
            patient: over_http(PATIENCE),
            impatient: over_http(IMPATIENCE),
        }
    }

    /// What a call is about: one of its own where it changes something or has to be apart.
    async fn scene(&self, operation: Operation, apart: bool, number: usize) -> Cow<'_, Scene> {
        match self.read.get(&operation) {
            Some(scene) if !apart => Cow::Borrowed(scene),
            _ => Cow::Owned(Scene::new(&self.subject, &self.written, operation, apart, number).await),
        }
    }

    fn platform(&self) -> Platform {
        self.subject.variant.platform
    }

    /// All calls with the requests that they are to send.
    fn calls(&self) -> Vec<(Operation, bool, &'static [Step])> {
        let cold = |operation: &Operation| match self.platform() {
            Platform::Tyk => *operation == Operation::ListUsers,
            Platform::Rockfish => GUESSED.contains(operation),
            Platform::Rockit | Platform::Embedded => false,
        };
        let twice = Operation::ALL.into_iter().filter(cold).map(|operation| (operation, true));
        let all = Operation::ALL.into_iter().map(|operation| (operation, false)).chain(twice);
        let with = |(operation, cold)| (operation, cold, steps(self.platform(), operation, cold));
        all.map(with).filter(|(_, _, steps)| !steps.is_empty()).collect()
    }

    /// Lets a client see the calls that it may only guess at.
    async fn warm(&self, scene: &Scene, api: &dyn AdminApi, operation: Operation) {
        let reads = match operation {
            Operation::FindOrganizationById | Operation::DeleteOrganization => Operation::FindOrganizationById,
            Operation::FindUserById | Operation::DeleteUser => Operation::FindUserById,
            Operation::FindToken | Operation::DeleteToken => Operation::FindToken,
            _ => return,
        };
        reads.run(&self.subject, api, &scene.target).await.unwrap();
    }

    /// Without a fault each call sends what the table says, and does what it is for.
    async fn rehearse(&self) {
        for (number, (operation, cold, steps)) in self.calls().into_iter().enumerate() {
            let scene = self.scene(operation, cold, 800_000 + number).await;
            let proxy = Proxy::new(&self.subject, &self.forward, &self.traps, None).await;
            let api = self.subject.client(
                Credential::Right,
                &proxy.service(&self.traps, &self.patient),
                proxy.addresses.clone(),
            );
            let api = if operation.is_inside() { scene.org.acting(&api) } else { api };
            operation.run(&self.subject, &*api, &scene.target).await.unwrap();
            let seen: Vec<String> = proxy.seen().iter().map(|call| scene.without_ids(call)).collect();
            let named: Vec<&str> = steps.iter().map(|(call, _)| *call).collect();
            assert_eq!(seen, named, "{:?} {operation:?}", self.platform());
            let writes = usize::from(operation.writes());
            assert_eq!(scene.done(&self.subject, operation).await, writes, "{operation:?}");
        }
    }

    /// Whether a case needs an organisation of its own: with a technical administrator that is replaced, or with none.
    fn apart(&self, case: Case) -> bool {
        self.platform() == Platform::Tyk && (case.cold || case.fault == Fault::Status(401, None))
    }

    /// Lets one request go wrong, and says what was not as it should be; none if it was not reached.
    async fn attempt(&self, case: Case, number: usize) -> Option<Vec<String>> {
        let Case { operation, cold, at, fault } = case;
        let subject = &self.subject;
        let steps = steps(self.platform(), operation, cold);
        let scene = self.scene(operation, self.apart(case), number).await;
        if self.apart(case) && !cold && operation.is_inside() {
            for number in 0..12 {
                subject.person(&scene.org, &format!("another{number}")).await;
            }
            Operation::ListUsers.run(subject, &*scene.org.api, &scene.target).await.unwrap();
        }
        let proxy = Proxy::new(subject, &self.forward, &self.traps, Some((at, fault))).await;
        let http = if fault.is_long() { &self.impatient } else { &self.patient };
        let api = subject.client(Credential::Right, &proxy.service(&self.traps, http), proxy.addresses.clone());
        let acting = if operation.is_inside() { scene.org.acting(&api) } else { api };
        if self.platform() == Platform::Rockfish && !cold {
            self.warm(&scene, &*acting, operation).await;
        }
        proxy.begin();
        let outcome = operation.run(subject, &*acting, &scene.target).await;
        if proxy.sent() <= at {
            return None;
        }
        let mut wrong = Vec::new();
        let mut check = |holds: bool, what: String| {
            if !holds {
                wrong.push(format!("{:?} {case:?} {:?}: {what}", self.platform(), steps[at]));
            }
        };
        let kind = outcome.as_ref().err().map(|error| error.kind);
        let wanted = expected(self.platform(), (operation, cold), steps[at], fault);
        let as_wanted = match wanted {
            Expected::Is(wanted) => kind == Some(wanted),
            Expected::Done | Expected::Believed => kind.is_none(),
            Expected::Waits => {
                matches!(kind, Some(FaultKind::Unavailable(Some(left))) if Some(left) <= fault.pause())
            }
        };
        check(as_wanted, format!("{kind:?} instead of {wanted:?}"));
        let secrets = self.secrets(&scene);
        if let Err(error) = &outcome {
            check(
                error.kind.outcome() == condition(error.kind),
                format!("its condition is {:?}", error.kind.outcome()),
            );
            for text in texts(error) {
                let told = secrets.iter().find(|secret| text.contains(*secret));
                check(told.is_none(), format!("told {told:?} in {text}"));
            }
        }
        self.used.lock().unwrap().extend(secrets);
        check(proxy.sent() <= steps.len() + 8, format!("sent {} requests", proxy.sent()));
        if fault == Fault::Endless {
            let (written, limit) = (proxy.written(), limit(self.platform(), steps[at].0) + SLACK);
            check(written < limit, format!("{written} bytes were taken"));
        }
        if fault.is_after() {
            tokio::time::timeout(PATIENCE, proxy.done()).await.unwrap();
        }
        // What the server did, and nothing more.
        let writes = |step: &Step| matches!(step.1, Role::Repeats | Role::Creates);
        let last = if operation.writes() { steps.iter().rposition(writes) } else { None };
        let reached = |last| at > last || (at == last && fault.is_after()) || wanted == Expected::Done;
        let applied = last.is_some_and(reached);
        let done = scene.done(subject, operation).await;
        check(done == usize::from(applied), format!("done {done} times, applied: {applied}"));
        // Nobody makes it again who cannot find out whether it is there.
        let blind = self.platform() == Platform::Rockfish && steps[at].1 == Role::Creates;
        if blind && kind == Some(FaultKind::OutcomeUnknown) {
            return Some(wrong);
        }
        // The fault is over: the next pass does what is left to do.
        let remembers = fault.pause().is_some() || matches!(fault, Fault::Status(404 | 405, _) | Fault::Absent);
        let next = if !remembers {
            acting
        } else if operation.is_inside() {
            scene.org.acting(&subject.restarted())
        } else {
            subject.restarted()
        };
        let again = operation.run(subject, &*next, &scene.target).await.map_err(|error| error.kind);
        let then = if applied { expected::again(self.platform(), operation, fault) } else { Expected::Done };
        check(
            again.map_or_else(Expected::Is, |_| Expected::Done) == then,
            format!("afterwards {again:?} instead of {then:?}"),
        );
        let done = scene.done(subject, operation).await;
        check(done == usize::from(last.is_some()), format!("done {done} times afterwards"));
        Some(wrong)
    }

    /// Everything that nobody may be told.
    fn secrets(&self, scene: &Scene) -> BTreeSet<String> {
        let mut secrets: BTreeSet<String> = self.subject.secrets().into_iter().collect();
        secrets.insert(PASSWORD.to_owned());
        secrets.insert(scene.target.value.expose_secret().to_owned());
        secrets.extend(scene.org.secret().map(|key| key.expose_secret().to_owned()));
        secrets.remove("");
        secrets
    }

    async fn run(&self, case: Case, number: usize) -> Vec<String> {
        for attempt in 0..3 {
            if let Some(wrong) = self.attempt(case, 3 * number + attempt).await {
                return wrong;
            }
        }
        vec![format!("{:?} {case:?}: the request was never sent", self.platform())]
    }
}

/// An error as anybody may print it, with all that lies beneath.
fn texts(error: &Error) -> Vec<String> {
    let mut texts = vec![error.to_string(), format!("{error:?}"), format!("{error:#?}")];
    let mut beneath = error.source();
    while let Some(source) = beneath {
        texts.extend([source.to_string(), format!("{source:?}")]);
        beneath = source.source();
    }
    texts
}

/// What lies on its way when a client hangs up, in bytes.
const SLACK: usize = 16 * MEBIBYTE;

const MEBIBYTE: usize = 1024 * 1024;

/// How many bytes of an answer are read.
fn limit(platform: Platform, call: &str) -> usize {
    match (platform, call) {
        (Platform::Tyk, "GET /admin/organisations" | "GET /api/users") => 64 * MEBIBYTE,
        (Platform::Rockfish, "GET /organization" | "GET /user" | "GET /token" | "GET /project") => 16 * MEBIBYTE,
        _ => MEBIBYTE,
    }
}

/// Runs cases beside each other.
async fn run_all(stage: &Stage, cases: impl Iterator<Item = (usize, Case)>, at_once: usize) -> Vec<String> {
    let run = cases.map(|(number, case)| stage.run(case, number));
    stream::iter(run).buffer_unordered(at_once).collect::<Vec<_>>().await.concat()
}

async fn every_fault(platform: Platform) {
    log::begin();
    let stage = Stage::new(platform).await;
    stage.rehearse().await;
    let (mut cases, mut lists) = (Vec::new(), BTreeSet::new());
    for (operation, cold, steps) in stage.calls() {
        for (at, (call, _)) in steps.iter().enumerate() {
            // A list is read by the same code, whatever it is wanted for: the time that its limit takes is spent once.
            let again = limit(platform, call) > MEBIBYTE && !lists.insert(*call);
            let faults = Fault::ALL.into_iter().filter(|fault| *fault != Fault::Endless || !again);
            cases.extend(faults.map(|fault| Case { operation, cold, at, fault }));
        }
    }
    let all = cases.len();
    let (long, short): (Vec<_>, Vec<_>) = cases.into_iter().enumerate().partition(|(_, case)| case.fault.is_long());
    let (endless, short): (Vec<_>, Vec<_>) = short.into_iter().partition(|(_, case)| case.fault == Fault::Endless);
    // Those that wait do it beside the others; a long reply takes the memory for it.
    let ((long, short), endless) = tokio::join!(
        async { tokio::join!(run_all(&stage, long.into_iter(), 48), run_all(&stage, short.into_iter(), 8)) },
        run_all(&stage, endless.into_iter(), 1)
    );
    let mut wrong = [long, short, endless].concat();
    wrong.sort_unstable();
    assert!(wrong.is_empty(), "{} of {all} cases:\n{}", wrong.len(), wrong.join("\n"));
    let logged = log::text();
    assert!(logged.contains("127.0.0.1"), "nothing was logged");
    let told = stage.used.lock().unwrap().iter().find(|secret| logged.contains(*secret)).cloned();
    assert_eq!(told, None, "it is in the log");
    assert_eq!(stage.traps.elsewhere.wire.take().len(), 0, "a redirect was followed");
    assert_eq!(stage.traps.received.load(Ordering::Relaxed), 0, "something was sent to a server that nobody trusts");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_tyk() {
    every_fault(Platform::Tyk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_rockfish() {
    every_fault(Platform::Rockfish).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_rockit() {
    every_fault(Platform::Rockit).await;
}
