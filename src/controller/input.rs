//! Values that a resource reads from Secrets of its own namespace.

use secrecy::{ExposeSecret, SecretString};

use super::stop::Stop;
use crate::api::SecretKeyRef;
use crate::domain::condition::{Reason, State};
use crate::domain::fault::Requeue;
use crate::kubernetes::secret::{SecretError, SecretStore};

/// The value that a reference names. One that is missing is looked for again and again, because nobody watches Secrets.
pub async fn read(secrets: &SecretStore, namespace: &str, reference: &SecretKeyRef) -> Result<SecretString, Stop> {
    let SecretKeyRef { name, key } = reference;
    let missing = |message: String| Stop::Held {
        state: State::new(Reason::SecretNotFound, message),
        requeue: Requeue::Poll,
        outage: false,
    };
    let secret = match secrets.get(namespace, name).await {
        Ok(Some(secret)) => secret,
        Ok(None) => return Err(missing(format!("the Secret {name} is not there"))),
        Err(error @ SecretError::Denied { .. }) => {
            return Err(Stop::Held {
                state: State::new(Reason::SecretAccessDenied, error.to_string()),
                requeue: Requeue::Poll,
                outage: false,
            });
        }
        Err(error) => return Err(error.into()),
    };
    match secret.values.get(key) {
        Some(value) if !value.expose_secret().is_empty() => Ok(value.clone()),
        _ => Err(missing(format!("the Secret {name} has no text under the key {key}"))),
    }
}
