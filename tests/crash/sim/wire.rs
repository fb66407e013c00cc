//! The wire between the operator and its servers: every request has a number, and a script says what happens to which.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::Notify;

use super::fault::Fault;
use super::stop::Standstill;
use super::weather::{Switch, Weather};

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Cluster,
    Platform,
}

/// A request that was made.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) at: Timestamp,
    /// Its number since the last fault; those that no script can name have none.
    pub(crate) number: Option<usize>,
    pub(crate) side: Side,
    pub(crate) what: String,
    /// Whether it may change something.
    pub(crate) writes: bool,
    pub(crate) fault: Option<Fault>,
    /// What came back.
    pub(crate) answer: String,
}

/// One step of a script: what happens to the request of that number, counted from the step before.
pub(crate) type Step = (usize, Fault);

/// What happens beside at a request.
type Event = Box<dyn FnOnce() + Send>;

/// The wire.
#[derive(Clone, Default)]
pub(crate) struct Wire(Arc<Inner>);

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("state", &self.0.state).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    crash: Notify,
    events: Mutex<Vec<(usize, Event)>>,
    standstill: Standstill,
    weather: Switch,
}

#[derive(Debug, Default)]
struct State {
    script: VecDeque<Step>,
    seen: usize,
    /// All requests with a number since the script began.
    all: usize,
    /// What must never be asked, and was.
    forbidden: Vec<String>,
    asked: Vec<Asked>,
    crashed: bool,
    crashes_next: bool,
}

/// What a request is to do.
pub(crate) enum Turn {
    /// It goes on, and its entry in the log is that one.
    Go(usize, Option<Fault>),
    /// The operator is dead.
    Dead,
}

impl Wire {
    /// From now on this happens.
    pub(crate) fn play(&self, script: &[Step]) {
        let mut state = self.state();
        state.script = script.iter().copied().collect();
        (state.seen, state.all) = (0, 0);
    }

    /// Whether everything that the script has has happened.
    pub(crate) fn is_played(&self) -> bool {
        self.state().script.is_empty() && self.events().is_empty()
    }

    /// Does that before the request of that number since the script began is carried out.
    pub(crate) fn at(&self, number: usize, event: impl FnOnce() + Send + 'static) {
        self.events().push((number, Box::new(event)));
    }

    /// Records what must never be asked.
    pub(crate) fn forbid(&self, what: String) {
        self.state().forbidden.push(what);
    }

    /// What must never be asked, and was.
    pub(crate) fn forbidden(&self) -> Vec<String> {
        self.state().forbidden.clone()
    }

    fn happen(&self, numbered: bool) {
        let number = {
            let mut state = self.state();
            state.all += usize::from(numbered);
            state.all.checked_sub(1)
        };
        let Some(number) = number.filter(|_| numbered) else { return };
        let due: Vec<_> = self.events().extract_if(.., |(at, _)| *at <= number).collect();
        for (_, event) in due {
            event();
        }
    }

    fn events(&self) -> MutexGuard<'_, Vec<(usize, Event)>> {
        self.0.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a request that may have a number.
    pub(crate) fn turn(&self, at: Timestamp, side: Side, writes: bool, numbered: bool, what: String) -> Turn {
        self.happen(numbered);
        let mut state = self.state();
        if state.crashes_next {
            state.crashes_next = false;
            state.crashed = true;
        }
        if state.crashed {
            self.0.crash.notify_one();
            return Turn::Dead;
        }
        let number = numbered.then_some(state.seen);
        state.seen += usize::from(numbered);
        let fault = state.script.front().filter(|(at, _)| Some(*at) == number).map(|(_, fault)| *fault);
        if fault.is_some() {
            state.script.pop_front();
            state.seen = 0;
        }
        let weather = if side == Side::Platform { self.0.weather.next() } else { None };
        let fault = fault.or(weather);
        state.asked.push(Asked { at, number, side, what, writes, fault, answer: String::new() });
        if fault == Some(Fault::CrashBefore) {
            state.crashed = true;
            self.0.crash.notify_one();
            return Turn::Dead;
        }
        Turn::Go(state.asked.len() - 1, fault)
    }

    /// The server has applied the request and answered; whether the operator lives to see it.
    pub(crate) fn answered(&self, entry: usize, fault: Option<Fault>, answer: String) -> bool {
        let mut state = self.state();
        state.asked[entry].answer = answer;
        match fault {
            Some(Fault::CrashApplied) => state.crashed = true,
            // It does with the reply what it can without asking anybody, and no more.
            Some(Fault::CrashReplied) => state.crashes_next = true,
            _ => {}
        }
        if state.crashed {
            self.0.crash.notify_one();
        }
        !state.crashed
    }

    /// Where the operator stands still.
    pub(crate) fn standstill(&self) -> &Standstill {
        &self.0.standstill
    }

    /// From now on the platform is like that.
    pub(crate) fn weather(&self, weather: Weather) {
        self.0.weather.set(weather);
    }

    /// Waits for a crash.
    pub(crate) async fn crash(&self) {
        self.0.crash.notified().await;
    }

    /// Whether a crash is due that waits for the operator to ask for something.
    pub(crate) fn crashes_next(&self) -> bool {
        self.state().crashes_next
    }

    /// A new operator lives.
    pub(crate) fn revive(&self) {
        let mut state = self.state();
        state.crashed = false;
        state.crashes_next = false;
    }

    /// Whether the operator is to be dead.
    pub(crate) fn has_crashed(&self) -> bool {
        let state = self.state();
        state.crashed || state.crashes_next
    }

    /// What was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state().asked.clone()
    }

    /// How many requests went there that may have changed something.
    pub(crate) fn writes(&self, side: Side) -> usize {
        self.state().asked.iter().filter(|asked| asked.side == side && asked.writes).count()
    }

    /// Who was asked by the requests with a number, since the last step of the script.
    pub(crate) fn sides(&self) -> Vec<Side> {
        let state = self.state();
        let since = state.asked.iter().rposition(|asked| asked.fault.is_some()).map_or(0, |at| at + 1);
        state.asked[since..].iter().filter(|asked| asked.number.is_some()).map(|asked| asked.side).collect()
    }

    /// How many requests with a number were made since the last step of the script.
    pub(crate) fn seen(&self) -> usize {
        self.state().seen
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
