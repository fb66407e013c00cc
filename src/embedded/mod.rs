//! The embedded backend: a directory of organisations, users, roles, projects and tokens on an embedded database.
//!
//! [`Directory`] is the whole of it. Writes go through one task that groups them into commits and answers only after
//! the commit, so a killed process loses nothing that was acknowledged. What platforms disagree on (which names are
//! unique, how ids look) comes with each write as [`Rules`]; the tables hold only what is true on all of them.
//! [`http`] lets what a Secret holds be tried: token introspection and login.

mod access_keys;
mod accounts;
mod authentication;
mod changes;
pub mod dialect;
mod directory;
mod documents;
mod error;
pub mod http;
mod invitations;
mod memberships;
mod organizations;
mod password;
mod projects;
mod roles;
mod rules;
mod sessions;
mod storage;
mod token;
mod tokens;
mod users;
mod writer;

pub use accounts::{Account, AccountToken, Caller, Membership};
pub use authentication::Principal;
pub use changes::{MemberChange, NewCredentials};
pub use directory::{Directory, Statistics};
pub use documents::{
    Attributes, OrganizationDocument, OrganizationParticulars, Part, UserDocument, UserParticulars, UserPatch,
};
pub use error::{DirectoryError, OpenError};
pub use invitations::{Invitation, Opened};
pub use password::Hashing;
pub use projects::Project;
pub use roles::{RoleOutcome, RoleRecord};
pub use rules::{OPERATOR, Rights, Role, Rules, Scope};
pub use sessions::Session;
