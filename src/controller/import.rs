//! A key pair of the user's own, read from Secrets of the resource's namespace.

use super::context::Context;
use super::input;
use super::stop::Stop;
use crate::api::KeyPairImport;
use crate::domain::condition::{Reason, State};
use crate::domain::entity::KeyPairValue;
use crate::domain::fault::Requeue;
use crate::keys;

/// Input Secrets are not watched: this is how often one that is missing is looked for.
const POLL: std::time::Duration = std::time::Duration::from_secs(10);

/// The checked key pair, its fingerprint and the Secret it is in.
pub async fn import(
    context: &Context,
    namespace: &str,
    import: &KeyPairImport,
) -> Result<(KeyPairValue, String, String), Stop> {
    let private_pem = input::read(&context.secrets, namespace, &import.private_key_secret_ref).await?;
    let passphrase = match &import.passphrase_secret_ref {
        Some(reference) => Some(input::read(&context.secrets, namespace, reference).await?),
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
