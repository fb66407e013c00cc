//! Ten thousand objects.

use org_operator::domain::capability::{Capability, Support};
use org_operator::domain::entity::{Lookup, Organization, User};
use org_operator::domain::fault::FaultKind;
use org_operator::platform::Backend;
use sqlx::{AssertSqlSafe, Connection as _};

use super::{everything, ids, refused};
use crate::subject::{Platform, Subject};

const MANY: usize = 10_000;

/// How the ids of that platform look, as `printf` has it.
fn form(platform: Platform) -> &'static str {
    match platform {
        Platform::Embedded | Platform::Rockit => "00000000-0000-4000-8000-%012d",
        Platform::Tyk => "%024x",
        Platform::Rockfish => "%022d",
    }
}

impl Subject {
    /// Puts many into the directory at once: by their calls it would take minutes.
    async fn put(&self, sql: &str) {
        let (form, last) = (form(self.variant.platform), MANY - 1);
        let many = format!("WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {last})");
        let mut database = self.database().await;
        let sql = sql.replace("{id}", &format!("printf('{form}', i)")).replace("{many}", &many);
        let done = sqlx::query(AssertSqlSafe(sql)).execute(&mut database).await.unwrap();
        assert_eq!(done.rows_affected(), MANY as u64);
        database.close().await.unwrap();
    }
}

/// All organisations are listed, and the first and the last are found.
pub(crate) async fn list_ten_thousand_organizations(subject: &Subject) {
    let api = &*subject.api;
    subject
        .put("INSERT INTO organizations (id, name, created_at) {many} SELECT {id}, printf('org_%05d', i), i FROM n")
        .await;
    match everything::<Organization, _>(api, &()).await {
        Err(error) => {
            assert_eq!(error.kind, FaultKind::Unsupported);
            assert_eq!(api.capabilities().of(Capability::OrganizationList), Support::Unsupported);
        }
        Ok(mut all) => {
            all.sort_by(|one, other| one.name.cmp(&other.name));
            assert_eq!(all.len(), MANY);
            assert!(all.iter().enumerate().all(|(index, one)| one.name == format!("org_{index:05}")));
            for one in [&all[0], &all[MANY / 2], &all[MANY - 1]] {
                for lookup in [Lookup::Id(one.id.clone()), Lookup::Name(one.name.clone())] {
                    let found = Backend::<Organization>::find(api, &(), &lookup).await.unwrap();
                    assert_eq!(ids(&found), [&*one.id]);
                }
            }
        }
    }
}

/// All users of an organisation are listed, in however many pages.
pub(crate) async fn list_ten_thousand_users(subject: &Subject) {
    let org = subject.organization("Alpha").await;
    subject
        .put(
            "INSERT INTO users (id, kind, username, email, enabled, created_at) {many} \
             SELECT {id}, 'Person', printf('u_%05d@example.org', i), printf('u_%05d@example.org', i), TRUE, i FROM n",
        )
        .await;
    let members = format!(
        "INSERT INTO memberships (organization_id, user_id, created_at) {{many}} SELECT '{}', {{id}}, i FROM n",
        org.directory_id
    );
    subject.put(&members).await;
    let listed = everything::<User, _>(&*org.api, &org.scope()).await;
    if subject.variant.platform == Platform::Rockfish {
        // Who is in which organisation is not shown there.
        return refused(listed, FaultKind::Unsupported);
    }
    let mut all = listed.unwrap();
    all.retain(|user| user.username.starts_with("u_"));
    all.sort_by(|one, other| one.username.cmp(&other.username));
    assert_eq!(all.len(), MANY);
    assert!(all.iter().enumerate().all(|(index, one)| one.username == format!("u_{index:05}@example.org")));
}
