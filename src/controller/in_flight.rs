//! The calls in flight, by the uid of their object.
//!
//! What an object's steps do must not be cut off by a dropped future, a deadline or a stopping process: between a call
//! that mints a value and the Secret that holds it there is no point at which to stop. So the steps run in a task of
//! their own; the reconcile that started it waits only so long, the next pass joins the task instead of starting
//! another, and the process ends when none is left.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

/// The register.
#[derive(Clone, Debug, Default)]
pub struct InFlight {
    tasks: TaskTracker,
    calls: Arc<Mutex<HashMap<String, watch::Receiver<&'static str>>>>,
}

/// Tells those who wait what a task is doing.
#[derive(Clone, Debug)]
pub struct Progress(watch::Sender<&'static str>);

impl Progress {
    /// Says what is being done now, as a phrase: "generating the key pair".
    pub fn doing(&self, what: &'static str) {
        self.0.send_replace(what);
    }
}

/// A call in flight.
#[derive(Debug)]
pub struct Call(watch::Receiver<&'static str>);

impl Call {
    /// Waits until it has ended.
    pub async fn ended(mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

impl InFlight {
    /// Starts the task of an object. The caller has joined an earlier one before.
    pub fn start<T, F>(&self, uid: &str, task: impl FnOnce(Progress) -> F) -> JoinHandle<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let (sender, receiver) = watch::channel("starting");
        self.calls().insert(uid.to_owned(), receiver);
        let progress = Progress(sender);
        let entry = Entry { calls: Arc::clone(&self.calls), uid: uid.to_owned(), _progress: progress.clone() };
        let work = task(progress);
        self.tasks.spawn(async move {
            let _entry = entry;
            work.await
        })
    }

    /// Lets a look at an object come to its end, whoever waits for it.
    pub fn look<T: Send + 'static>(&self, look: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.tasks.spawn(look)
    }

    /// The call in flight of that object, if there is one.
    pub fn of(&self, uid: &str) -> Option<Call> {
        self.calls().get(uid).cloned().map(Call)
    }

    /// What the object's call in flight is doing.
    pub fn doing(&self, uid: &str) -> Option<&'static str> {
        self.calls().get(uid).map(|call| *call.borrow())
    }

    /// Waits until no call is in flight and no look under way. New ones may still start before.
    pub async fn drained(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn calls(&self) -> MutexGuard<'_, HashMap<String, watch::Receiver<&'static str>>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the call out of the register when its task ends, however it ends.
struct Entry {
    calls: Arc<Mutex<HashMap<String, watch::Receiver<&'static str>>>>,
    uid: String,
    _progress: Progress,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.uid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn a_task_outlives_who_started_it_and_can_be_joined() {
        let in_flight = InFlight::default();
        let (release, wait) = oneshot::channel::<()>();
        let (report, done) = oneshot::channel();
        drop(in_flight.start("a", |progress| async move {
            progress.doing("waiting");
            wait.await.unwrap();
            report.send(()).unwrap();
        }));
        let call = in_flight.of("a").unwrap();
        assert!(in_flight.of("b").is_none());
        tokio::task::yield_now().await;
        assert_eq!(in_flight.doing("a"), Some("waiting"));
        release.send(()).unwrap();
        call.ended().await;
        done.await.unwrap();
        assert!(in_flight.of("a").is_none());
        in_flight.drained().await;
    }

    #[tokio::test]
    async fn a_task_that_panics_leaves_the_register() {
        let in_flight = InFlight::default();
        let handle = in_flight.start("a", |_| async { panic!("on purpose") });
        let call = in_flight.of("a");
        assert!(handle.await.is_err());
        if let Some(call) = call {
            call.ended().await;
        }
        assert!(in_flight.of("a").is_none());
    }
}
