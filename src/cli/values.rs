//! Values on the command line.

use std::time::Duration;

use jiff::SignedDuration;

/// A duration such as `10m` or `90s`, longer than nothing.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let parsed: SignedDuration = text.parse().map_err(|_| "write a duration such as 10m or 90s".to_owned())?;
    match Duration::try_from(parsed) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("write a duration longer than nothing".to_owned()),
    }
}
