//! A machine's API key as a token. A machine has one; it is shown when the machine is created, and never again.

use async_trait::async_trait;
use http::StatusCode;
use serde_json::{Map, json};

use super::{NO_SUCH_CALL, Rockit, check_name};
use crate::domain::entity::{Created, Lookup, NewToken, OfUser, Page, Record as _, Token, TokenChange, TokenRecord};
use crate::domain::fault::FaultKind;
use crate::platform::{Backend, Ended, Error};

#[async_trait]
impl Backend<Token> for Rockit {
    async fn find(&self, _: &OfUser, lookup: &Lookup) -> Result<Vec<TokenRecord>, Error> {
        match lookup {
            Lookup::Id(_) => {
                let message = "ROCKIT shows no API key again";
                Err(Error::new(FaultKind::Unsupported, "find Token", message))
            }
            Lookup::Name(_) | Lookup::Owner(_) => Ok(Vec::new()),
        }
    }

    async fn list(&self, _: &OfUser, _: Option<&str>) -> Result<Page<TokenRecord>, Error> {
        let message = "ROCKIT shows no API key again";
        Err(Error::new(FaultKind::Unsupported, "list Tokens", message))
    }

    async fn create(&self, _: NewToken) -> Result<Created<Token>, Error> {
        let message = "a machine of ROCKIT has one API key, and what resetting it (resetCreds) answers is not public: make \
                       another machine User for another key";
        Err(Error::new(FaultKind::Unsupported, "create Token", message))
    }

    /// A token is replaced, not changed. A mark that is to be taken off was never there.
    async fn update(&self, _: &OfUser, id: &str, change: &TokenChange) -> Result<TokenRecord, Error> {
        match change.owner {
            None | Some(None) => Ok(TokenRecord::unseen(id, "")),
            Some(Some(_)) => Err(Error::new(FaultKind::Unsupported, "update Token", "ROCKIT keeps no owner marks")),
        }
    }

    /// Resets the machine's credentials (`resetCreds`), whichever key it has at the time: the id of a key cannot be compared.
    /// The key that the platform makes in its place is dropped unread. That the call ends the old key is what its name says;
    /// no public source describes it, so a server that refuses it is believed.
    async fn delete(&self, of: &OfUser, _: &str) -> Result<Ended, Error> {
        let operation = "delete Token";
        let unknown = || {
            let message = "this server does not take resetCreds, which alone would end a machine's API key";
            Error::new(FaultKind::Unsupported, operation, message)
        };
        self.account(operation, &of.organization_id)?;
        // A name that nobody can have.
        if check_name(&of.user_id).is_err() {
            return Ok(Ended::Absent);
        }
        if self.resets.is_missing() {
            return Err(unknown());
        }
        let change =
            Map::from_iter([("username".to_owned(), json!(of.user_id)), ("resetCreds".to_owned(), json!(true))]);
        let mut wanted = NO_SUCH_CALL.to_vec();
        wanted.push(StatusCode::BAD_REQUEST);
        let reply = self.patch_user(operation, &of.organization_id, &change, &wanted).await?;
        if reply.status.is_success() {
            self.resets.prove();
            return Ok(Ended::Done);
        }
        // A user who is gone has no key.
        if reply.status == StatusCode::NOT_FOUND
            && self.user(operation, &of.organization_id, &of.user_id).await?.is_none()
        {
            return Ok(Ended::Absent);
        }
        if reply.status == StatusCode::BAD_REQUEST {
            self.resets.doubt();
        } else {
            self.resets.miss();
        }
        Err(unknown())
    }
}
