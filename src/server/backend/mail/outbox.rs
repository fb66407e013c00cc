//! When an invitation may be tried again.
//!
//! One that is refused waits for itself alone; a server that cannot be reached, or that refuses several in a row, is left
//! alone for a while with all of them, because it is the server then and not the recipient.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use tokio::time::Instant;

/// The first delay; it doubles.
const FIRST: Duration = Duration::from_secs(1);

/// The longest delay.
const LONGEST: Duration = Duration::from_mins(15);

/// How long one waits that was refused for good: somebody may open the mailbox or change the server's mind.
const REFUSED: Duration = Duration::from_hours(1);

/// This many refusals in a row are the server's.
const IN_A_ROW: u32 = 3;

/// What has been tried, and what has to wait until when.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    tried: HashMap<String, Wait>,
    /// Taken by the server, and not yet marked so in the directory.
    taken: HashSet<String>,
    server: Option<Wait>,
    refused: u32,
}

#[derive(Debug)]
struct Wait {
    delays: ExponentialBackoff,
    until: Instant,
}

impl Wait {
    fn new(now: Instant) -> Self {
        let delays = ExponentialBuilder::default()
            .with_min_delay(FIRST)
            .with_max_delay(LONGEST)
            .without_max_times()
            .with_jitter()
            .build();
        Self { delays, until: now }
    }

    fn longer(&mut self, now: Instant) {
        self.until = now + self.delays.next().unwrap_or(LONGEST);
    }
}

impl Outbox {
    /// Forgets all but these.
    pub(super) fn keep(&mut self, ids: &HashSet<&str>) {
        self.tried.retain(|id, _| ids.contains(id.as_str()));
        self.taken.retain(|id| ids.contains(id.as_str()));
    }

    /// Whether the server is left alone.
    pub(super) fn is_paused(&self, now: Instant) -> bool {
        self.server.as_ref().is_some_and(|server| server.until > now)
    }

    /// Whether that one need not wait.
    pub(super) fn is_due(&self, id: &str, now: Instant) -> bool {
        self.tried.get(id).is_none_or(|wait| wait.until <= now)
    }

    /// Whether the server took it.
    pub(super) fn is_taken(&self, id: &str) -> bool {
        self.taken.contains(id)
    }

    /// The server took it.
    pub(super) fn taken(&mut self, id: &str) {
        self.tried.remove(id);
        self.taken.insert(id.to_owned());
        self.server = None;
        self.refused = 0;
    }

    /// It was refused, for good or for now.
    pub(super) fn refused(&mut self, id: &str, for_good: bool, now: Instant) {
        let wait = self.tried.entry(id.to_owned()).or_insert_with(|| Wait::new(now));
        if for_good {
            wait.until = now + REFUSED;
        } else {
            wait.longer(now);
        }
        self.refused += 1;
        if self.refused >= IN_A_ROW {
            self.unreachable(now);
        }
    }

    /// The server could not be spoken to.
    pub(super) fn unreachable(&mut self, now: Instant) {
        self.refused = 0;
        self.server.get_or_insert_with(|| Wait::new(now)).longer(now);
    }

    /// How long until something may be tried that may not now; none where nothing waits.
    pub(super) fn next(&self, now: Instant) -> Option<Duration> {
        let soonest = self.tried.values().map(|wait| wait.until).min();
        let server = self.server.as_ref().map(|server| server.until).filter(|until| *until > now);
        server.or(soonest).map(|until| until.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_refused_waits_longer_each_time_and_keeps_nobody_waiting() {
        let (mut outbox, now) = (Outbox::default(), Instant::now());
        outbox.refused("a", false, now);
        assert!(!outbox.is_due("a", now) && outbox.is_due("b", now) && !outbox.is_paused(now));
        let first = outbox.next(now).unwrap();
        assert!(first >= FIRST && first <= FIRST * 2, "{first:?}");
        outbox.taken("b");
        outbox.refused("a", false, now);
        let second = outbox.next(now).unwrap();
        assert!(second >= FIRST * 2 && second <= FIRST * 4, "{second:?}");
        assert!(outbox.is_due("a", now + second));
        outbox.refused("c", true, now);
        assert!(!outbox.is_due("c", now + REFUSED - FIRST) && outbox.is_due("c", now + REFUSED));
    }

    #[test]
    fn a_server_that_refuses_all_is_left_alone_longer_and_longer_up_to_a_limit() {
        let (mut outbox, mut now) = (Outbox::default(), Instant::now());
        for id in ["a", "b", "c"] {
            assert!(!outbox.is_paused(now));
            outbox.refused(id, false, now);
        }
        assert!(outbox.is_paused(now));
        let mut waits = Vec::new();
        for _ in 0..14 {
            outbox.unreachable(now);
            let wait = outbox.next(now).unwrap();
            waits.push(wait);
            now += wait;
            assert!(!outbox.is_paused(now));
        }
        assert!(waits[13] >= LONGEST && waits[13] <= LONGEST * 2, "{waits:?}");
        outbox.taken("d");
        outbox.unreachable(now);
        assert!(outbox.next(now).unwrap() <= FIRST * 2, "what it took starts the delays anew");
    }

    #[test]
    fn what_is_gone_is_forgotten_and_what_was_taken_is_not_sent_again() {
        let (mut outbox, now) = (Outbox::default(), Instant::now());
        outbox.refused("a", false, now);
        outbox.taken("b");
        outbox.keep(&HashSet::from(["b"]));
        assert_eq!(outbox.next(now), None);
        assert!(outbox.is_taken("b"));
        outbox.keep(&HashSet::new());
        assert!(!outbox.is_taken("b"));
    }
}
