//! Sends invitations by SMTP.
//!
//! They are kept in the directory; a mail server's word that it took one is written beside it, and only then is it sent. A
//! process that dies between the two sends it once more, under the same `Message-ID`. One mail is under way at a time.

use std::collections::HashSet;
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::Url;

mod message;
mod outbox;

pub use message::{link, message};
use outbox::Outbox;

use crate::clock::Clock;
use crate::embedded::{Directory, Invitation};
use crate::telemetry::{BackendMetrics, Delivery};

/// How long the mail server may take for one answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Codes that refuse this client and not a recipient: authentication is required, too weak, wrong, or wants encryption (RFC
/// 4954, section 6; 538 is in RFC 2554).
const OF_THE_CLIENT: [&str; 4] = ["530", "534", "535", "538"];

/// How mail is sent.
#[derive(Debug)]
pub struct Settings {
    /// `smtp://host:port`, `smtps://host:port` or `smtp://host:port?tls=required`, without a user and password.
    pub url: String,
    /// The user and password, where the server wants them.
    pub login: Option<(String, SecretString)>,
    /// PEM certificates that are trusted beside the system's.
    pub authorities: Option<Vec<u8>>,
    /// Who writes.
    pub from: Mailbox,
    /// What links begin with.
    pub base: String,
}

/// Why mail cannot be sent with those settings. Nothing has been asked of the server yet.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The URL has a user or password in it.
    #[error(
        "the mail server's URL has a user in it, which every user of this machine can read: give --smtp-user and --smtp-password-file"
    )]
    UrlWithUser,
    /// The password would be sent in clear.
    #[error("the mail server's password would go over the network unencrypted: write smtps://, or add ?tls=required")]
    InClear,
    /// It is no URL of a mail server.
    #[error(
        "the mail server's URL cannot be used: write smtp://HOST:PORT, smtps://HOST:PORT or smtp://HOST:PORT?tls=required"
    )]
    Url(#[source] lettre::transport::smtp::Error),
    /// It is no URL at all.
    #[error(
        "the mail server's address is no URL: write smtp://HOST:PORT, smtps://HOST:PORT or smtp://HOST:PORT?tls=required"
    )]
    NoUrl(#[source] url::ParseError),
    /// Certificates are given and nothing is encrypted.
    #[error(
        "the mail server's certificate authorities are of no use, because nothing is encrypted: write smtps://, add ?tls=required, or leave --smtp-ca-file away"
    )]
    AuthoritiesInClear,
    /// The certificates are no PEM.
    #[error("the mail server's certificate authorities cannot be used: they have to be PEM")]
    Authorities(#[source] lettre::transport::smtp::Error),
}

/// Sends invitations to one mail server.
#[derive(Debug)]
pub struct Courier {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    base: String,
}

impl Courier {
    /// One with those settings. It connects when there is something to send.
    pub fn new(settings: Settings) -> Result<Self, MailError> {
        let (_, rest) = settings.url.split_once("://").unwrap_or(("", &settings.url));
        if rest.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@')) {
            return Err(MailError::UrlWithUser);
        }
        let url = Url::parse(&settings.url).map_err(MailError::NoUrl)?;
        // Without the brackets of an IPv6 address.
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let wrapped = url.scheme() == "smtps";
        // The first of that name counts, as it does where the connection is made.
        let required = url.query_pairs().find(|(name, _)| name == "tls").is_some_and(|(_, value)| value == "required");
        let encrypted = wrapped || required;
        let local = host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
        if settings.login.is_some() && !encrypted && !local {
            return Err(MailError::InClear);
        }
        if settings.authorities.is_some() && !encrypted {
            return Err(MailError::AuthoritiesInClear);
        }
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(&settings.url)
            .map_err(MailError::Url)?
            .timeout(Some(PATIENCE));
        if let Some(pem) = &settings.authorities {
            let parameters = Certificate::from_pem(pem)
                .and_then(|authority| TlsParameters::builder(host.to_owned()).add_root_certificate(authority).build())
                .map_err(MailError::Authorities)?;
            builder = builder.tls(if wrapped { Tls::Wrapper(parameters) } else { Tls::Required(parameters) });
        }
        if let Some((user, password)) = settings.login {
            builder = builder.credentials(Credentials::new(user, password.expose_secret().to_owned()));
        }
        let transport = builder.pool_config(PoolConfig::new().max_size(1)).build();
        Ok(Self { transport, from: settings.from, base: settings.base })
    }

    /// Sends one; answers once the server took it.
    async fn send(&self, invitation: &Invitation, clock: &Clock) -> Result<(), Undelivered> {
        let mail = message(invitation, &self.from, &self.base, clock.now()).map_err(|_| Undelivered::ForGood(None))?;
        match self.transport.send(mail).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => {
                let code = error.status().map(|code| code.to_string());
                let of_client = code.as_deref().is_some_and(|code| OF_THE_CLIENT.contains(&code));
                // A server that greets with a refusal has not heard of this recipient, and refuses without one too.
                if of_client || self.transport.test_connection().await.is_err() {
                    return Err(Undelivered::Client(code));
                }
                Err(Undelivered::ForGood(code))
            }
            Err(error) if error.is_transient() => Err(Undelivered::ForNow(error.status().map(|code| code.to_string()))),
            Err(error) => Err(Undelivered::Unreachable(error)),
        }
    }
}

/// Why the server did not take one. What it said is not kept, only its code.
enum Undelivered {
    /// It, or its recipient, is refused; the same will be refused again. None: its address is no address.
    ForGood(Option<String>),
    /// It is refused for now.
    ForNow(Option<String>),
    /// The server takes nothing from this client, whoever it is for.
    Client(Option<String>),
    /// There was no conversation about it.
    Unreachable(lettre::transport::smtp::Error),
}

/// Sends the directory's invitations until it is told to stop; one that is under way then is waited for.
pub async fn deliver(
    directory: &Directory,
    courier: &Courier,
    clock: &Clock,
    metrics: &BackendMetrics,
    stop: &CancellationToken,
) {
    let mut outbox = Outbox::default();
    loop {
        let next = round(directory, courier, clock, metrics, stop, &mut outbox).await;
        let wait = async {
            match next {
                Some(next) => tokio::time::sleep(clock.real(next)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = directory.invited() => {}
            () = wait => {}
        }
    }
}

/// Sends what may be sent now; how long until more may be.
async fn round(
    directory: &Directory,
    courier: &Courier,
    clock: &Clock,
    metrics: &BackendMetrics,
    stop: &CancellationToken,
    outbox: &mut Outbox,
) -> Option<Duration> {
    let invitations = match directory.invitations().await {
        Ok(invitations) => invitations,
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "the invitations cannot be read");
            outbox.unreachable(Instant::now());
            return outbox.next(Instant::now());
        }
    };
    let unsent: Vec<Invitation> = invitations.into_iter().filter(|invitation| invitation.sent_at.is_none()).collect();
    outbox.keep(&unsent.iter().map(|invitation| invitation.id.as_str()).collect::<HashSet<_>>());
    for invitation in &unsent {
        if stop.is_cancelled() || outbox.is_paused(Instant::now()) {
            break;
        }
        if !outbox.is_due(&invitation.id, Instant::now()) {
            continue;
        }
        if !outbox.is_taken(&invitation.id) && !attempt(courier, clock, metrics, invitation, outbox).await {
            continue;
        }
        if let Err(error) = directory.invitation_sent(&invitation.id, clock.now()).await {
            tracing::warn!(
                invitation = invitation.id,
                error = &error as &dyn std::error::Error,
                "a sent invitation cannot be marked as sent: that is tried again, and it is not sent again"
            );
            outbox.refused(&invitation.id, false, Instant::now());
        }
    }
    outbox.next(Instant::now())
}

/// Tries one; whether the server took it.
async fn attempt(
    courier: &Courier,
    clock: &Clock,
    metrics: &BackendMetrics,
    invitation: &Invitation,
    outbox: &mut Outbox,
) -> bool {
    let (id, organization, username) = (&invitation.id, &invitation.organization, &invitation.username);
    let sent = courier.send(invitation, clock).await;
    let now = Instant::now();
    match sent {
        Ok(()) => {
            tracing::info!(invitation = id, organization, username, "the mail server took an invitation");
            metrics.invitation(Delivery::Sent);
            outbox.taken(id);
            return true;
        }
        Err(Undelivered::ForGood(code)) => {
            let code = code.as_deref().unwrap_or("its address is none");
            tracing::warn!(invitation = id, organization, username, code, "an invitation is refused");
            metrics.invitation(Delivery::Refused);
            outbox.refused(id, true, now);
        }
        Err(Undelivered::ForNow(code)) => {
            let code = code.as_deref().unwrap_or_default();
            tracing::warn!(invitation = id, organization, username, code, "an invitation is refused for now");
            metrics.invitation(Delivery::Refused);
            outbox.refused(id, false, now);
        }
        Err(Undelivered::Client(code)) => {
            let code = code.as_deref().unwrap_or_default();
            tracing::warn!(
                code,
                "the mail server takes nothing from this backend: look at its address, user and password"
            );
            metrics.invitation(Delivery::Unreachable);
            outbox.unreachable(now);
        }
        Err(Undelivered::Unreachable(error)) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "the mail server cannot be used");
            metrics.invitation(Delivery::Unreachable);
            outbox.unreachable(now);
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str, login: bool) -> Settings {
        Settings {
            url: url.to_owned(),
            login: login.then(|| ("jo".to_owned(), "pw".into())),
            authorities: None,
            from: "edge@example.org".parse().unwrap(),
            base: "http://127.0.0.1:8090".to_owned(),
        }
    }

    #[tokio::test]
    async fn a_password_goes_over_no_open_line_and_into_no_url() {
        let refused = |url: &str, login| Courier::new(settings(url, login)).unwrap_err();
        assert!(matches!(refused("smtp://jo:pw@mail.example.org", false), MailError::UrlWithUser));
        assert!(matches!(refused("smtp://mail.example.org:25", true), MailError::InClear));
        assert!(matches!(refused("smtp://mail.example.org?tls=opportunistic", true), MailError::InClear));
        assert!(matches!(refused("http://mail.example.org", false), MailError::Url(_)));
        assert!(matches!(refused("mail.example.org", false), MailError::NoUrl(_)));
        for elsewhere in ["/tls=required", "?a=tls=required", "?xtls=required", "#tls=required", "?tls=requiredly"] {
            assert!(matches!(refused(&format!("smtp://mail.example.org{elsewhere}"), true), MailError::InClear));
        }
        assert!(matches!(refused("smtp://mail.example.org?tls=opportunistic&tls=required", true), MailError::InClear));
        let authorities = Settings { authorities: Some(Vec::new()), ..settings("smtp://127.0.0.1:2525", false) };
        assert!(matches!(Courier::new(authorities).unwrap_err(), MailError::AuthoritiesInClear));
        for (url, login) in [
            ("smtp://mail.example.org:25", false),
            ("smtps://mail.example.org", true),
            ("smtp://mail.example.org?tls=required", true),
            ("smtp://127.0.0.1:2525", true),
            ("smtp://[::1]:2525", true),
            ("smtp://localhost:2525", true),
        ] {
            Courier::new(settings(url, login)).unwrap();
        }
    }

    #[tokio::test]
    async fn a_courier_does_not_print_its_password() {
        let printed = format!("{:?}", Courier::new(settings("smtps://mail.example.org", true)).unwrap());
        assert!(!printed.contains("pw"), "{printed}");
    }
}
