//! Random sequences of calls, compared with the model after each.

use proptest::prelude::*;

use crate::fixture::Fixture;
use crate::model::Model;

/// What is called. Numbers stand for one of a few names, keys or earlier objects, so that calls meet.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    CreateOrganization { name: u8, key: u8 },
    Prune { organization: usize },
    CreateUser { organization: usize, name: u8, key: u8 },
    SetRoles { member: usize, roles: Vec<&'static str> },
    Join { organization: usize, user: usize },
    Delete { member: usize },
    Mint { member: usize, key: u8, lifetime: Option<i64> },
    Revoke { token: usize },
    Wait { seconds: i64 },
    Reopen,
}

fn call() -> impl Strategy<Value = Call> {
    let roles = proptest::sample::subsequence(vec!["Administrators", "Users", "Viewers"], 0..=3);
    prop_oneof![
        3 => (0..4_u8, 0..6_u8).prop_map(|(name, key)| Call::CreateOrganization { name, key }),
        1 => (0..8_usize).prop_map(|organization| Call::Prune { organization }),
        4 => (0..8_usize, 0..4_u8, 0..6_u8).prop_map(|(organization, name, key)| Call::CreateUser { organization, name, key }),
        2 => (0..16_usize, roles).prop_map(|(member, roles)| Call::SetRoles { member, roles }),
        2 => (0..8_usize, 0..16_usize).prop_map(|(organization, user)| Call::Join { organization, user }),
        2 => (0..16_usize).prop_map(|member| Call::Delete { member }),
        4 => (0..16_usize, 0..4_u8, proptest::option::of(1..100_i64))
            .prop_map(|(member, key, lifetime)| Call::Mint { member, key, lifetime }),
        2 => (0..16_usize).prop_map(|token| Call::Revoke { token }),
        1 => (1..60_i64).prop_map(|seconds| Call::Wait { seconds }),
        1 => Just(Call::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_directory_does_what_the_model_does(calls in proptest::collection::vec(call(), 1..40)) {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let mut fixture = Fixture::new().await;
            let mut model = Model::default();
            for call in calls {
                if matches!(call, Call::Reopen) {
                    fixture = fixture.reopen().await;
                } else {
                    model.apply(&fixture, call).await;
                }
                model.matches(&fixture).await;
            }
        });
    }
}
