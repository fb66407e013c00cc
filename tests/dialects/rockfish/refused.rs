//! What is refused: wrong credentials, wrong bodies, names at their limits, what is not there.

use std::time::Duration;

use org_operator::embedded::dialect::rockfish;
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{INVITE, Rockfish};
use crate::served::Listener;

#[tokio::test]
async fn the_public_api_wants_a_live_token() {
    let rockfish = Rockfish::new(&[]).await;
    let (_, token) = rockfish.user("info@rockfish.ai").await;
    let other = Rockfish::new(&[]).await.user("info@rockfish.ai").await.1;
    let cut = &token[..token.len() - 1];
    let (basic, none) = (format!("Basic {token}"), "Bearer ".to_owned());
    for authorization in [&*format!("Bearer {other}"), &format!("Bearer {cut}"), &basic, &none, &token, ""] {
        for path in ["/organization", "/organization/active", "/project", "/project/active", "/project/x", "/user/x"] {
            let headers = [("authorization", authorization)];
            let answer = rockfish.public.send(Method::GET, path, &headers, None).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path} {authorization}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            assert!(!answer.text.contains(&token), "{}", answer.text);
        }
    }
    assert_eq!(rockfish.public.get("/organization").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(rockfish.call(&token, Method::POST, "/organization", Some(json!({"name": "x"}))).await.status, 405);
}

#[tokio::test]
async fn only_the_right_invite_code_creates_a_user() {
    let rockfish = Rockfish::new(&[]).await;
    let (_, token) = rockfish.user("info@rockfish.ai").await;
    let body = json!({"email": "howdy@rockfish.ai"});
    for path in ["/user", "/user?invite=", "/user?invite=aefah2E", "/user?invite=AEFAH2EF", "/user?code=aefah2Ef"] {
        let answer = rockfish.call(&token, Method::POST, path, Some(body.clone())).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    let open = Listener::new(rockfish::public_router(rockfish.data.serving(0, "", &[]))).await;
    for path in ["/user", "/user?invite=", &format!("/user?invite={INVITE}")] {
        assert_eq!(open.post(path, body.clone()).await.status, StatusCode::UNAUTHORIZED, "no code is set: {path}");
    }
    assert_eq!(rockfish.admin.get("/user").await.json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn names_at_their_limits() {
    let rockfish = Rockfish::new(&[]).await;
    for good in ["a", "müller & söhne", &"ü".repeat(253)] {
        let made = rockfish.admin.post("/organization", json!({"name": good})).await;
        assert_eq!((made.status, &*made.member("name")), (StatusCode::CREATED, good));
        let read = rockfish.admin.get(&format!("/organization/{}", made.member("id"))).await;
        assert_eq!(read.member("name"), good);
    }
    for bad in ["", " a", "a\n", "a\u{202e}b", &"x".repeat(254)] {
        let refused = rockfish.admin.post("/organization", json!({"name": bad})).await;
        assert_eq!((refused.status, &*refused.member("error")), (StatusCode::BAD_REQUEST, "invalid"), "{bad:?}");
    }
    for bad in ["", "nobody", "@example.org", "a@", "a@b\n", &format!("a@{}", "x".repeat(252))] {
        let refused = rockfish.admin.post("/user", json!({"email": bad})).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{bad:?}");
    }
}

#[tokio::test]
async fn nothing_is_unique() {
    let rockfish = Rockfish::new(&[]).await;
    assert_ne!(rockfish.organization("twice").await, rockfish.organization("twice").await);
    assert_ne!(rockfish.user("twice@rockfish.ai").await.0, rockfish.user("twice@rockfish.ai").await.0);
    let organization = rockfish.organization("both").await;
    for _ in 0..2 {
        let (user, _) = rockfish.user("twice@rockfish.ai").await;
        rockfish.join(&organization, &user, json!([])).await;
    }
    assert_eq!(rockfish.admin.get("/project").await.json().as_array().unwrap().len(), 1, "one default project");
}

#[tokio::test]
async fn bad_bodies_are_refused_without_repeating_them() {
    let rockfish = Rockfish::new(&[]).await;
    let organization = rockfish.organization("internal").await;
    let (user, _) = rockfish.user("info@rockfish.ai").await;
    let member = format!("/organization/{organization}/user/{user}");
    let post = Method::POST;
    for (method, path, body, named) in [
        (&post, "/organization", "", "JSON"),
        (&post, "/organization", "{\"name\": \"hunter2\"", "JSON"),
        (&post, "/organization", "[\"hunter2\"]", "JSON"),
        (&post, "/organization", "{}", "`name`"),
        (&post, "/organization", "{\"name\": 17}", "`name`"),
        (&post, "/user", "{\"mail\": \"hunter2@x\"}", "`email`"),
        (&post, "/token", "{}", "`user`"),
        (&post, "/token", "{\"user\": \"hunter2\"}", "`user`"),
        (&Method::PUT, &*member, "{}", "`roles`"),
        (&Method::PUT, &*member, "{\"roles\": \"Admin\"}", "`roles`"),
        (&Method::PUT, &*member, "{\"roles\": [\"Owner\"]}", "has no role \"Owner\"; it has Admin"),
    ] {
        let refused = rockfish.admin.send(method.clone(), path, &[], Some(body)).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{path} {body}");
        let message = refused.member("message");
        assert!(message.contains(named) && !message.contains("hunter2"), "{message}");
    }
    let long = format!("{{\"name\": \"{}\"}}", "x".repeat(1024 * 1024));
    let refused = rockfish.admin.send(post, "/organization", &[], Some(&long)).await;
    assert_eq!((refused.status, &*refused.member("error")), (StatusCode::PAYLOAD_TOO_LARGE, "too_large"));
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let rockfish = Rockfish::new(&[]).await;
    let organization = rockfish.organization("internal").await;
    let (user, _) = rockfish.user("info@rockfish.ai").await;
    for path in [format!("/organization/x/user/{user}"), format!("/organization/{organization}/user/x")] {
        let answer = rockfish.admin.put(&path, json!({"roles": []})).await;
        assert_eq!((answer.status, &*answer.member("error")), (StatusCode::NOT_FOUND, "not_found"), "{path}");
    }
    let answer = rockfish.admin.post("/token", json!({"user": "http://localhost:8085/user/x"})).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    for path in ["/organization/x", "/user/x", "/token/x", "/project/x"] {
        assert_eq!(rockfish.admin.get(path).await.member("error"), "not_found", "{path}");
    }
    assert_eq!(rockfish.admin.get("/nothing").await.member("error"), "no_such_path");
}

#[tokio::test]
async fn a_directory_that_cannot_answer_says_so_for_a_moment_only() {
    let rockfish = Rockfish::new(&[]).await;
    rockfish.data.directory.close().await;
    let answer = rockfish.admin.post("/organization", json!({"name": "x"})).await;
    assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, Some("1")));
}

#[tokio::test]
async fn a_web_page_may_not_use_the_admin_api() {
    let rockfish = Rockfish::new(&[]).await;
    let body = json!({"name": "internal"}).to_string();
    let create =
        async |headers: &[(&str, &str)]| rockfish.admin.send(Method::POST, "/organization", headers, Some(&body)).await;
    for header in [
        ("origin", "http://evil.example.org:8085"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let refused = create(&[header]).await;
        assert_eq!((refused.status, &*refused.member("error")), (StatusCode::FORBIDDEN, "forbidden"), "{header:?}");
        let read = rockfish.admin.send(Method::GET, "/user", &[header], None).await;
        assert_eq!(read.status, StatusCode::FORBIDDEN, "{header:?}");
    }
    assert_eq!(rockfish.admin.get("/organization").await.json(), json!([]), "nothing was done");
    for site in ["none", "same-origin"] {
        assert_eq!(create(&[("sec-fetch-site", site)]).await.status, StatusCode::CREATED, "{site}");
    }
    let (_, token) = rockfish.user("info@rockfish.ai").await;
    let (bearer, origin) = (format!("Bearer {token}"), ("origin", "https://console.example.org"));
    let public = [("authorization", &*bearer), origin];
    assert_eq!(rockfish.public.send(Method::GET, "/organization", &public, None).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_id_that_is_no_text_is_refused_in_the_same_words() {
    let rockfish = Rockfish::new(&[]).await;
    let (_, token) = rockfish.user("info@rockfish.ai").await;
    for path in ["/user/%FF", "/project/%FF"] {
        for answer in [rockfish.admin.get(path).await, rockfish.read(&token, path).await] {
            assert_eq!((answer.status, &*answer.member("error")), (StatusCode::NOT_FOUND, "no_such_path"), "{path}");
        }
    }
}

#[tokio::test]
async fn nothing_is_read_of_who_has_not_the_invite_code() {
    let rockfish = Rockfish::new(&[]).await;
    let mut stream = TcpStream::connect(&rockfish.public.host).await.unwrap();
    stream.write_all(b"POST /user?invite=x HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n{").await.unwrap();
    let mut status = [0; 12];
    // The rest of the body never comes.
    timeout(Duration::from_secs(30), stream.read_exact(&mut status)).await.expect("it waits for the body").unwrap();
    assert_eq!(&status, b"HTTP/1.1 401");
}
