//! Storms by their number.

use super::engine::Engine;
use super::search_tests::{NIGHTLY, SEED, say};
use super::starts::families;
use super::storms::Storm;

/// The number of a storm that failed.
const REPLAY: &str = "ORG_OPERATOR_MODEL_STORM";

#[test]
fn after_a_storm_of_deletions_nothing_is_left_and_nothing_lost() {
    let families = families();
    let storm = |number: u64| Storm::new(&families, Engine::Shipped, SEED + number);
    if let Ok(number) = std::env::var(REPLAY) {
        return say(format_args!("{}", storm(number.parse().unwrap()).told()));
    }
    let count: u64 = if std::env::var_os(NIGHTLY).is_some() { 400_000 } else { 100_000 };
    let failed: Vec<(u64, String)> =
        (0..count).filter_map(|number| Some((number, storm(number).blow().err()?))).collect();
    say(format_args!("crash: model-storms: {count} plans, {} failed, seed {SEED}", failed.len()));
    let told = |(number, why): &(u64, String)| {
        format!("{why}\n{REPLAY}={number} cargo test --lib after_a_storm -- --nocapture\n{}", storm(*number).told())
    };
    assert!(failed.is_empty(), "{}", failed.iter().take(5).map(told).collect::<Vec<_>>().join("\n\n"));
}
