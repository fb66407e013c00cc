//! A key pair of the user's own, read from Secrets of the resource's namespace.

use secrecy::{ExposeSecret, SecretString};

use super::context::Context;
use super::stop::Stop;
use crate::api::{KeyPairImport, SecretKeyRef};
use crate::domain::condition::{Reason, State};
use crate::domain::entity::KeyPairValue;
use crate::domain::fault::Requeue;
use crate::keys;
use crate::kubernetes::secret::SecretError;

/// Input Secrets are not watched: this is how often one that is missing is looked for.
const POLL: std::time::Duration = std::time::Duration::from_secs(10);

/// The checked key pair, its fingerprint and the Secret it is in.
pub async fn import(
    context: &Context,
    namespace: &str,
    import: &KeyPairImport,
) -> Result<(KeyPairValue, String, String), Stop> {
    let private_pem = read(context, namespace, &import.private_key_secret_ref).await?;
    let passphrase = match &import.passphrase_secret_ref {
        Some(reference) => Some(read(context, namespace, reference).await?),
        None => None,
    };
    let (pem, phrase) = (private_pem.clone(), passphrase.clone());
    // Deriving a key from a passphrase is made to be slow.
    let checked = tokio::task::spawn_blocking(move || keys::import(&pem, phrase.as_ref(), None))
        .await
        .map_err(|_| Stop::Again)?;
    let reference = &import.private_key_secret_ref;
    let checked = checked.map_err(|error| {
        Stop::Held {
            state: State::new(
                Reason::InvalidKeyPair,
                format!("the key {} of the Secret {}: {error}", reference.key, reference.name),
            ),
            // The Secret may be mended, and nothing tells us.
            requeue: Requeue::After(POLL * 6),
            outage: false,
        }
    })?;
    let passphrase = passphrase.filter(|_| checked.encrypted);
    let value = KeyPairValue { private_pem, public_pem: checked.public_pem, passphrase };
    Ok((value, checked.fingerprint, reference.name.clone()))
}

async fn read(context: &Context, namespace: &str, reference: &SecretKeyRef) -> Result<SecretString, Stop> {
    let SecretKeyRef { name, key } = reference;
    let missing = |message: String| Stop::Held {
        state: State::new(Reason::SecretNotFound, message),
        requeue: Requeue::Poll,
        outage: false,
    };
    let secret = match context.secrets.get(namespace, name).await {
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
