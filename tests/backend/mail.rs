//! Invitations by mail, to a mail server that takes them, refuses them, or is not there.

use std::collections::HashMap;
use std::io::Write as _;
use std::net::{IpAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mailin_embedded::response::{AUTH_OK, INTERNAL_ERROR, INVALID_CREDENTIALS, NO_MAILBOX, OK};
use mailin_embedded::{AuthMechanism, Handler, Response, Server, SslConfig};
use rcgen::{CertificateParams, KeyPair};
use serde_json::Value;

use crate::process::{Backend, PATIENCE, Start, client};
use crate::rockit::{create, logs_in, open};

/// One mail as it arrived.
#[derive(Clone, Default)]
struct Mail {
    from: String,
    to: Vec<String>,
    text: String,
}

impl Mail {
    /// The lines of its body, put together again where they were broken for the journey.
    fn link(&self) -> String {
        let body = self.text.replace("=\r\n", "");
        body.lines().find(|line| line.contains("/invitations/")).expect("no link").to_owned()
    }
}

#[derive(Default)]
struct Post {
    arrived: Vec<Mail>,
    /// How often a recipient was named.
    named: HashMap<String, u32>,
    /// So many recipients more are refused for now.
    refuse: u32,
    /// So many senders more are told to authenticate.
    strangers: u32,
    /// This one is refused for good.
    unknown: &'static str,
    /// The password that is right.
    password: Option<&'static str>,
    authenticated: u32,
}

/// A mail server; one of these for each connection, all with the same post.
#[derive(Clone, Default)]
struct Postmaster {
    post: Arc<Mutex<Post>>,
    writing: Mail,
}

impl Handler for Postmaster {
    fn mail(&mut self, _: IpAddr, _: &str, from: &str) -> Response {
        let mut post = self.post.lock().unwrap();
        if post.strangers > 0 {
            post.strangers -= 1;
            return Response::custom(530, "5.7.0 Authentication required".to_owned());
        }
        drop(post);
        self.writing = Mail { from: from.to_owned(), ..Mail::default() };
        OK
    }

    fn rcpt(&mut self, to: &str) -> Response {
        let mut post = self.post.lock().unwrap();
        *post.named.entry(to.to_owned()).or_default() += 1;
        if to == post.unknown {
            return NO_MAILBOX;
        }
        if post.refuse > 0 {
            post.refuse -= 1;
            return INTERNAL_ERROR;
        }
        self.writing.to.push(to.to_owned());
        OK
    }

    fn data(&mut self, line: &[u8]) -> std::io::Result<()> {
        self.writing.text.push_str(std::str::from_utf8(line).unwrap());
        Ok(())
    }

    fn data_end(&mut self) -> Response {
        self.post.lock().unwrap().arrived.push(std::mem::take(&mut self.writing));
        OK
    }

    fn auth_plain(&mut self, _: &str, user: &str, password: &str) -> Response {
        let mut post = self.post.lock().unwrap();
        if user == "edge" && Some(password) == post.password {
            post.authenticated += 1;
            AUTH_OK
        } else {
            INVALID_CREDENTIALS
        }
    }
}

impl Postmaster {
    /// Serves at that place for as long as the tests run.
    fn serve(&self, listener: TcpListener, tls: SslConfig) {
        let mut server = Server::new(self.clone());
        server.with_tcp_listener(listener).with_ssl(tls).unwrap();
        // A server that offers it takes nothing without.
        if self.post.lock().unwrap().password.is_some() {
            server.with_auth(AuthMechanism::Plain);
        }
        std::thread::spawn(move || server.serve().unwrap());
    }

    fn arrived(&self) -> Vec<Mail> {
        self.post.lock().unwrap().arrived.clone()
    }
}

fn free() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    (listener, url)
}

fn by(url: &str) -> Start {
    Start::new().with("--dialect=rockit").with(format!("--smtp-url={url}")).with("--smtp-from=Edge <edge@example.org>")
}

/// Waits until the mail server took that one and the directory knows.
async fn sent(start: &Start, backend: &Backend, email: &str) {
    backend.log().event("the mail server took an invitation", |_| true).await;
    let known = async {
        while !listed(start).await.contains(&(email.to_owned(), true)) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, known).await.unwrap_or_else(|_| panic!("not sent:\n{}", backend.log().text()));
}

/// What is listed as sent, of all that are listed.
async fn listed(start: &Start) -> Vec<(String, bool)> {
    let output = start.invitations(&["--output=json"]).await;
    let listed: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    listed.iter().map(|one| (one["email"].as_str().unwrap().to_owned(), !one["sent"].is_null())).collect()
}

#[tokio::test]
async fn it_arrives_once_at_its_recipient_and_its_link_enables_the_account() {
    let (listener, url) = free();
    let postmaster = Postmaster::default();
    postmaster.serve(listener, SslConfig::None);
    let start = by(&url);
    let backend = start.run().await;
    let password = create(&backend, "ExampleOrg", "admin@example.org").await.unwrap();
    sent(&start, &backend, "admin@example.org").await;
    let arrived = postmaster.arrived();
    assert_eq!(arrived.len(), 1);
    let page = client().get(format!("{}/metrics", backend.url("own"))).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("org_operator_backend_invitations_total{result=\"sent\"} 1\n"), "{page}");
    let mail = &arrived[0];
    assert_eq!(
        (mail.from.as_str(), mail.to.as_slice()),
        ("edge@example.org", ["admin@example.org".to_owned()].as_slice())
    );
    for line in ["From: Edge <edge@example.org>", "Subject: Your account in ExampleOrg"] {
        assert!(mail.text.lines().any(|found| found == line), "{line} is not in\n{}", mail.text);
    }
    let link = mail.link();
    assert!(link.starts_with(&format!("{}/invitations/", backend.url("rockit"))), "{link}");
    assert!(!logs_in(&backend, "ExampleOrg", &password).await);
    assert_eq!(open(&link).await, 200);
    assert!(logs_in(&backend, "ExampleOrg", &password).await);
    let mut text = backend.stop().await;

    // Another one, by a process that knows the first only from the directory.
    let backend = start.run().await;
    create(&backend, "OtherOrg", "other@example.org").await;
    sent(&start, &backend, "other@example.org").await;
    text += &backend.stop().await;
    let all: Vec<Vec<String>> = postmaster.arrived().into_iter().map(|mail| mail.to).collect();
    assert_eq!(all, [["admin@example.org"], ["other@example.org"]]);
    assert_eq!(listed(&start).await, [("other@example.org".to_owned(), true)]);
    let code = link.rsplit('/').next().unwrap();
    assert!(!text.contains(code) && !text.contains("@example.org"), "a code or an address is in the log:\n{text}");
}

#[tokio::test]
async fn a_server_that_refuses_for_a_while_gets_it_later_and_once() {
    let (listener, url) = free();
    let postmaster = Postmaster::default();
    postmaster.post.lock().unwrap().refuse = 2;
    postmaster.serve(listener, SslConfig::None);
    let start = by(&url);
    let backend = start.run().await;
    create(&backend, "ExampleOrg", "admin@example.org").await;
    backend.log().event("an invitation is refused for now", |event| event["code"] == "451").await;
    assert_eq!(listed(&start).await, [("admin@example.org".to_owned(), false)]);
    sent(&start, &backend, "admin@example.org").await;
    // Whatever was to come has come when another one has.
    create(&backend, "OtherOrg", "other@example.org").await;
    sent(&start, &backend, "other@example.org").await;
    assert_eq!(postmaster.arrived().len(), 2);
    assert_eq!(postmaster.post.lock().unwrap().named["admin@example.org"], 3);
    backend.stop().await;
}

#[tokio::test]
async fn a_server_that_is_not_there_gets_it_when_it_is() {
    let (listener, url) = free();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let start = by(&url);
    let backend = start.run().await;
    create(&backend, "ExampleOrg", "admin@example.org").await;
    backend.log().event("the mail server cannot be used", |_| true).await;
    let postmaster = Postmaster::default();
    postmaster.serve(TcpListener::bind(address).unwrap(), SslConfig::None);
    sent(&start, &backend, "admin@example.org").await;
    backend.stop().await;
    assert_eq!(postmaster.arrived().len(), 1);
    assert_eq!(listed(&start).await, [("admin@example.org".to_owned(), true)]);
}

#[tokio::test]
async fn one_that_is_refused_for_good_is_kept_and_keeps_nobody_waiting() {
    let (listener, url) = free();
    let postmaster = Postmaster::default();
    postmaster.post.lock().unwrap().unknown = "nobody@example.org";
    postmaster.serve(listener, SslConfig::None);
    let start = by(&url);
    let backend = start.run().await;
    create(&backend, "FirstOrg", "nobody@example.org").await;
    backend.log().event("an invitation is refused", |event| event["code"] == "550").await;
    create(&backend, "OtherOrg", "other@example.org").await;
    sent(&start, &backend, "other@example.org").await;
    backend.stop().await;
    assert_eq!(postmaster.post.lock().unwrap().named["nobody@example.org"], 1);
    let all = [("nobody@example.org".to_owned(), false), ("other@example.org".to_owned(), true)];
    assert_eq!(listed(&start).await, all);
}

#[tokio::test]
async fn what_waited_without_a_mail_server_is_sent_once_there_is_one() {
    let start = Start::new().with("--dialect=rockit");
    let backend = start.run().await;
    create(&backend, "ExampleOrg", "admin@example.org").await;
    backend.stop().await;
    let (listener, url) = free();
    let postmaster = Postmaster::default();
    postmaster.serve(listener, SslConfig::None);
    let start = start.with(format!("--smtp-url={url}")).with("--smtp-from=edge@example.org");
    let backend = start.run().await;
    sent(&start, &backend, "admin@example.org").await;
    backend.stop().await;
    assert_eq!(postmaster.arrived().len(), 1);
}

#[tokio::test]
async fn a_password_is_shown_over_tls_alone_and_never_printed() {
    let (listener, url) = free();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap().pem();
    let url = format!("{url}?tls=required");
    let start = by(&url).with("--smtp-user=edge");
    let cert_path = start.file("mail.pem", &certificate);
    let key_path = start.file("mail-key.pem", &key.serialize_pem());
    let postmaster = Postmaster::default();
    postmaster.post.lock().unwrap().password = Some("s3cret of edge");
    postmaster.serve(listener, SslConfig::SelfSigned { cert_path: cert_path.clone(), key_path });
    let password = start.file("password", "s3cret of edge\n");
    let start = start.with(format!("--smtp-password-file={password}"));

    // Without the authority the server is not who it says, and is told nothing.
    let backend = start.run().await;
    create(&backend, "ExampleOrg", "admin@example.org").await;
    backend.log().event("the mail server cannot be used", |_| true).await;
    let mut text = backend.stop().await;
    assert_eq!((postmaster.arrived().len(), postmaster.post.lock().unwrap().authenticated), (0, 0));

    let start = start.with(format!("--smtp-ca-file={cert_path}"));
    let backend = start.run().await;
    sent(&start, &backend, "admin@example.org").await;
    text += &backend.stop().await;
    assert_eq!((postmaster.arrived().len(), postmaster.post.lock().unwrap().authenticated), (1, 1));
    assert!(!text.contains("s3cret of edge"), "{text}");
}

#[tokio::test]
async fn settings_that_would_give_the_password_away_are_refused() {
    for (url, said) in [
        ("smtp://edge:secret@mail.example.org", "--smtp-password-file"),
        ("ftp://mail.example.org", "write smtp://HOST:PORT"),
    ] {
        let line = by(url).refused().await;
        assert!(line.contains(said) && !line.contains("secret@"), "{line}");
    }
    let start = by("smtp://mail.example.org:25").with("--smtp-user=edge");
    let password = start.file("password", "pw");
    let line = start.with(format!("--smtp-password-file={password}")).refused().await;
    assert!(line.contains("unencrypted"), "{line}");
}

/// An hour is how long a recipient waits who is refused for good.
#[tokio::test]
async fn a_server_that_refuses_the_backend_refuses_no_recipient() {
    let (listener, url) = free();
    let postmaster = Postmaster::default();
    postmaster.post.lock().unwrap().strangers = 1;
    let served = postmaster.clone();
    std::thread::spawn(move || {
        // The first mail, and the look whether it was the recipient's fault.
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"554 no\r\n").unwrap();
        }
        served.serve(listener, SslConfig::None);
    });
    let start = by(&url);
    let backend = start.run().await;
    create(&backend, "ExampleOrg", "admin@example.org").await;
    for code in ["554", "530"] {
        let said = "the mail server takes nothing from this backend: look at its address, user and password";
        backend.log().event(said, |event| event["code"] == code).await;
    }
    sent(&start, &backend, "admin@example.org").await;
    assert!(backend.log().events("an invitation is refused").is_empty());
    backend.stop().await;
}

#[tokio::test]
async fn a_link_that_goes_nowhere_is_sent_to_nobody() {
    let everywhere = by("smtp://127.0.0.1:25").with("--rockit-listen=0.0.0.0:0");
    let line = everywhere.refused().await;
    assert!(line.contains("--rockit-listen") && line.contains("give --rockit-public-url"), "{line}");
    let warning = "the links of invitations lead to this machine alone: give --rockit-public-url";
    let backend = everywhere.with("--rockit-public-url=https://edge.example.org").run().await;
    assert!(backend.log().events(warning).is_empty());
    backend.stop().await;
    let backend = by("smtp://127.0.0.1:25").run().await;
    backend.log().event(warning, |event| event["level"] == "WARN").await;
    backend.stop().await;
}
