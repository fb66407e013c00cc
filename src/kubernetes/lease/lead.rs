//! Leading, of several operators one.

use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;

use super::{Elector, Lost};

/// Does `work`, which ends after `stop`, while this process leads, and then gives the Lease up.
///
/// Where the lead is lost, `stop` is cancelled, what is in flight may end as long as it can still be stored, and the
/// process fails. It does not become a candidate again: what it knows (caches, delays, counts, an open directory) is from
/// before another led, and a new process knows nothing wrong.
pub async fn lead<E>(
    mut elector: Elector,
    stop: CancellationToken,
    work: impl Future<Output = Result<(), E>>,
) -> Result<(), E>
where
    E: From<Lost> + From<JoinError>,
{
    let (done, over) = (CancellationToken::new(), CancellationToken::new());
    let (worked, nothing_left) = (done.clone(), over.clone());
    // In a task of its own: whatever the controllers do, the Lease is renewed.
    let holding = tokio::spawn(async move {
        let held = elector.hold(&worked).await;
        if let Err(lost) = held {
            tracing::error!(error = &lost as &dyn std::error::Error, "stopping: this process does not lead any more");
            stop.cancel();
            worked.run_until_cancelled(elector.over()).await;
            nothing_left.cancel();
            return Err(lost);
        }
        elector.release().await;
        Ok(())
    });
    let worked = tokio::select! {
        worked = work => worked,
        () = over.cancelled() => Ok(()),
    };
    done.cancel();
    holding.await??;
    worked
}
