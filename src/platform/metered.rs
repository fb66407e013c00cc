//! Counts what a platform is asked, and how it ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use tokio::time::Instant;

use super::{Account, AdminApi, Backend, Ended, Error, Need, Shown};
use crate::domain::capability::Capabilities;
use crate::domain::entity::{Created, Entity, InOrganization, Kind, Lookup, OfUser, Page};
use crate::domain::fault::FaultKind;
use crate::telemetry::Metrics;

/// The outcome of a call that did what was asked; the others are the words of [`FaultKind::as_str`].
const OK: &str = "ok";

/// A platform whose calls are counted under a name. The time includes the wait for a turn in the
/// platform's [`Budget`](super::Budget): it is what an object waits for.
#[derive(Debug)]
pub struct Metered<A: ?Sized> {
    name: String,
    metrics: Arc<Metrics>,
    refused: Arc<AtomicBool>,
    api: Arc<A>,
}

impl<A: ?Sized> Metered<A> {
    /// Counts the calls to `api` as those to the Platform `name` (`namespace/name`).
    pub fn new(api: Arc<A>, name: String, metrics: Arc<Metrics>) -> Self {
        Self { name, metrics, refused: Arc::default(), api }
    }

    /// Notes there when the credential was refused, so that somebody looks whether there is another by now.
    #[must_use]
    pub fn noting(mut self, refused: Arc<AtomicBool>) -> Self {
        self.refused = refused;
        self
    }

    async fn count<T>(
        &self,
        operation: &'static str,
        abandoned: FaultKind,
        request: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let mut call = Call {
            name: &self.name,
            metrics: &self.metrics,
            operation,
            outcome: abandoned.as_str(),
            began: Instant::now(),
        };
        let result = request.await;
        call.outcome = result.as_ref().map_or_else(|error| error.kind.as_str(), |_| OK);
        if result.as_ref().is_err_and(|error| matches!(error.kind, FaultKind::Unauthenticated | FaultKind::Forbidden)) {
            self.refused.store(true, Ordering::Relaxed);
        }
        result
    }
}

/// A call under way. It is counted when it goes, so that one whose caller did not wait for its end is too.
struct Call<'a> {
    name: &'a str,
    metrics: &'a Metrics,
    operation: &'static str,
    outcome: &'static str,
    began: Instant,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.metrics.platform_request(self.name, self.operation, self.outcome, self.began.elapsed());
    }
}

#[async_trait]
impl<E: Entity, A: Backend<E> + ?Sized> Backend<E> for Metered<A> {
    async fn find(&self, scope: &E::Scope, lookup: &Lookup) -> Result<Vec<E::Record>, Error> {
        self.count("find", FaultKind::TimedOut, self.api.find(scope, lookup)).await
    }

    async fn list(&self, scope: &E::Scope, from: Option<&str>) -> Result<Page<E::Record>, Error> {
        self.count("list", FaultKind::TimedOut, self.api.list(scope, from)).await
    }

    async fn create(&self, new: E::New) -> Result<Created<E>, Error> {
        self.count("create", FaultKind::OutcomeUnknown, self.api.create(new)).await
    }

    async fn update(&self, scope: &E::Scope, id: &str, change: &E::Change) -> Result<E::Record, Error> {
        self.count("update", FaultKind::TimedOut, self.api.update(scope, id, change)).await
    }

    async fn delete(&self, scope: &E::Scope, id: &str) -> Result<Ended, Error> {
        self.count("delete", FaultKind::TimedOut, self.api.delete(scope, id)).await
    }
}

#[async_trait]
impl<A: AdminApi + ?Sized> AdminApi for Metered<A> {
    fn capabilities(&self) -> Capabilities {
        self.api.capabilities()
    }

    fn url(&self) -> String {
        self.api.url()
    }

    async fn probe(&self) -> Result<String, Error> {
        self.count("probe", FaultKind::TimedOut, self.api.probe()).await
    }

    async fn set_password(&self, scope: &InOrganization, user_id: &str, password: SecretString) -> Result<(), Error> {
        self.count("set_password", FaultKind::TimedOut, self.api.set_password(scope, user_id, password)).await
    }

    async fn authenticates(&self, of: &OfUser, value: &SecretString) -> Result<Option<String>, Error> {
        self.count("authenticate", FaultKind::TimedOut, self.api.authenticates(of, value)).await
    }

    fn visible_after(&self) -> Duration {
        self.api.visible_after()
    }

    fn check_name(&self, kind: Kind, name: &str) -> Result<(), String> {
        self.api.check_name(kind, name)
    }

    fn default_name(&self, kind: Kind, name: &str) -> String {
        self.api.default_name(kind, name)
    }

    fn consumer_url(&self) -> String {
        self.api.consumer_url()
    }

    fn marks(&self, kind: Kind) -> bool {
        self.api.marks(kind)
    }

    fn shares_names(&self, kind: Kind) -> bool {
        self.api.shares_names(kind)
    }

    fn id_of_name(&self, kind: Kind, name: &str) -> Option<String> {
        self.api.id_of_name(kind, name)
    }

    fn shows(&self, shown: Shown) -> bool {
        self.api.shows(shown)
    }

    fn renews_keys(&self) -> bool {
        self.api.renews_keys()
    }

    fn invites(&self) -> bool {
        self.api.invites()
    }

    fn needs(&self, need: Need) -> bool {
        self.api.needs(need)
    }

    fn acting_as(&self, account: &Account) -> Option<Arc<dyn AdminApi>> {
        let api = self.api.acting_as(account)?;
        // Another credential, so what is refused there says nothing about the Platform's.
        Some(Arc::new(Metered::new(api, self.name.clone(), Arc::clone(&self.metrics))))
    }

    async fn default_project(&self, organization_id: &str, members: &[String]) -> Result<Option<String>, Error> {
        self.count("default_project", FaultKind::TimedOut, self.api.default_project(organization_id, members)).await
    }

    async fn key(&self, of: &OfUser) -> Result<Option<SecretString>, Error> {
        self.count("key", FaultKind::TimedOut, self.api.key(of)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::capability::Support;
    use crate::domain::entity::{Organization, OrganizationChange, Token, TokenChange, User, UserChange};

    const FAULTS: [(FaultKind, &str); 11] = [
        (FaultKind::Invalid, "invalid"),
        (FaultKind::Unsupported, "unsupported"),
        (FaultKind::Unauthenticated, "unauthenticated"),
        (FaultKind::Forbidden, "forbidden"),
        (FaultKind::AlreadyExists, "already_exists"),
        (FaultKind::NotFound, "not_found"),
        (FaultKind::RateLimited(Some(Duration::from_secs(9))), "rate_limited"),
        (FaultKind::Unavailable(None), "unavailable"),
        (FaultKind::TimedOut, "timed_out"),
        (FaultKind::OutcomeUnknown, "outcome_unknown"),
        (FaultKind::NotLeading, "not_leading"),
    ];

    /// A platform that takes so many seconds for a call, and then answers that.
    #[derive(Debug)]
    struct Scripted(u64, Option<FaultKind>);

    impl Scripted {
        async fn answer<T>(&self, value: Option<T>) -> Result<T, Error> {
            tokio::time::sleep(Duration::from_secs(self.0)).await;
            match (self.1, value) {
                (None, Some(value)) => Ok(value),
                (kind, _) => Err(Error::new(kind.unwrap_or(FaultKind::Unsupported), "call", "scripted")),
            }
        }
    }

    #[async_trait]
    impl<E: Entity> Backend<E> for Scripted {
        async fn find(&self, _: &E::Scope, _: &Lookup) -> Result<Vec<E::Record>, Error> {
            self.answer(Some(Vec::new())).await
        }
        async fn list(&self, _: &E::Scope, _: Option<&str>) -> Result<Page<E::Record>, Error> {
            self.answer(Some(Page { records: Vec::new(), next: None })).await
        }
        async fn create(&self, _: E::New) -> Result<Created<E>, Error> {
            self.answer(None).await
        }
        async fn update(&self, _: &E::Scope, _: &str, _: &E::Change) -> Result<E::Record, Error> {
            self.answer(None).await
        }
        async fn delete(&self, _: &E::Scope, _: &str) -> Result<Ended, Error> {
            self.answer(Some(Ended::Done)).await
        }
    }

    #[async_trait]
    impl AdminApi for Scripted {
        fn capabilities(&self) -> Capabilities {
            Capabilities::all(Support::Unknown)
        }
        fn url(&self) -> String {
            "scripted:".to_owned()
        }
        async fn probe(&self) -> Result<String, Error> {
            self.answer(Some(String::new())).await
        }
        async fn set_password(&self, _: &InOrganization, _: &str, _: SecretString) -> Result<(), Error> {
            self.answer(Some(())).await
        }
        async fn authenticates(&self, _: &OfUser, _: &SecretString) -> Result<Option<String>, Error> {
            self.answer(Some(None)).await
        }
        fn visible_after(&self) -> Duration {
            Duration::from_secs(90)
        }
        fn check_name(&self, _: Kind, name: &str) -> Result<(), String> {
            Err(name.to_owned())
        }
    }

    fn metered(takes: u64, answers: Option<FaultKind>) -> (Metered<dyn AdminApi>, Arc<Metrics>) {
        let metrics = Arc::new(Metrics::new());
        let api: Arc<dyn AdminApi> = Arc::new(Scripted(takes, answers));
        (Metered::new(api, "acme/edge".to_owned(), Arc::clone(&metrics)), metrics)
    }

    fn scope() -> InOrganization {
        InOrganization { organization_id: "o".to_owned() }
    }

    fn of() -> OfUser {
        OfUser { organization_id: "o".to_owned(), user_id: "u".to_owned() }
    }

    fn new_token() -> crate::domain::entity::NewToken {
        crate::domain::entity::NewToken {
            idempotency_key: String::new(),
            of: of(),
            owner: "owner".to_owned(),
            expires_at: None,
        }
    }

    /// Every series of that family with its value, without what all have in common.
    fn series(metrics: &Metrics, family: &str) -> Vec<String> {
        let start = format!("org_operator_{family}{{platform=\"acme/edge\",");
        let mut all: Vec<String> =
            metrics.encode().lines().filter_map(|line| line.strip_prefix(&start)).map(str::to_owned).collect();
        all.sort();
        all
    }

    fn requests(metrics: &Metrics) -> Vec<String> {
        series(metrics, "platform_requests_total")
    }

    fn seconds(metrics: &Metrics) -> Vec<String> {
        series(metrics, "platform_request_duration_seconds_sum")
    }

    #[tokio::test(start_paused = true)]
    async fn every_call_is_counted_once_under_its_operation_with_its_time() {
        let (platform, metrics) = metered(3, Some(FaultKind::Forbidden));
        let organizations: &dyn Backend<Organization> = &platform;
        let users: &dyn Backend<User> = &platform;
        let tokens: &dyn Backend<Token> = &platform;
        organizations.find(&(), &Lookup::Id(String::new())).await.unwrap_err();
        users.find(&scope(), &Lookup::Id(String::new())).await.unwrap_err();
        tokens.create(new_token()).await.unwrap_err();
        organizations.update(&(), "", &OrganizationChange::default()).await.unwrap_err();
        users.update(&scope(), "", &UserChange::default()).await.unwrap_err();
        tokens.update(&of(), "", &TokenChange::default()).await.unwrap_err();
        users.delete(&scope(), "").await.unwrap_err();
        platform.probe().await.unwrap_err();
        platform.set_password(&scope(), "", "".into()).await.unwrap_err();
        platform.authenticates(&of(), &"".into()).await.unwrap_err();
        let counts = [
            ("authenticate", 1),
            ("create", 1),
            ("delete", 1),
            ("find", 2),
            ("probe", 1),
            ("set_password", 1),
            ("update", 3),
        ];
        let wanted = counts.map(|(word, count)| format!(r#"operation="{word}",outcome="forbidden"}} {count}"#));
        assert_eq!(requests(&metrics), wanted);
        let wanted = counts.map(|(word, count)| format!(r#"operation="{word}"}} {}.0"#, 3 * count));
        assert_eq!(seconds(&metrics), wanted);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_asked_without_a_call_is_passed_on_and_not_counted() {
        let (platform, metrics) = metered(1, None);
        assert_eq!(platform.capabilities(), Capabilities::all(Support::Unknown));
        assert_eq!(platform.url(), "scripted:");
        assert_eq!(platform.visible_after(), Duration::from_secs(90));
        assert_eq!(platform.check_name(Kind::User, "rule"), Err("rule".to_owned()));
        assert_eq!(requests(&metrics), [""; 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_ok_and_a_failure_has_the_word_of_its_meaning() {
        let (platform, metrics) = metered(1, None);
        let tokens: &dyn Backend<Token> = &platform;
        assert_eq!(tokens.find(&of(), &Lookup::Id(String::new())).await.unwrap(), []);
        assert_eq!(requests(&metrics), [r#"operation="find",outcome="ok"} 1"#]);
        for (kind, word) in FAULTS {
            let (platform, metrics) = metered(1, Some(kind));
            assert_eq!(platform.probe().await.unwrap_err().kind, kind);
            assert_eq!(requests(&metrics), [format!(r#"operation="probe",outcome="{word}"}} 1"#)]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_whose_caller_gives_up_is_counted_as_well() {
        let (platform, metrics) = metered(60, None);
        let limit = Duration::from_secs(5);
        assert!(tokio::time::timeout(limit, platform.probe()).await.is_err());
        let tokens: &dyn Backend<Token> = &platform;
        assert!(tokio::time::timeout(limit, tokens.create(new_token())).await.is_err());
        assert_eq!(
            requests(&metrics),
            [r#"operation="create",outcome="outcome_unknown"} 1"#, r#"operation="probe",outcome="timed_out"} 1"#]
        );
        assert_eq!(seconds(&metrics), [r#"operation="create"} 5.0"#, r#"operation="probe"} 5.0"#]);
    }
}
