//! What each request is for, what each fault means for such a request, and what the operator makes of it.

#![allow(clippy::match_same_arms, reason = "a line for each case, because their reasons differ")]

use std::time::Duration;

use org_operator::domain::condition::Reason;
use org_operator::domain::fault::{FaultKind, Requeue};

use super::fault::Fault;
use crate::operations::Operation;
use crate::subject::Platform;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It reads: asking again is harmless.
    Reads,
    /// It replaces or removes: doing it again is harmless.
    Repeats,
    /// It makes something, or ends what it made before: doing it again may make a second.
    Creates,
    /// It reads what was just made: whatever goes wrong, it is made.
    Confirms,
    /// What comes of it is passed over.
    Aside,
}

use Role::{Aside, Confirms, Creates, Reads, Repeats};

/// A request and what it is for; `{}` is an id.
pub(crate) type Step = (&'static str, Role);

/// The requests of a call, in their order. A call that has none is none of the platform's.
pub(crate) fn steps(platform: Platform, operation: Operation, cold: bool) -> &'static [Step] {
    match platform {
        Platform::Embedded => &[],
        Platform::Tyk if cold && operation == Operation::ListUsers => &[
            ("GET /admin/organisations/{}", Reads),
            ("POST /admin/users", Creates),
            // Whoever came before it is looked for and removed; what stays is tried again with the next.
            ("GET /api/users", Aside),
            ("GET /api/users", Reads),
        ],
        Platform::Tyk => tyk(operation),
        Platform::Rockfish => rockfish(operation),
        Platform::Rockit => rockit(operation),
    }
}

fn tyk(operation: Operation) -> &'static [Step] {
    match operation {
        Operation::Probe => &[("GET /admin/organisations", Reads)],
        // All of them in one page; where there are more than fit in one, whether it was all is seen by the first.
        Operation::FindOrganizationById
        | Operation::FindOrganizationByName
        | Operation::FindOrganizationByMark
        | Operation::ListOrganizations => &[("GET /admin/organisations", Reads), ("GET /admin/organisations", Reads)],
        Operation::CreateOrganization => &[
            ("GET /admin/organisations", Reads),
            ("GET /admin/organisations", Reads),
            ("POST /admin/organisations/", Creates),
            ("GET /admin/organisations/{}", Aside),
        ],
        Operation::UpdateOrganization => &[
            ("GET /admin/organisations/{}", Reads),
            ("PUT /admin/organisations/{}", Repeats),
            ("GET /admin/organisations/{}", Reads),
        ],
        Operation::DeleteOrganization => &[("DELETE /admin/organisations/{}", Repeats)],
        Operation::FindUserById | Operation::FindUserByName | Operation::ListUsers => {
            &[("GET /api/users", Reads), ("GET /api/users", Reads)]
        }
        Operation::CreateUser => &[("POST /admin/users", Creates)],
        Operation::UpdateUser => {
            &[("GET /admin/users/{}", Reads), ("PUT /admin/users/{}", Repeats), ("GET /admin/users/{}", Reads)]
        }
        Operation::DeleteUser => &[("GET /admin/users/{}", Reads), ("DELETE /api/users/{}", Repeats)],
        Operation::SetPassword => &[("GET /admin/users/{}", Reads), ("POST /api/users/{}/actions/reset", Repeats)],
        Operation::Key | Operation::FindToken => &[("GET /admin/users/{}", Reads)],
        Operation::CreateToken => &[
            ("GET /admin/users/{}", Reads),
            ("PUT /api/users/{}/actions/key/reset", Creates),
            ("GET /admin/users/{}", Confirms),
        ],
        Operation::DeleteToken => &[("GET /admin/users/{}", Reads), ("PUT /api/users/{}/actions/key/reset", Repeats)],
        Operation::Authenticate => &[("GET /admin/users/{}", Reads), ("GET /api/users/{}", Reads)],
        Operation::DefaultProject | Operation::ListTokens => &[],
    }
}

fn rockfish(operation: Operation) -> &'static [Step] {
    match operation {
        Operation::Probe | Operation::DefaultProject => &[("GET /project", Reads)],
        Operation::FindOrganizationById => &[("GET /organization/{}", Reads)],
        Operation::FindOrganizationByName | Operation::ListOrganizations | Operation::Authenticate => {
            &[("GET /organization", Reads)]
        }
        Operation::CreateOrganization => &[("POST /organization", Creates)],
        Operation::DeleteOrganization => &[("DELETE /organization/{}", Repeats)],
        Operation::FindUserById => &[("GET /user/{}", Reads)],
        Operation::FindUserByName => &[("GET /user", Reads)],
        Operation::CreateUser => &[("POST /user", Creates)],
        Operation::UpdateUser => &[("PUT /organization/{}/user/{}", Repeats)],
        Operation::DeleteUser => &[("DELETE /organization/{}/user/{}", Repeats)],
        Operation::FindToken => &[("GET /token/{}", Reads)],
        Operation::ListTokens => &[("GET /token", Reads)],
        Operation::CreateToken => &[("POST /token", Creates)],
        Operation::DeleteToken => &[("DELETE /token/{}", Repeats)],
        Operation::FindOrganizationByMark
        | Operation::UpdateOrganization
        | Operation::ListUsers
        | Operation::SetPassword
        | Operation::Key => &[],
    }
}

fn rockit(operation: Operation) -> &'static [Step] {
    match operation {
        Operation::Probe => &[("POST /adm/v1/ping", Reads), ("GET /be/v1/users", Reads)],
        Operation::CreateOrganization => &[("POST /adm/v1/orgs", Creates)],
        Operation::DeleteOrganization => &[("DELETE /be/v1/orgs/{}", Repeats)],
        Operation::FindUserById | Operation::FindUserByName | Operation::Authenticate => {
            &[("GET /be/v1/users/{}", Reads)]
        }
        Operation::ListUsers => &[("GET /be/v1/users", Reads)],
        Operation::CreateUser => &[("POST /be/v1/users", Creates)],
        Operation::UpdateUser | Operation::DeleteToken => &[("PATCH /be/v1/users", Repeats)],
        Operation::DeleteUser => &[("DELETE /be/v1/users/{}", Repeats)],
        _ => &[],
    }
}

/// What a call comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// That fault.
    Is(FaultKind),
    /// What it does without one.
    Done,
    /// The platform said that it is gone, or nobody's, and nobody can know better.
    Believed,
    /// Nothing more is sent until the platform's pause is over.
    Waits,
}

use Expected::{Believed, Done, Is, Waits};

/// What a fault means for a request of that role, whatever the platform.
fn means(role: Role, fault: Fault) -> Expected {
    // An answer that is none leaves open whether it was done, which matters only where doing it twice does.
    let (silence, strange) = match role {
        Reads | Repeats => (FaultKind::TimedOut, FaultKind::Unavailable(None)),
        Creates => (FaultKind::OutcomeUnknown, FaultKind::OutcomeUnknown),
        Confirms => return Is(FaultKind::OutcomeUnknown),
        Aside => return Done,
    };
    Is(match fault {
        // Nothing was sent, or it was sent on, to where nothing is done.
        Fault::NoConnection | Fault::UntrustedCertificate | Fault::Redirect(_) => FaultKind::Unavailable(None),
        Fault::SilenceBefore | Fault::SilenceAfter | Fault::Slow => silence,
        Fault::Cut | Fault::Truncated | Fault::Page | Fault::Failure | Fault::Endless => strange,
        Fault::Status(400, _) => FaultKind::Invalid,
        Fault::Status(401, _) => FaultKind::Unauthenticated,
        Fault::Status(403, _) => FaultKind::Forbidden,
        Fault::Status(404, _) | Fault::Absent => FaultKind::NotFound,
        Fault::Status(405, _) => FaultKind::Unsupported,
        Fault::Status(409, _) => FaultKind::AlreadyExists,
        Fault::Status(429, _) => FaultKind::RateLimited(fault.pause()),
        Fault::Status(503, _) => FaultKind::Unavailable(fault.pause()),
        Fault::Status(..) => strange,
    })
}

/// What a call comes to when that happens to that request of it.
pub(crate) fn expected(
    platform: Platform,
    (operation, cold): (Operation, bool),
    (call, role): Step,
    fault: Fault,
) -> Expected {
    let known = match platform {
        // What was asked for comes after it.
        Platform::Tyk if role == Aside && cold && fault.pause().is_some() => Some(Waits),
        _ if role == Aside => None,
        Platform::Embedded => None,
        Platform::Tyk => tyk_knows(operation, call, role, fault),
        Platform::Rockfish => rockfish_knows(operation, cold, fault),
        Platform::Rockit => rockit_knows(operation, call, fault),
    };
    known.unwrap_or_else(|| means(role, fault))
}

fn tyk_knows(operation: Operation, call: &str, role: Role, fault: Fault) -> Option<Expected> {
    let technical = call.contains(" /api/") && operation != Operation::Authenticate;
    let list = matches!(call, "GET /admin/organisations" | "GET /api/users");
    match fault {
        // The technical administrator's key is not accepted any more: another one is made, and does it.
        Fault::Status(401, _) if technical => Some(Done),
        // A list is never absent.
        Fault::Absent | Fault::Status(404, _) if list => Some(Is(FaultKind::Unavailable(None))),
        // Absence is said in the Dashboard's own envelope; a gateway that has lost its way says 404 of everything.
        Fault::Status(404, _) if matches!(role, Reads) => Some(Is(FaultKind::Unavailable(None))),
        Fault::Status(404, _) if call.starts_with("DELETE") => Some(Is(FaultKind::Unavailable(None))),
        Fault::Absent => match operation {
            Operation::FindToken | Operation::Authenticate | Operation::DeleteOrganization | Operation::DeleteUser => {
                Some(Believed)
            }
            Operation::ListUsers | Operation::DeleteToken if role == Reads => Some(Believed),
            _ => None,
        },
        // What the table has for a deletion that failed, and for an id that is none.
        Fault::Status(400, _) if call.starts_with("DELETE") => Some(Is(FaultKind::Unavailable(None))),
        _ if operation != Operation::Authenticate || !technical_read(call) => None,
        // The key is the one that the admin API shows; what its own user is answered says whether it is alive.
        Fault::Status(400, _) => Some(Is(FaultKind::Unavailable(None))),
        Fault::Status(401, _) => Some(Believed),
        Fault::Status(403, _) => Some(Done),
        _ => None,
    }
}

fn technical_read(call: &str) -> bool {
    call.starts_with("GET /api/users/")
}

/// Calls that are not documented are tried; a cold client has not seen the server have them.
fn rockfish_knows(operation: Operation, cold: bool, fault: Fault) -> Option<Expected> {
    let absent = matches!(fault, Fault::Absent | Fault::Status(404, _));
    match operation {
        Operation::FindOrganizationById | Operation::FindUserById | Operation::FindToken if absent => {
            Some(if cold { Is(FaultKind::Unsupported) } else { Believed })
        }
        // A list that is there is never absent.
        Operation::FindOrganizationByName
        | Operation::ListOrganizations
        | Operation::FindUserByName
        | Operation::ListTokens
            if absent =>
        {
            Some(Is(FaultKind::Unsupported))
        }
        // It is read and is there: one of the two answers is wrong, and it is asked again before the call counts as missing.
        Operation::DeleteOrganization | Operation::DeleteToken if absent => Some(Is(FaultKind::Unavailable(None))),
        // A membership cannot be read, so nothing tells whether it is there: a deletion is never believed.
        Operation::DeleteUser if absent => Some(Is(FaultKind::Unsupported)),
        // No content is what these answer, and their status is all of it.
        Operation::UpdateUser | Operation::DeleteOrganization | Operation::DeleteUser | Operation::DeleteToken
            if fault == Fault::Truncated =>
        {
            Some(Done)
        }
        Operation::Authenticate if matches!(fault, Fault::Status(401 | 403, _)) => Some(Believed),
        _ => None,
    }
}

/// What doing it again comes to, once the fault is over and where it had been done.
pub(crate) fn again(platform: Platform, operation: Operation, fault: Fault) -> Expected {
    match (platform, operation) {
        // Found by its mark.
        (Platform::Tyk, Operation::CreateOrganization) => Done,
        (_, Operation::CreateOrganization | Operation::CreateUser) => Is(FaultKind::AlreadyExists),
        // 404 means nothing from a server that has not shown yet that it has such a call, and a membership cannot be read:
        // what was done, and was not seen done, cannot be told from what was not.
        (Platform::Rockfish, Operation::DeleteUser) => unseen(fault),
        _ => Done,
    }
}

fn unseen(fault: Fault) -> Expected {
    if fault == Fault::Truncated { Done } else { Is(FaultKind::Unsupported) }
}

fn rockit_knows(operation: Operation, call: &str, fault: Fault) -> Option<Expected> {
    match (operation, fault) {
        // Older servers have the one ping and newer ones the other.
        (Operation::Probe, Fault::Absent | Fault::Status(404 | 405, _)) if call.contains("ping") => Some(Done),
        // What these answer is not public, so their status is all of it.
        (
            Operation::Probe | Operation::UpdateUser | Operation::DeleteUser | Operation::DeleteToken,
            Fault::Truncated,
        ) if !call.starts_with("GET") => Some(Done),
        // 401 may be a right that is missing, which this account has not: it proves nothing, and its body counts as little.
        (Operation::Probe, Fault::Status(401 | 403, _) | Fault::Truncated) if call.starts_with("GET") => Some(Done),
        (Operation::Authenticate, Fault::Status(401 | 403, _)) => Some(Is(FaultKind::Unsupported)),
        // That the key can be reset is not documented, and these say that it cannot.
        (Operation::DeleteToken, Fault::Absent | Fault::Status(400 | 404, _)) => Some(Is(FaultKind::Unsupported)),
        // Absence is said in the API's own form; a gateway that has lost its way says 404 of everything.
        (
            Operation::FindUserById
            | Operation::FindUserByName
            | Operation::Authenticate
            | Operation::DeleteOrganization
            | Operation::DeleteUser,
            Fault::Absent | Fault::Status(404, _),
        ) => Some(if fault == Fault::Absent { Believed } else { Is(FaultKind::Unavailable(None)) }),
        _ => None,
    }
}

/// The condition and the requeue of a fault.
pub(crate) fn condition(kind: FaultKind) -> (Reason, Requeue) {
    let later = |pause: Option<Duration>| pause.map_or(Requeue::Backoff, Requeue::NotBefore);
    match kind {
        FaultKind::Invalid => (Reason::InvalidSpec, Requeue::Resync),
        FaultKind::Unsupported => (Reason::Unsupported, Requeue::Resync),
        FaultKind::Unauthenticated | FaultKind::Forbidden => (Reason::CredentialRejected, Requeue::Backoff),
        FaultKind::AlreadyExists => (Reason::AlreadyExists, Requeue::Backoff),
        FaultKind::NotFound | FaultKind::OutcomeUnknown | FaultKind::NotLeading => {
            (Reason::Progressing, Requeue::Backoff)
        }
        FaultKind::RateLimited(pause) => (Reason::RateLimited, later(pause)),
        FaultKind::Unavailable(pause) => (Reason::PlatformUnavailable, later(pause)),
        FaultKind::TimedOut => (Reason::TimedOut, Requeue::Backoff),
    }
}
