//! The one key of a user, on platforms where a user has one: it lies in the User's Secret, and each Token publishes it.

use secrecy::{ExposeSecret, SecretString};

use super::context::Context;
use super::managed::SharedSecret;
use super::slot::key;
use super::stop::Stop;
use crate::api::annotation::SECRET_OWNER_UID;
use crate::domain::facts::SharedKey;
use crate::kubernetes::secret::{SecretError, StoredSecret};
use crate::platform;

/// What is known of the key, and the Secret that holds it. A Secret that is not the User's holds none.
pub async fn read(
    context: &Context,
    namespace: &str,
    shared: &SharedSecret,
) -> Result<(SharedKey, Option<StoredSecret>), SecretError> {
    let Some(name) = &shared.name else {
        return Ok((SharedKey::default(), None));
    };
    let stored = context.secrets.get(namespace, name).await?.filter(|stored| {
        let annotated = || stored.annotations.get(SECRET_OWNER_UID) == Some(&shared.owner_uid);
        stored.controller_uid.as_ref().map_or_else(annotated, |controller| *controller == shared.owner_uid)
    });
    let held = stored.as_ref().and_then(|stored| stored.values.get(key::TOKEN));
    let id = held.filter(|held| !held.expose_secret().is_empty()).map(platform::key_id);
    Ok((SharedKey { id }, stored))
}

/// Whether the User's key is another one by now than these, which a Token published: then they are dead, and to end them by
/// the user's name would end the other one. Where its User was deleted and made again under the same name, for one.
pub async fn is_another_by_now(
    context: &Context,
    namespace: &str,
    shared: &SharedSecret,
    published: &[String],
) -> Result<bool, Stop> {
    if !shared.in_use {
        return Ok(false);
    }
    let held = match read(context, namespace, shared).await {
        Ok((held, _)) => held.id,
        // The way out needs no Secret.
        Err(SecretError::Denied { .. } | SecretError::Malformed { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    Ok(held.is_some_and(|held| !published.contains(&held)))
}

/// Writes the key that the platform has now into the User's Secret, or takes the dead one out of it where nobody knows the
/// one after it. What templates make of it follows with the User's own pass.
pub async fn write(
    context: &Context,
    namespace: &str,
    shared: &SharedSecret,
    value: Option<&SecretString>,
) -> Result<(), Stop> {
    let Some(name) = &shared.name else { return Ok(()) };
    let mut is_missed = false;
    // Somebody else's change of the Secret is no reason to leave a key in it that is dead.
    for _ in 0..3 {
        let (_, stored) = read(context, namespace, shared).await?;
        let Some(stored) = stored else {
            // Nobody comes back to it, so one answer is not enough.
            if std::mem::replace(&mut is_missed, true) {
                return Ok(());
            }
            continue;
        };
        match context.secrets.put(namespace, name, &stored, key::TOKEN, value).await {
            Err(SecretError::Conflict) => {}
            written => return Ok(written.map(drop)?),
        }
    }
    Err(Stop::Again)
}
