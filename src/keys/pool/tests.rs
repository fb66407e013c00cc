//! The pool's own logic, with a generator that does what the test says; one test makes real keys.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Weak, mpsc};
use std::time::Duration;

use futures::future::join_all;
use futures::poll;

use super::*;
use crate::domain::key::KeySize::{Rsa2048, Rsa3072, Rsa4096};

/// What the generator does next.
enum Verdict {
    Make,
    Fail,
    Panic,
}

/// The generator's side of a test: it waits for one verdict per key, and numbers the keys that it makes.
struct Factory {
    verdicts: Mutex<mpsc::Receiver<Verdict>>,
    begun: Mutex<Vec<KeySize>>,
    made: AtomicUsize,
    active: AtomicUsize,
    most_active: AtomicUsize,
}

impl Factory {
    fn make(&self, size: KeySize) -> Made {
        self.begun.lock().unwrap().push(size);
        let active = self.active.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_active.fetch_max(active, Ordering::SeqCst);
        let verdict = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner).recv();
        self.active.fetch_sub(1, Ordering::SeqCst);
        match verdict {
            Ok(Verdict::Make) => Ok(numbered(self.made.fetch_add(1, Ordering::SeqCst))),
            Ok(Verdict::Panic) => panic!("the generator panics because the test says so"),
            Ok(Verdict::Fail) | Err(_) => Err(KeyError::Generation { bits: size.bits() }),
        }
    }

    fn begun(&self) -> Vec<KeySize> {
        self.begun.lock().unwrap().clone()
    }
}

fn numbered(number: usize) -> PrivateKey {
    PrivateKey { pkcs8: number.to_be_bytes().to_vec().into() }
}

fn number(key: &PrivateKey) -> usize {
    usize::from_be_bytes(key.pkcs8.as_slice().try_into().unwrap())
}

/// A pool over a factory, and the hand that gives the verdicts.
fn pool(workers: usize) -> (KeyPool, Arc<Factory>, mpsc::Sender<Verdict>) {
    let (hand, verdicts) = mpsc::channel();
    let factory = Arc::new(Factory {
        verdicts: Mutex::new(verdicts),
        begun: Mutex::default(),
        made: AtomicUsize::new(0),
        active: AtomicUsize::new(0),
        most_active: AtomicUsize::new(0),
    });
    let generator = Arc::clone(&factory);
    (KeyPool::with_generator(workers, move |size| generator.make(size)), factory, hand)
}

fn allow(hand: &mpsc::Sender<Verdict>, count: usize) {
    (0..count).for_each(|_| hand.send(Verdict::Make).unwrap());
}

/// Waits for a condition that other threads bring about.
async fn until(what: &str, condition: impl Fn() -> bool) {
    let reached = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), reached).await.unwrap_or_else(|_| panic!("never: {what}"));
}

async fn until_idle(pool: &KeyPool) {
    until("no thread is at work", || pool.shared.lock().running == 0).await;
}

#[tokio::test]
async fn two_are_made_ahead_once_the_first_was_asked_for() {
    let (pool, factory, hand) = pool(1);
    assert_eq!((pool.ready(Rsa4096), factory.begun()), (0, vec![]));
    allow(&hand, 100);
    let first = pool.take(Rsa4096).await.unwrap();
    until_idle(&pool).await;
    assert_eq!((number(&first), pool.ready(Rsa4096), pool.ready(Rsa2048)), (0, 2, 0));
    assert_eq!(factory.begun(), [Rsa4096; 3]);
    // The next is there at once, and the shelf is filled again.
    assert!(poll!(pin!(pool.take(Rsa4096))).is_ready());
    until_idle(&pool).await;
    assert_eq!(pool.ready(Rsa4096), 2);
    assert_eq!(factory.begun(), [Rsa4096; 4]);
}

#[tokio::test]
async fn every_key_is_handed_out_once_and_the_bound_on_threads_holds() {
    let (pool, factory, hand) = pool(3);
    let orders = (0..100).map(|n| pool.take([Rsa2048, Rsa3072, Rsa4096][n % 3]));
    allow(&hand, 200);
    let taken: BTreeSet<usize> = join_all(orders).await.into_iter().map(|key| number(&key.unwrap())).collect();
    assert_eq!(taken.len(), 100, "a key was handed out twice");
    until_idle(&pool).await;
    assert_eq!(factory.made.load(Ordering::SeqCst), 106, "100 taken and two of each size ahead");
    assert_eq!([Rsa2048, Rsa3072, Rsa4096].map(|size| pool.ready(size)), [2; 3]);
    assert!(factory.most_active.load(Ordering::SeqCst) <= 3);
}

#[tokio::test]
async fn whoever_waits_comes_before_what_is_made_ahead_in_the_order_of_asking() {
    let (pool, factory, hand) = pool(1);
    let (mut first, mut second, mut third) =
        (pin!(pool.take(Rsa2048)), pin!(pool.take(Rsa4096)), pin!(pool.take(Rsa2048)));
    assert!(poll!(&mut first).is_pending());
    assert!(poll!(&mut second).is_pending());
    assert!(poll!(&mut third).is_pending());
    allow(&hand, 3);
    assert_eq!(number(&first.await.unwrap()), 0);
    assert_eq!(number(&second.await.unwrap()), 1);
    assert_eq!(number(&third.await.unwrap()), 2);
    until("the fourth is begun", || factory.begun().len() == 4).await;
    assert_eq!(factory.begun()[..3], [Rsa2048, Rsa4096, Rsa2048]);
    drop(hand);
}

#[tokio::test]
async fn a_dropped_wait_leaves_its_key_to_the_shelf() {
    let (pool, factory, hand) = pool(1);
    {
        let mut waiting = pin!(pool.take(Rsa2048));
        assert!(poll!(&mut waiting).is_pending());
        until("the key is begun", || factory.begun().len() == 1).await;
    }
    allow(&hand, 10);
    until_idle(&pool).await;
    assert_eq!((pool.ready(Rsa2048), factory.made.load(Ordering::SeqCst)), (2, 2), "the first key is one of the two");
}

#[tokio::test]
async fn a_wait_dropped_after_its_key_was_sent_gives_it_back() {
    let (pool, factory, hand) = pool(1);
    {
        let mut waiting = pin!(pool.take(Rsa2048));
        assert!(poll!(&mut waiting).is_pending());
        allow(&hand, 10);
        until_idle(&pool).await;
        assert_eq!((pool.ready(Rsa2048), factory.made.load(Ordering::SeqCst)), (2, 3));
    }
    assert_eq!(pool.ready(Rsa2048), 3);
    // All three go to those who ask next, the oldest first.
    let keys: BTreeSet<usize> =
        join_all((0..3).map(|_| pool.take(Rsa2048))).await.into_iter().map(|key| number(&key.unwrap())).collect();
    assert_eq!(keys, BTreeSet::from([0, 1, 2]));
}

#[tokio::test]
async fn a_key_given_back_serves_who_waits() {
    let (pool, _, hand) = pool(1);
    let mut later = pin!(pool.take(Rsa2048));
    {
        let mut waiting = pin!(pool.take(Rsa2048));
        assert!(poll!(&mut waiting).is_pending());
        assert!(poll!(&mut later).is_pending());
        allow(&hand, 1);
        until("the key is sent", || pool.shared.lock().waiting.len() == 1).await;
    }
    // The generator has no further verdict: the key can only be the one given back.
    assert_eq!(number(&later.await.unwrap()), 0);
    drop(hand);
}

#[tokio::test]
async fn a_failure_or_a_panic_is_one_waiters_error_and_the_others_are_served() {
    for (verdict, panics) in [(Verdict::Fail, false), (Verdict::Panic, true)] {
        let (pool, _, hand) = pool(1);
        let (mut first, mut second) = (pin!(pool.take(Rsa2048)), pin!(pool.take(Rsa2048)));
        assert!(poll!(&mut first).is_pending());
        assert!(poll!(&mut second).is_pending());
        hand.send(verdict).unwrap();
        match first.await {
            Err(KeyError::Interrupted) => assert!(panics),
            Err(KeyError::Generation { bits: 2048 }) => assert!(!panics),
            other => panic!("{other:?}"),
        }
        allow(&hand, 10);
        assert_eq!(number(&second.await.unwrap()), 0);
        until_idle(&pool).await;
        pool.take(Rsa2048).await.unwrap();
    }
}

#[tokio::test]
async fn a_failure_ahead_is_not_repeated_until_somebody_asks() {
    let (pool, factory, hand) = pool(1);
    allow(&hand, 1);
    hand.send(Verdict::Fail).unwrap();
    pool.take(Rsa2048).await.unwrap();
    until_idle(&pool).await;
    assert_eq!((pool.ready(Rsa2048), factory.begun().len()), (0, 2));
    allow(&hand, 10);
    pool.take(Rsa2048).await.unwrap();
    until_idle(&pool).await;
    assert_eq!((pool.ready(Rsa2048), factory.begun().len()), (2, 5));
}

#[tokio::test]
async fn dropping_the_pool_ends_its_work() {
    let (pool, factory, hand) = pool(2);
    {
        let mut waiting = pin!(pool.take(Rsa2048));
        assert!(poll!(&mut waiting).is_pending());
        until("two keys are begun", || factory.begun().len() == 2).await;
    }
    let shared: Weak<Shared> = Arc::downgrade(&pool.shared);
    drop(pool);
    allow(&hand, 10);
    until("the threads have ended", || shared.strong_count() == 0).await;
    assert_eq!(factory.begun().len(), 2, "nothing was begun after the drop");
}

#[tokio::test]
async fn a_pool_without_workers_has_one() {
    let (pool, _, hand) = pool(0);
    allow(&hand, 3);
    pool.take(Rsa2048).await.unwrap();
}

#[tokio::test]
async fn real_keys_are_made_and_all_differ() {
    let pool = KeyPool::new(8);
    let keys = join_all((0..3).map(|_| pool.take(Rsa2048))).await;
    until("two lie ready", || pool.ready(Rsa2048) == 2).await;
    let different: BTreeSet<Vec<u8>> = keys.into_iter().map(|key| key.unwrap().pkcs8.to_vec()).collect();
    assert_eq!(different.len(), 3);
}
