//! Tokens.

use async_trait::async_trait;
use http::Method;
use jiff::Timestamp;
use serde_json::json;

use super::shown::{NewlyShownToken, Shown as _, ShownToken};
use super::{Rockfish, claims, is_id, send};
use crate::domain::entity::{Created, Lookup, NewToken, OfUser, Page, Record as _, Token, TokenChange, TokenRecord};
use crate::domain::fault::FaultKind;
use crate::platform::http::{Call, Effect};
use crate::platform::{Backend, Ended, Error};

#[async_trait]
impl Backend<Token> for Rockfish {
    /// By id. A token has no name, and there are no owner marks. One of another user is not there.
    async fn find(&self, of: &OfUser, lookup: &Lookup) -> Result<Vec<TokenRecord>, Error> {
        let operation = "find Token";
        let Lookup::Id(id) = lookup else {
            return Ok(Vec::new());
        };
        let found: Option<ShownToken> = self.tokens.get(self.admin(operation)?, operation, id).await?;
        // Whose it is may be left out: then it is the one that was asked for all the same.
        let own = found.filter(|token| token.user.is_none() || token.is_of(&of.user_id));
        Ok(own.into_iter().map(ShownToken::record).collect())
    }

    async fn list(&self, of: &OfUser, _: Option<&str>) -> Result<Page<TokenRecord>, Error> {
        let operation = "list Tokens";
        let mut all: Vec<ShownToken> = self.tokens.all(self.admin(operation)?, operation).await?;
        all.retain(|token| token.is_of(&of.user_id));
        Ok(Page { records: all.into_iter().map(ShownToken::record).collect(), next: None })
    }

    /// The user is named by its `self`, as the page shows it: the admin API's own address with the user's path.
    async fn create(&self, new: NewToken) -> Result<Created<Token>, Error> {
        let operation = "create Token";
        let admin = self.admin(operation)?;
        if new.expires_at.is_some() {
            let message = "lifetime: Rockfish's tokens do not end: leave it out";
            return Err(Error::new(FaultKind::Unsupported, operation, message));
        }
        if !is_id(&new.of.user_id) {
            let message = "the user's id is none that a user of Rockfish can have";
            return Err(Error::new(FaultKind::Invalid, operation, message));
        }
        let user = format!("{}/user/{}", admin.address(), new.of.user_id);
        let call = Call::new(operation, Effect::Creates, Method::POST, ["token"]);
        let reply = send(admin, call.json(&json!({ "user": user }))?).await?;
        let made: NewlyShownToken = reply.json()?;
        if !made.has_id() {
            return Err(reply.strange("answered with an id that no object can have"));
        }
        let issued_at = claims(&made.token)
            .and_then(|claims| Timestamp::from_second(claims.iat?).ok())
            .unwrap_or_else(|| self.clock.now());
        let record = TokenRecord { issued_at: Some(issued_at), ..TokenRecord::unseen(&made.id, "") };
        Ok(Created::whole(record).showing(made.token))
    }

    /// A token is replaced, not changed. A mark that is to be taken off was never there.
    async fn update(&self, _: &OfUser, id: &str, change: &TokenChange) -> Result<TokenRecord, Error> {
        match change.owner {
            None | Some(None) => Ok(TokenRecord::unseen(id, "")),
            Some(Some(_)) => Err(Error::new(FaultKind::Unsupported, "update Token", "Rockfish keeps no owner marks")),
        }
    }

    async fn delete(&self, _: &OfUser, id: &str) -> Result<Ended, Error> {
        let operation = "delete Token";
        self.tokens.remove::<ShownToken>(self.admin(operation)?, operation, id).await
    }
}
