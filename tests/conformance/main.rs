//! One suite for every platform: the embedded directory itself, and each vendor's client over real HTTP against its
//! dialect as the embedded backend serves it, whole and with each of its quirks.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says that it failed by panicking")]

mod capabilities;
mod cases;
mod exchanges;
mod faults;
mod operations;
mod subject;
mod wire;

use cases::{access, hostile, names, organizations, pages, tokens, users};
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
                users_are_found: users::are_found,
                users_that_are_absent_are_no_error: users::that_are_absent_are_no_error,
                users_are_listed: users::are_listed,
                users_are_made_once: users::are_made_once,
                users_show_their_credential_once: users::show_their_credential_once,
                users_are_changed_only_as_asked: users::are_changed_only_as_asked,
                users_have_the_roles_that_are_asked_for: users::have_the_roles_that_are_asked_for,
                users_are_deleted_once_and_for_all: users::are_deleted_once_and_for_all,
                tokens_are_several_or_one: tokens::are_several_or_one,
                tokens_are_found_and_listed: tokens::are_found_and_listed,
                tokens_are_revoked_once_and_for_all: tokens::are_revoked_once_and_for_all,
                tokens_end_when_they_are_to: tokens::end_when_they_are_to,
                tokens_log_in_as_nobody_else: tokens::log_in_as_nobody_else,
                passwords_are_set: tokens::passwords_are_set,
                names_of_organizations: names::of_organizations,
                names_of_users: names::of_users,
                hostile_ids_lead_nowhere: hostile::lead_nowhere,
                the_platform_is_proved_by_the_credential: access::is_proved_by_the_credential,
                what_is_new_comes_late_and_is_no_error_before: access::comes_late_and_is_no_error_before,
                pages_list_ten_thousand_organizations: pages::list_ten_thousand_organizations,
                pages_list_ten_thousand_users: pages::list_ten_thousand_users,
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

#[tokio::test]
async fn rockit_in_maintenance() {
    access::rests_in_maintenance(&Subject::start(subject::MAINTENANCE).await).await;
}
