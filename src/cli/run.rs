//! `org-operator run`

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{ArgAction, Args};
use kube::{Client, Config};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::Failure;
use super::leader;
use super::stop::stop_on_signal;
use super::values::duration;
use crate::api::{GROUP, VERSION};
use crate::clock::Clock;
use crate::controller::connection::{self, Platforms};
use crate::controller::context::Parts;
use crate::controller::{Settings, watch};
use crate::embedded::Directory;
use crate::fence::Fence;
use crate::keys::KeyPool;
use crate::kubernetes::fenced::fenced;
use crate::kubernetes::lease::{Elector, lead};
use crate::kubernetes::owner;
use crate::kubernetes::secret::SecretStore;
use crate::platform::http::Transport;
use crate::server::{self, Late, Readiness};
use crate::telemetry::{self, LogFormat, Metrics};

/// How long one request to the API server may take, watches apart.
const API_TIMEOUT: Duration = Duration::from_secs(10);

/// What the operator is started with.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// Whose objects these are on the platforms. A cluster that may be rebuilt from Git sets it. Default: the uid of the
    /// namespace that the operator runs in
    #[arg(long, env = "ORG_OPERATOR_OWNER_ID", value_parser = owner_id)]
    owner_id: Option<String>,
    /// The owner id until now, where it is changed on purpose
    #[arg(long, value_name = "OWNER_ID")]
    owner_id_changed_from: Option<String>,
    /// The Platform of Organizations that name none
    #[arg(long, env = "ORG_OPERATOR_DEFAULT_PLATFORM", value_name = "NAMESPACE/NAME", value_parser = namespaced_name)]
    default_platform: Option<(String, String)>,
    /// Namespaces to watch, separated by commas. Default: all
    #[arg(long, env = "ORG_OPERATOR_WATCH_NAMESPACES", value_delimiter = ',', value_name = "NAMESPACE")]
    watch_namespaces: Vec<String>,
    /// How many objects of a kind are worked on at once
    #[arg(long, env = "ORG_OPERATOR_CONCURRENCY", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    concurrency: u16,
    /// How often an object at rest is compared with its platform
    #[arg(long, env = "ORG_OPERATOR_RESYNC", default_value = "10m", value_name = "DURATION", value_parser = duration)]
    resync: Duration,
    /// How long one look at an object may take
    #[arg(long, env = "ORG_OPERATOR_RECONCILE_TIMEOUT", default_value = "10s", value_name = "DURATION", value_parser = duration)]
    reconcile_timeout: Duration,
    /// Text for people, JSON for machines
    #[arg(long, env = "ORG_OPERATOR_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
    /// Where the embedded backend keeps its database; without it there is no embedded backend
    #[arg(long, env = "ORG_OPERATOR_EMBEDDED_DATA_DIR", value_name = "DIR")]
    embedded_data_dir: Option<PathBuf>,
    /// Address of probes, metrics, and the embedded backend's login and introspection
    #[arg(long, env = "ORG_OPERATOR_LISTEN", default_value = "127.0.0.1:9080", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// The namespace that the operator runs in. Default: the kubeconfig's, or the service account's
    #[arg(long, env = "POD_NAMESPACE")]
    namespace: Option<String>,
    /// Works only while it holds the Lease org-operator in that namespace, and waits for it. Wherever a second operator may
    /// be started beside this one, if only for the moment of an update
    // Off by default: one that is started by hand is alone in its namespace, and after a crash it would wait 15 seconds for
    // the Lease of the one before. A Deployment has two at each update, so there it belongs on.
    #[arg(
        long,
        env = "ORG_OPERATOR_LEADER_ELECT",
        default_value_t = false,
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = ArgAction::Set
    )]
    leader_elect: bool,
    /// What its name on the Lease begins with. Default: the name of the machine
    #[arg(long, env = "POD_NAME")]
    pod_name: Option<String>,
}

/// What there is of a process whether it works or waits.
#[derive(Clone)]
struct Process {
    metrics: Arc<Metrics>,
    clock: Clock,
    readiness: Readiness,
    embedded: Late,
    stop: CancellationToken,
}

/// What keeps the operator from starting.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error("no cluster: the kubeconfig cannot be read; set KUBECONFIG to one that can, or run in a cluster")]
    Config(#[source] kube::config::InferConfigError),
    #[error("no cluster: the kubeconfig cannot be used")]
    Client(#[source] kube::Error),
    #[error("the API server at {url} does not answer: is it up, and is KUBECONFIG the right one?")]
    Unreachable { url: String, source: kube::Error },
    #[error(
        "the API server at {url} did not answer within {} s: is it up, and is KUBECONFIG the right one?",
        API_TIMEOUT.as_secs()
    )]
    Silent { url: String },
    #[error("the API server at {url} refuses: is KUBECONFIG the right one, and its credential good?")]
    Refused { url: String, source: kube::Error },
    #[error(
        "the custom resource definitions are missing: install them with `org-operator crds | kubectl apply --server-side -f -`"
    )]
    NoDefinitions,
    #[error("cannot listen on {address}: choose another --listen")]
    Listen { address: SocketAddr, source: std::io::Error },
}

impl Run {
    pub(super) fn main(self) -> Result<(), Failure> {
        telemetry::init(self.log_format)?;
        tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(self.run())
    }

    async fn run(self) -> Result<(), Failure> {
        let mut config = Config::infer().await.map_err(StartError::Config)?;
        // A retried POST may answer AlreadyExists to itself, and a retried 429 holds one object for minutes.
        config.default_retry = false;
        config.connect_timeout = Some(API_TIMEOUT);
        config.write_timeout = Some(API_TIMEOUT);
        let url = config.cluster_url.to_string();
        let namespace = self.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).map_err(StartError::Client)?;
        definitions(&client, url).await?;

        let listener = TcpListener::bind(self.listen)
            .await
            .map_err(|source| StartError::Listen { address: self.listen, source })?;
        let establish = async || {
            owner::establish(&client, &namespace, self.owner_id.clone(), self.owner_id_changed_from.as_deref()).await
        };
        let process = Process {
            metrics: Arc::new(Metrics::new()),
            clock: Clock::system(),
            readiness: Readiness::default(),
            embedded: Late::default(),
            stop: stop_on_signal()?,
        };
        let Process { metrics, clock, readiness, embedded, stop } = process.clone();
        let serving = tokio::spawn(server::serve(listener, readiness.clone(), metrics, embedded, stop.clone()));
        if self.leader_elect {
            let owner_id = establish().await?;
            let (fence, identity) = (Fence::shut(), leader::identity(self.pod_name.as_deref()));
            let mut elector =
                Elector::new(client.clone(), &namespace, identity, owner_id.clone(), clock, fence.clone());
            // Ready to take over. A rolling update ends the old process when the new one is ready, and not before.
            readiness.set();
            tokio::select! {
                () = elector.win() => {
                    readiness.unset();
                    let work = async {
                        let directory = self.directory().await?;
                        self.work(fenced(client.clone(), &fence), fence, owner_id, directory, process).await
                    };
                    lead(elector, stop.clone(), work).await?;
                }
                () = stop.cancelled() => elector.release().await,
            }
        } else {
            let directory = self.directory().await?;
            let owner_id = establish().await?;
            self.work(client, Fence::open(), owner_id, directory, process).await?;
        }
        stop.cancel();
        serving.await??;
        tracing::info!("stopped");
        Ok(())
    }

    /// Opens the embedded backend's directory, which one process does at a time.
    async fn directory(&self) -> Result<Option<Directory>, Failure> {
        match &self.embedded_data_dir {
            Some(path) => Ok(Some(Directory::open(path).await?)),
            None => Ok(None),
        }
    }

    /// Runs the controllers until the process is to stop.
    async fn work(
        &self,
        client: Client,
        fence: Fence,
        owner_id: String,
        directory: Option<Directory>,
        process: Process,
    ) -> Result<(), Failure> {
        let Process { metrics, clock, readiness, embedded, stop } = process;
        if let Some(directory) = &directory {
            embedded.open(directory.clone(), clock.clone());
        }
        metrics.leads(true);
        let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let connections = connection::Parts {
            clock: clock.clone(),
            metrics: metrics.clone(),
            secrets: SecretStore::new(client.clone()),
            owner_id: owner_id.clone(),
            transport: Transport::network(),
            fence,
        };
        let parts = Parts {
            client,
            settings: Settings {
                owner_id,
                default_platform: self.default_platform.clone(),
                resync: self.resync,
                deadline: self.reconcile_timeout,
                concurrency: self.concurrency,
            },
            connect: Arc::new(Platforms::new(directory.clone(), connections)),
            keys: KeyPool::new(workers),
            metrics,
            clock,
            // Chance spreads the load and is no secret: without any, what begins together comes back together.
            seed: getrandom::u64().unwrap_or_default(),
        };
        tracing::info!(version = env!("CARGO_PKG_VERSION"), listen = %self.listen, "started");
        watch::run(parts, &self.watch_namespaces, stop, || {
            readiness.set();
            tracing::info!("caches filled");
        })
        .await;
        if let Some(directory) = directory {
            directory.close().await;
        }
        Ok(())
    }
}

/// Without its definitions the operator could only wait.
async fn definitions(client: &Client, url: String) -> Result<(), StartError> {
    let version = format!("{GROUP}/{VERSION}");
    let Ok(answer) = tokio::time::timeout(API_TIMEOUT, client.list_api_group_resources(&version)).await else {
        return Err(StartError::Silent { url });
    };
    match answer {
        Ok(found) => {
            let kinds = ["platforms", "organizations", "users", "tokens"];
            let all = kinds.iter().all(|kind| found.resources.iter().any(|resource| resource.name == *kind));
            if all { Ok(()) } else { Err(StartError::NoDefinitions) }
        }
        // By its code: the API server answers for an unknown group in plain text, which has no reason.
        Err(kube::Error::Api(status)) if status.code == 404 => Err(StartError::NoDefinitions),
        Err(source @ kube::Error::Api(_)) => Err(StartError::Refused { url, source }),
        Err(source) => Err(StartError::Unreachable { url, source }),
    }
}

fn namespaced_name(text: &str) -> Result<(String, String), String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok((namespace.to_owned(), name.to_owned()))
        }
        _ => Err("write NAMESPACE/NAME".to_owned()),
    }
}

/// The marks on the platforms are `ownerID/namespace/name` and `#attempt`.
fn owner_id(text: &str) -> Result<String, String> {
    let valid =
        !text.is_empty() && text.len() <= 63 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if valid { Ok(text.to_owned()) } else { Err("write 1 to 63 letters, digits, -, _ and .".to_owned()) }
}
