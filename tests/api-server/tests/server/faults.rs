//! Faults.

use http::Method;
use serde_json::{Value, json};

use super::*;

const SECRETS: &str = "/api/v1/secrets?watch=true";

#[test]
fn a_watch_is_told_of_everything_after_its_revision() {
    let server = server();
    server.apply(secret("before")).unwrap();
    let since = server.revision();
    server.apply(secret("between")).unwrap();
    let mut watch = watch(&server, &format!("{SECRETS}&resourceVersion={since}"));
    server.apply(secret("after")).unwrap();
    server.delete("Secret", "default", "before");
    assert_eq!(events(&mut watch), ["ADDED between", "ADDED after", "DELETED before"]);
    assert_eq!(server.events_sent(), 3);
    assert!(!watch.has_ended());
}

#[test]
fn a_frozen_watch_is_told_when_it_thaws() {
    let server = server();
    let first = server.apply(secret("first")).unwrap();
    let since = server.revision();
    let mut early = watch(&server, &format!("{SECRETS}&resourceVersion={since}"));
    server.freeze("Secret");
    server.apply(secret("second")).unwrap();
    // Writes and reads go through; what is read from the cache is old.
    assert!(server.get("Secret", "default", "second").is_some());
    let names = |uri: &str| {
        let (_, list) = answer(&server, Method::GET, uri, &Value::Null);
        let version = list["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
        (list["items"].as_array().unwrap().len(), version)
    };
    let now = server.revision();
    assert_eq!(names("/api/v1/secrets"), (2, now.to_string()));
    assert_eq!(names("/api/v1/secrets?resourceVersion=0"), (1, since.to_string()));
    let mut late = watch(&server, &format!("{SECRETS}&resourceVersion={now}"));
    let mut other = watch(&server, "/api/v1/configmaps?watch=true");
    server.apply(json!({"kind": "ConfigMap", "metadata": {"name": "other"}})).unwrap();
    server.apply(secret("third")).unwrap();
    assert_eq!(events(&mut early), Vec::<String>::new());
    assert_eq!(events(&mut late), Vec::<String>::new());
    assert_eq!(events(&mut other), ["ADDED other"]);
    let get = |name: &str| {
        answer(
            &server,
            Method::GET,
            &format!("/api/v1/namespaces/default/secrets/{name}?resourceVersion=0"),
            &Value::Null,
        )
    };
    assert_eq!(get("first"), (200, first));
    assert_eq!(get("third").0, 404);

    server.thaw("Secret");
    assert_eq!(events(&mut early), ["ADDED second", "ADDED third"]);
    assert_eq!(events(&mut late), ["ADDED third"]);
    assert_eq!(get("third").0, 200);
    server.delete("Secret", "default", "first");
    assert_eq!(events(&mut early), ["DELETED first"]);
}

#[test]
fn a_dropped_event_is_never_told() {
    let server = server();
    let mut left = watch(&server, SECRETS);
    let mut right = watch(&server, SECRETS);
    server.apply(secret("a")).unwrap();
    assert_eq!((events(&mut left).len(), events(&mut right).len(), server.events_sent()), (1, 1, 2));
    // The second from now on is that of the second watch.
    server.drop_event(2);
    server.apply(secret("b")).unwrap();
    server.apply(secret("c")).unwrap();
    assert_eq!(events(&mut left), ["ADDED b", "ADDED c"]);
    assert_eq!(events(&mut right), ["ADDED c"]);
    assert_eq!(server.events_sent(), 6);
}

#[test]
fn a_cut_watch_ends_with_what_it_was_told() {
    let server = server();
    let mut cut = watch(&server, SECRETS);
    server.apply(secret("a")).unwrap();
    server.cut_watches();
    let since = server.apply(secret("b")).unwrap();
    assert_eq!(events(&mut cut), ["ADDED a"]);
    assert!(cut.has_ended());
    let version = since["metadata"]["resourceVersion"].as_str().unwrap();
    let mut again = watch(&server, &format!("{SECRETS}&resourceVersion={version}"));
    server.apply(secret("c")).unwrap();
    assert_eq!(events(&mut again), ["ADDED c"]);
    assert_eq!(server.open_watches(), 1);
    drop(again);
    assert_eq!(server.open_watches(), 0);
}

#[test]
fn a_forgotten_revision_is_gone() {
    let server = server();
    for name in ["a", "b", "c"] {
        server.apply(secret(name)).unwrap();
    }
    let (_, page) = answer(&server, Method::GET, "/api/v1/secrets?limit=1", &Value::Null);
    let token = page["metadata"]["continue"].as_str().unwrap();
    let old = server.revision();
    let mut open = watch(&server, &format!("{SECRETS}&resourceVersion={old}"));
    server.apply(secret("d")).unwrap();
    server.compact();
    let since = format!("{SECRETS}&resourceVersion={old}");
    let mut gone = watch(&server, &since);
    let event: Value = serde_json::from_slice(&gone.try_next().unwrap()).unwrap();
    assert_eq!((&event["type"], &event["object"]["code"]), (&json!("ERROR"), &json!(410)));
    assert_eq!(event["object"]["reason"], "Expired");
    assert!(gone.has_ended());
    let (code, status) =
        answer(&server, Method::GET, &format!("/api/v1/secrets?limit=1&continue={token}"), &Value::Null);
    assert_eq!((code, &status["reason"]), (410, &json!("Expired")));
    server.refuse_forgotten(true);
    assert_eq!(answer(&server, Method::GET, &since, &Value::Null).0, 410);
    // From the newest revision it goes on, and who was there all the time misses nothing.
    let now = server.revision();
    let mut newest = watch(&server, &format!("{SECRETS}&resourceVersion={now}"));
    server.apply(secret("e")).unwrap();
    assert_eq!(events(&mut newest), ["ADDED e"]);
    assert_eq!(events(&mut open), ["ADDED d", "ADDED e"]);
}

#[test]
fn pages_show_one_moment() {
    let server = server();
    for name in ["a", "b", "c"] {
        server.apply(secret(name)).unwrap();
    }
    let (_, page) = answer(&server, Method::GET, "/api/v1/secrets?limit=2", &Value::Null);
    assert_eq!(page["metadata"]["remainingItemCount"], 1);
    server.delete("Secret", "default", "c");
    server.apply(secret("d")).unwrap();
    let token = page["metadata"]["continue"].as_str().unwrap();
    let (_, rest) = answer(&server, Method::GET, &format!("/api/v1/secrets?limit=2&continue={token}"), &Value::Null);
    assert_eq!(rest["metadata"], json!({"resourceVersion": page["metadata"]["resourceVersion"]}));
    let names: Vec<_> = rest["items"].as_array().unwrap().iter().map(|item| &item["metadata"]["name"]).collect();
    assert_eq!(names, ["c"]);
}

#[test]
fn a_restored_snapshot_is_all_there_is_and_what_came_after_it_is_forgotten() {
    let server = server();
    let kept = server.apply(secret("kept")).unwrap();
    let snapshot = server.snapshot();
    let after = server.apply(secret("lost")).unwrap();
    server.delete("Secret", "default", "kept");
    let last = server.revision();
    let mut open = watch(&server, &format!("{SECRETS}&resourceVersion={last}"));
    server.restore(&snapshot);
    assert!(open.has_ended() && open.try_next().is_none());
    assert_eq!(server.all("Secret"), [kept]);
    assert!(server.revision() > last);
    let mut gone = watch(&server, &format!("{SECRETS}&resourceVersion={last}"));
    assert!(String::from_utf8(gone.try_next().unwrap().to_vec()).unwrap().contains("410"));
    // Neither uid nor revision comes a second time.
    let again = server.apply(secret("lost")).unwrap();
    assert_ne!(again["metadata"]["uid"], after["metadata"]["uid"]);
    assert!(again["metadata"]["resourceVersion"].as_str().unwrap().parse::<u64>().unwrap() > last);
}

#[test]
fn what_is_put_is_there_as_it_is_and_told() {
    let server = server();
    server.apply(platform("p")).unwrap();
    let mut watch = watch(&server, "/apis/org-operator.dev/v1alpha1/platforms?watch=true");
    events(&mut watch);
    let mut broken = server.get("Platform", "default", "p").unwrap();
    broken["status"] = json!({"nonsense": [1]});
    broken["metadata"]["generation"] = json!(40);
    server.put(broken.clone());
    let mut found = server.get("Platform", "default", "p").unwrap();
    assert_ne!(found["metadata"]["resourceVersion"], broken["metadata"]["resourceVersion"]);
    found["metadata"]["resourceVersion"] = broken["metadata"]["resourceVersion"].clone();
    assert_eq!(found, broken);
    assert_eq!(events(&mut watch), ["MODIFIED p"]);
}

#[test]
fn a_rule_refuses_what_it_names_and_writes_are_accounted_for() {
    let server = server();
    let since = server.revision();
    server.refuse(|asked| {
        let denied = asked.kind == "Secret" && asked.is_write();
        denied.then(|| Status::new(403, "Forbidden", format!("cannot {} resource", asked.verb)))
    });
    let create = |dry: &str| {
        answer(&server, Method::POST, &format!("/api/v1/namespaces/default/secrets?fieldManager=me{dry}"), &secret("a"))
            .0
    };
    assert_eq!((create(""), create("&dryRun=All")), (403, 201));
    assert_eq!(server.revision(), since);
    server.refuse_nothing();
    assert_eq!((create(""), create("")), (201, 409));
    let writes = server.writes_since(since);
    let [write] = writes.as_slice() else { panic!("{writes:?}") };
    assert_eq!((write.verb, write.kind.as_str(), write.name.as_str()), ("create", "Secret", "a"));
    assert_eq!((write.agent.as_str(), write.revision), ("me", since + 1));
}
