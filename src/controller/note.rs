//! Normal events: what a person would ask about later.

use crate::domain::entity::Kind;
use crate::domain::plan::How;

/// A normal event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Its reason, such as `Created`.
    pub reason: &'static str,
    /// What happened.
    pub message: String,
}

impl Note {
    /// Whether the next look tells it where the report of this one is lost: it finds what status does not know of.
    pub fn is_told_again(&self) -> bool {
        matches!(self.reason, "Created" | "Adopted" | "TakenOver")
    }
}

/// The event of an object that was come by, if that is news.
pub fn came_by(how: How, kind: Kind, name: &str, id: &str) -> Option<Note> {
    let (reason, what) = match how {
        How::Known => return None,
        How::Created => ("Created", "created the"),
        How::Recreated => ("Recreated", "made again the"),
        How::Adopted => ("Adopted", "took over the"),
        How::TakenOver => ("TakenOver", "took over from its former owner the"),
        How::Rotated => ("Rotated", "minted a new credential for the"),
        How::Restored => ("SecretRestored", "the value in the Secret was lost: minted a new credential for the"),
    };
    Some(Note { reason, message: format!("{what} {kind} {name} on the platform ({id})") })
}
