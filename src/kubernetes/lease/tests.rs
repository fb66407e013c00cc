//! The core by tables; the elector in simulated time.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::*;

mod server;
mod simulated;

fn lease(version: &str, holder: Option<&str>, seconds: Option<i32>) -> Lease {
    let spec = LeaseSpec {
        holder_identity: holder.map(str::to_owned),
        lease_duration_seconds: seconds,
        ..LeaseSpec::default()
    };
    let metadata = ObjectMeta { resource_version: Some(version.to_owned()), ..ObjectMeta::default() };
    Lease { metadata, spec: Some(spec) }
}

#[test]
fn a_lease_is_waited_for_as_long_as_it_changes() {
    let begin = Instant::now();
    let at = |seconds: u64| begin + Duration::from_secs(seconds);
    let mut election = Election::new("a".to_owned());
    let b = |version: &str| lease(version, Some("b"), Some(15));
    for (seconds, seen, expected) in [
        (0, Some(b("1")), Next::Wait(at(15))),
        (14, Some(b("1")), Next::Wait(at(15))),
        (14, Some(b("2")), Next::Wait(at(29))),
        (28, Some(b("2")), Next::Wait(at(29))),
        (29, Some(b("2")), Next::Take),
        (29, Some(b("3")), Next::Wait(at(44))),
        // Given up.
        (30, Some(lease("4", Some(""), Some(15))), Next::Take),
        (31, Some(lease("5", None, None)), Next::Take),
        (32, Some(Lease { spec: None, ..b("6") }), Next::Take),
        // Its holder says how long it lasts, and never less than any holder here acts.
        (40, Some(lease("7", Some("b"), Some(60))), Next::Wait(at(100))),
        (99, Some(lease("7", Some("b"), Some(60))), Next::Wait(at(100))),
        (100, Some(lease("8", Some("b"), Some(1))), Next::Wait(at(115))),
        (100, Some(lease("9", Some("b"), Some(-1))), Next::Wait(at(115))),
        (100, Some(lease("10", Some("b"), None)), Next::Wait(at(115))),
        // Deleted: who held it does not know yet.
        (110, None, Next::Wait(at(125))),
        (124, None, Next::Wait(at(125))),
        (125, None, Next::Take),
        // Its own, however old.
        (126, Some(lease("11", Some("a"), Some(15))), Next::Renew),
        (200, Some(lease("11", Some("a"), Some(15))), Next::Renew),
    ] {
        assert_eq!(election.observe(seen.as_ref(), at(seconds)), expected, "at {seconds} s: {seen:?}");
    }
}

#[test]
fn a_lease_says_who_has_it_since_when_and_after_how_many() {
    let time = |second: i64| Timestamp::from_second(second).unwrap();
    let (a, b) = (Election::new("a".to_owned()), Election::new("b".to_owned()));
    let with = |spec: LeaseSpec| Lease { spec: Some(spec), ..lease("1", None, None) };
    let mut before: Option<Lease> = None;
    for (who, second, transitions, acquired) in [(&a, 1, 0, 1), (&a, 6, 0, 1), (&b, 30, 1, 30), (&b, 35, 1, 30)] {
        let spec = who.held(before.as_ref(), time(second));
        assert_eq!(spec.holder_identity.as_ref(), Some(&who.identity));
        assert_eq!((spec.lease_transitions, spec.lease_duration_seconds), (Some(transitions), Some(15)));
        assert_eq!(spec.acquire_time, Some(MicroTime(time(acquired))));
        assert_eq!(spec.renew_time, Some(MicroTime(time(second))));
        before = Some(with(spec));
    }
    let held = before.unwrap();
    assert_eq!(a.released(&held, time(36)), None, "it is another's");
    let released = b.released(&held, time(36)).unwrap();
    assert_eq!(released.holder_identity.as_deref(), Some(""));
}

#[test]
fn a_lease_outlasts_what_its_holder_does() {
    assert!(crate::fence::BEGIN < crate::fence::FINISH && crate::fence::FINISH < DURATION);
}
