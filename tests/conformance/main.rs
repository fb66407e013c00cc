//! One suite for every platform: the embedded directory itself, and each vendor's client over real HTTP against its
//! dialect as the embedded backend serves it, whole and with each of its quirks.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says that it failed by panicking")]

mod cases;
mod subject;
mod wire;

use cases::organizations;
use org_operator::embedded::dialect::Quirk;
use subject::{Platform, Subject, Variant};

/// Every case on one platform.
macro_rules! suite {
    ($module:ident: $platform:ident, $quirk:expr) => {
        mod $module {
            use super::*;

            suite!(
                @ $platform, $quirk;
                organizations_are_found: organizations::are_found,
                organizations_that_are_absent_are_no_error: organizations::that_are_absent_are_no_error,
                organizations_are_listed: organizations::are_listed,
                organizations_are_made_once: organizations::are_made_once,
                organizations_are_changed_only_as_asked: organizations::are_changed_only_as_asked,
                organizations_are_adopted_and_released: organizations::are_adopted_and_released,
                organizations_are_deleted_once_and_for_all: organizations::are_deleted_once_and_for_all,
            );
        }
    };
    (@ $platform:ident, $quirk:expr; $($name:ident: $case:path,)+) => {
        $(
            #[tokio::test]
            async fn $name() {
                let subject = Subject::start(Variant { platform: Platform::$platform, quirk: $quirk }).await;
                $case(&subject).await;
            }
        )+
    };
}

suite!(embedded: Embedded, None);
suite!(tyk: Tyk, None);
suite!(tyk_hides_keys: Tyk, Some(Quirk::TykHidesKeys));
suite!(tyk_late: Tyk, Some(Quirk::Late));
suite!(rockfish: Rockfish, None);
suite!(rockfish_as_documented: Rockfish, Some(Quirk::RockfishAsDocumented));
suite!(rockfish_late: Rockfish, Some(Quirk::Late));
suite!(rockit: Rockit, None);
suite!(rockit_without_admin_password: Rockit, Some(Quirk::RockitWithoutAdminPassword));
suite!(rockit_late: Rockit, Some(Quirk::Late));
