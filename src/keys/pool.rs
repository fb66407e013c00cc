//! Keys made ahead, so that an organisation does not wait for one.
//!
//! A thread lives only while there is something to make. Threads of our own, not the runtime's blocking ones, because
//! the runtime waits for those when it ends, and a key takes seconds.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::oneshot;

use super::{KeyError, PrivateKey, generate};
use crate::domain::key::KeySize;

/// Keys of a size that lie ready once the first of that size was asked for.
const AHEAD: usize = 2;

type Made = Result<PrivateKey, KeyError>;
type Generator = dyn Fn(KeySize) -> Made + Send + Sync;

/// RSA keys, made ahead by a bounded number of threads.
///
/// Each key is handed out once. Whoever waits is served before anything is made ahead, in the order of asking. Dropping
/// the pool ends its work: a key in the making is finished and thrown away, and no other is begun.
pub struct KeyPool {
    shared: Arc<Shared>,
}

struct Shared {
    generator: Box<Generator>,
    workers: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    closed: bool,
    running: usize,
    waiting: VecDeque<Waiter>,
    shelves: HashMap<KeySize, Shelf>,
}

#[derive(Default)]
struct Shelf {
    /// Whether keys are made ahead: since the first was asked for, and not after a failure until the next is.
    stocked: bool,
    ready: VecDeque<PrivateKey>,
    in_making: usize,
}

struct Waiter {
    size: KeySize,
    sender: oneshot::Sender<Made>,
}

impl KeyPool {
    /// A pool that makes keys on at most that many threads, at least one, and never on more than there are cores.
    pub fn new(workers: usize) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self::with_generator(workers.min(cores), generate)
    }

    /// The same with another source of keys, for who wants to decide how long one takes.
    pub fn with_generator(workers: usize, generator: impl Fn(KeySize) -> Made + Send + Sync + 'static) -> Self {
        let shared = Shared { generator: Box::new(generator), workers: workers.max(1), state: Mutex::default() };
        Self { shared: Arc::new(shared) }
    }

    /// Takes a key: at once where one lies ready, else when it is made.
    ///
    /// Dropping the future wastes nothing: its key goes to the next who waits, or onto the shelf. A failure or a panic
    /// of the generator is this caller's error; the others wait on.
    pub async fn take(&self, size: KeySize) -> Result<PrivateKey, KeyError> {
        let (sender, receiver) = oneshot::channel();
        let ready = {
            let mut state = self.shared.lock();
            let of_size = state.shelves.entry(size).or_default();
            of_size.stocked = true;
            let ready = of_size.ready.pop_front();
            if ready.is_none() {
                state.waiting.push_back(Waiter { size, sender });
            }
            ready
        };
        start_workers(&self.shared);
        if let Some(key) = ready {
            return Ok(key);
        }
        let mut order = Order { shared: &self.shared, size, receiver };
        (&mut order.receiver).await.unwrap_or(Err(KeyError::Interrupted))
    }

    /// Lays a key that was made elsewhere onto the shelf.
    pub fn put(&self, size: KeySize, key: PrivateKey) {
        self.shared.lock().shelves.entry(size).or_default().ready.push_back(key);
    }

    /// How many keys of that size lie ready.
    pub fn ready(&self, size: KeySize) -> usize {
        self.shared.lock().shelves.get(&size).map_or(0, |shelf| shelf.ready.len())
    }
}

impl fmt::Debug for KeyPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPool").field("workers", &self.shared.workers).finish_non_exhaustive()
    }
}

impl Drop for KeyPool {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closed = true;
        state.shelves.clear();
        state.waiting.clear();
    }
}

/// A key that someone waits for. Its drop gives back what was sent and not fetched.
struct Order<'a> {
    shared: &'a Arc<Shared>,
    size: KeySize,
    receiver: oneshot::Receiver<Made>,
}

impl Drop for Order<'_> {
    fn drop(&mut self) {
        self.receiver.close();
        if let Ok(Ok(key)) = self.receiver.try_recv() {
            self.shared.lock().settle(self.size, Ok(key));
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic runs under the lock, and a poisoned one must not end every later reconcile.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What to make next, if anything: first what somebody waits for, in the order of asking, then what lies ahead.
    fn next_job(&self) -> Option<KeySize> {
        if self.closed {
            return None;
        }
        let in_making = |size: KeySize| self.shelves.get(&size).map_or(0, |shelf| shelf.in_making);
        let mut asked: HashMap<KeySize, usize> = HashMap::new();
        for waiter in self.waiting.iter().filter(|waiter| !waiter.sender.is_closed()) {
            let before = asked.entry(waiter.size).or_default();
            if *before >= in_making(waiter.size) {
                return Some(waiter.size);
            }
            *before += 1;
        }
        self.shelves
            .iter()
            .find(|(size, shelf)| {
                let spoken_for = asked.get(size).copied().unwrap_or(0);
                shelf.stocked && shelf.ready.len() + shelf.in_making < spoken_for + AHEAD
            })
            .map(|(size, _)| *size)
    }

    /// Gives a key or a failure to the first who waits for one of that size. What nobody waits for comes back.
    fn offer(&mut self, size: KeySize, mut made: Made) -> Option<Made> {
        while let Some(at) = self.waiting.iter().position(|waiter| waiter.size == size) {
            match self.waiting.remove(at)?.sender.send(made) {
                Ok(()) => return None,
                // Whoever asked has gone.
                Err(returned) => made = returned,
            }
        }
        Some(made)
    }

    /// Hands on what was made: to who waits, else a key onto the shelf. A failure that nobody waits for is forgotten.
    fn settle(&mut self, size: KeySize, made: Made) {
        if let Some(Ok(key)) = self.offer(size, made)
            && !self.closed
        {
            self.shelves.entry(size).or_default().ready.push_back(key);
        }
    }

    fn begin(&mut self) -> Option<KeySize> {
        let size = self.next_job()?;
        self.shelves.entry(size).or_default().in_making += 1;
        Some(size)
    }

    fn finish(&mut self, size: KeySize, made: Made) {
        if let Some(shelf) = self.shelves.get_mut(&size) {
            shelf.in_making = shelf.in_making.saturating_sub(1);
            // What fails without anybody waiting would fail for ever: the next who asks tries it again.
            shelf.stocked &= made.is_ok();
        }
        self.settle(size, made);
    }
}

/// Starts as many threads as there are jobs and the bound allows.
fn start_workers(shared: &Arc<Shared>) {
    loop {
        let size = {
            let mut state = shared.lock();
            if state.running >= shared.workers {
                return;
            }
            let Some(size) = state.begin() else { return };
            state.running += 1;
            size
        };
        let worker = Arc::clone(shared);
        if let Err(error) = thread::Builder::new().name("keys".to_owned()).spawn(move || work(&worker, size)) {
            let mut state = shared.lock();
            state.running -= 1;
            state.finish(size, Err(KeyError::NoThread(error)));
            if state.running > 0 {
                // The threads that there are go on with what is left.
                return;
            }
        }
    }
}

/// Makes one key after another until there is none to make.
fn work(shared: &Shared, first: KeySize) {
    let mut size = first;
    loop {
        // The generator is ours or a test's; whatever it left half-done is its own and not looked at again.
        let made = catch_unwind(AssertUnwindSafe(|| (shared.generator)(size))).unwrap_or(Err(KeyError::Interrupted));
        let mut state = shared.lock();
        state.finish(size, made);
        let Some(next) = state.begin() else {
            state.running -= 1;
            return;
        };
        size = next;
    }
}

#[cfg(test)]
mod tests;
