//! How it stands with a platform for a while, beside what a script says of single requests.

use std::sync::{Mutex, PoisonError};

use fastrand::Rng;

use super::fault::Fault;

/// How a platform is.
#[derive(Clone, Debug, Default)]
pub(crate) enum Weather {
    #[default]
    Up,
    /// Every request is reset.
    Down,
    /// Some are reset, and of some the reply is lost.
    Flapping(Rng),
}

/// The switch.
#[derive(Debug, Default)]
pub(crate) struct Switch(Mutex<Weather>);

impl Switch {
    pub(crate) fn set(&self, weather: Weather) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = weather;
    }

    /// What it does to the next request.
    pub(crate) fn next(&self) -> Option<Fault> {
        match &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Weather::Up => None,
            Weather::Down => Some(Fault::Reset),
            Weather::Flapping(chance) => match chance.u8(..6) {
                0 | 1 => Some(Fault::Reset),
                2 => Some(Fault::Lost),
                _ => None,
            },
        }
    }
}
