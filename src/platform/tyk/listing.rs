//! Whole lists: all pages of one, and how long one is used.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use tokio::sync::Mutex;

use crate::clock::Clock;
use crate::domain::entity::Record;
use crate::platform::Error;
use crate::platform::http::Reply;

/// How long a list is used before it is asked for again.
pub(super) const SHELF_LIFE: Duration = Duration::from_secs(30);

/// The page that stands for all of them.
pub(super) const ALL: i64 = -1;

/// What a call for a page answers.
#[derive(serde::Deserialize)]
#[serde(bound(deserialize = "T: DeserializeOwned"))]
pub(super) struct Part<T> {
    /// It has to be there: an envelope that says something else is no empty list.
    #[serde(rename = "organisations", alias = "users", deserialize_with = "null_is_empty")]
    items: Vec<T>,
    #[serde(default)]
    pages: i64,
}

fn null_is_empty<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Everything that a list has. The page [`ALL`] stands for all of them; `pages` counts pages all the same on some
/// servers, and others may not know that page, so where it is more than one, the first page tells which it was.
///
/// A list that moves on while its pages are read may leave an object out; whoever needs to know asks for that object.
pub(super) async fn everything<T, F>(id: fn(&T) -> &str, mut get: impl FnMut(i64) -> F) -> Result<Vec<T>, Error>
where
    T: DeserializeOwned,
    F: Future<Output = Result<Reply, Error>>,
{
    let Part { mut items, pages }: Part<T> = get(ALL).await?.json()?;
    if pages < 1 || (pages == 1 && !items.is_empty()) {
        return Ok(items);
    }
    let mut seen: HashSet<String> = items.iter().map(|item| id(item).to_owned()).collect();
    for page in 1..=pages {
        let reply = get(page).await?;
        let part: Part<T> = reply.json()?;
        if part.items.is_empty() || (page == 1 && part.items.len() < items.len()) {
            break;
        }
        let before = items.len();
        items.extend(part.items.into_iter().filter(|item| seen.insert(id(item).to_owned())));
        // Page after page of the same would hide the rest, and what is hidden would be made a second time.
        if page > 1 && items.len() == before {
            return Err(reply.strange("lists the same page again and again"));
        }
    }
    Ok(items)
}

/// A list that is asked for once for all who want it, and used for [`SHELF_LIFE`].
#[derive(Debug)]
pub(super) struct Cache<R> {
    clock: Clock,
    last: Mutex<Option<Snapshot<R>>>,
    /// How many times the list was asked for.
    begun: AtomicU64,
    /// Something was written since whose outcome nobody read.
    doubtful: AtomicBool,
}

#[derive(Debug)]
struct Snapshot<R> {
    /// Which of the requests for the list this was.
    number: u64,
    asked_at: Timestamp,
    records: Vec<R>,
}

/// How old a list may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    /// As old as [`SHELF_LIFE`].
    Recent,
    /// Asked for after now.
    Fresh,
}

impl<R: Record> Cache<R> {
    /// An empty one on that clock.
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, last: Mutex::new(None), begun: AtomicU64::new(0), doubtful: AtomicBool::new(false) }
    }

    /// Looks at the list, which `load` gets if what is there is too old. Who wants a fresh one shares it with all others
    /// who wanted one before it was asked for.
    pub(super) async fn look<T>(
        &self,
        age: Age,
        load: impl Future<Output = Result<Vec<R>, Error>>,
        look: impl FnOnce(&[R]) -> T,
    ) -> Result<T, Error> {
        let begun = self.begun.load(Ordering::Relaxed);
        let mut last = self.last.lock().await;
        // Taken down before the request: what is written from here on may or may not be in the answer.
        if self.doubtful.swap(false, Ordering::Relaxed) {
            *last = None;
        }
        let usable = last.as_ref().filter(|snapshot| match age {
            Age::Fresh => snapshot.number > begun,
            Age::Recent => self.is_recent(snapshot.asked_at),
        });
        if let Some(snapshot) = usable {
            return Ok(look(&snapshot.records));
        }
        let number = self.begun.fetch_add(1, Ordering::Relaxed) + 1;
        let asked_at = self.clock.now();
        let records = load.await?;
        Ok(look(&last.insert(Snapshot { number, asked_at, records }).records))
    }

    /// A list from the future is one from before somebody set the clock.
    fn is_recent(&self, asked_at: Timestamp) -> bool {
        Duration::try_from(self.clock.now().duration_since(asked_at)).is_ok_and(|age| age < SHELF_LIFE)
    }

    /// Begins to write. Unless the outcome is [settled](Writing::settle), the list is asked for again.
    pub(super) fn writing(&self) -> Writing<'_, R> {
        Writing { cache: self, settled: false }
    }
}

/// A write whose outcome is not known yet.
#[derive(Debug)]
pub(super) struct Writing<'a, R> {
    cache: &'a Cache<R>,
    settled: bool,
}

impl<R: Record> Writing<'_, R> {
    /// The object is as that now.
    pub(super) async fn wrote(self, record: R) {
        self.settle(|records| {
            records.retain(|known| known.id() != record.id());
            records.push(record);
        })
        .await;
    }

    /// The object is not there any more.
    pub(super) async fn removed(self, id: &str) {
        self.settle(|records| records.retain(|known| known.id() != id)).await;
    }

    async fn settle(mut self, change: impl FnOnce(&mut Vec<R>)) {
        if let Some(snapshot) = self.cache.last.lock().await.as_mut() {
            change(&mut snapshot.records);
        }
        self.settled = true;
    }
}

impl<R> Drop for Writing<'_, R> {
    fn drop(&mut self) {
        if !self.settled {
            self.cache.doubtful.store(true, Ordering::Relaxed);
        }
    }
}
