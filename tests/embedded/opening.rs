//! The data directory: made private, opened once, kept over restarts, and refused with words that help.

use std::error::Error;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use org_operator::embedded::{Directory, DirectoryError, OPERATOR, OpenError};

use crate::fixture::{Fixture, at, new_admin, new_organization};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// The error and its sources as one line, as a command prints it.
fn line(error: &OpenError) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        line = format!("{line}: {cause}");
        source = cause.source();
    }
    line
}

async fn refused(path: &Path) -> (OpenError, String) {
    let error = Directory::open(path).await.unwrap_err();
    let line = line(&error);
    assert!(!line.contains('\n'), "{line}");
    (error, line)
}

#[tokio::test]
async fn it_is_made_for_this_user_alone() {
    let fixture = Fixture::new().await;
    fixture.organization("Example").await;
    assert_eq!(mode(&fixture.path()), 0o700);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(fixture.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(mode(&entry.path()), 0o600, "{:?}", entry.path());
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names, ["directory.sqlite", "directory.sqlite-shm", "directory.sqlite-wal", "lock"]);
}

#[tokio::test]
async fn parents_are_made_too_and_what_is_there_keeps_its_mode() {
    let base = tempfile::tempdir().unwrap();
    Directory::open(&base.path().join("a/b/c")).await.unwrap().close().await;
    let mounted = base.path().join("mounted");
    std::fs::create_dir(&mounted).unwrap();
    std::fs::set_permissions(&mounted, std::fs::Permissions::from_mode(0o770)).unwrap();
    Directory::open(&mounted).await.unwrap().close().await;
    assert_eq!(mode(&mounted), 0o770);
}

#[tokio::test]
async fn a_restart_keeps_everything() {
    let fixture = Fixture::new().await;
    let mut new = new_organization("k", "Example");
    new.admin = Some(new_admin("secret"));
    let organization = fixture.directory.create_organization(&OPERATOR, new, at(0)).await.unwrap();
    let user = fixture.user(&organization, "ci").await;
    let (_, token) = fixture.token(&organization, &user).await;
    let (id, rows) = (fixture.directory.id(), fixture.rows().await);

    let fixture = fixture.reopen().await;

    assert_eq!(fixture.directory.id(), id);
    assert_eq!(fixture.rows().await, rows);
    assert_eq!(fixture.directory.organization(&organization.id).await.unwrap(), Some(organization.clone()));
    assert_eq!(fixture.directory.user(&organization.id, &user.id).await.unwrap(), Some(user));
    assert!(fixture.authenticates(&token, at(1)).await);
    assert!(fixture.logs_in("Example", "admin", "secret").await);
    assert_ne!(Fixture::new().await.directory.id(), id, "another directory is another one");
}

#[tokio::test]
async fn a_second_opener_is_told_which_directory_is_in_use() {
    let fixture = Fixture::new().await;
    let (error, line) = refused(&fixture.path()).await;
    assert!(matches!(error, OpenError::InUse { .. }), "{error:?}");
    assert!(line.contains(fixture.path().to_str().unwrap()), "{line}");
    assert!(line.contains("in use by another process: stop that one"), "{line}");

    // The first one is none the worse, and frees it by closing while clones live on.
    let organization = fixture.organization("Example").await;
    let clone = fixture.directory.clone();
    fixture.directory.close().await;
    let second = Directory::open(&fixture.path()).await.unwrap();
    assert_eq!(second.organization(&organization.id).await.unwrap(), Some(organization));
    assert!(matches!(clone.organization("x").await, Err(DirectoryError::Closed)));
    assert!(matches!(clone.prune_organization("x").await, Err(DirectoryError::Closed)));
    clone.close().await;
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_named() {
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join("file");
    std::fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("below"), Path::new("/proc/org-operator").to_owned()] {
        let (error, line) = refused(&path).await;
        assert!(matches!(error, OpenError::NotWritable { .. }), "{error:?}");
        assert!(line.contains(path.to_str().unwrap()), "{line}");
        assert!(line.contains("make it writable for this user, or name another data directory"), "{line}");
    }
}

#[tokio::test]
async fn what_is_no_database_is_left_as_it_is() {
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join("directory.sqlite");
    let content = "something else entirely, and long enough to be read as a header".repeat(100);
    std::fs::write(&file, &content).unwrap();
    let (error, line) = refused(base.path()).await;
    assert!(matches!(error, OpenError::Unreadable { .. }), "{error:?}");
    assert!(line.contains("directory.sqlite") && line.contains("restore it from a backup"), "{line}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), content);
}

#[tokio::test]
async fn a_newer_versions_database_is_refused() {
    let fixture = Fixture::new().await;
    fixture
        .execute(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES (9999, 'later', TRUE, x'00', 0)",
        )
        .await;
    fixture.directory.close().await;
    let (error, line) = refused(&fixture.path()).await;
    assert!(matches!(error, OpenError::TooNew { .. }), "{error:?}");
    assert!(line.contains("written by a newer version: start that version or a later one"), "{line}");
}

#[tokio::test]
async fn a_lost_or_cut_signing_key_is_never_replaced() {
    for (damage, what) in [
        ("DELETE FROM meta WHERE name = 'signing_key'", "signing key is missing"),
        ("DELETE FROM meta WHERE name = 'directory_id'", "id is missing"),
        ("UPDATE meta SET value = 'QUJD' WHERE name = 'signing_key'", "wrong length"),
        ("UPDATE meta SET value = '!' WHERE name = 'signing_key'", "no base64"),
        ("UPDATE meta SET value = '!' WHERE name = 'directory_id'", "no UUID"),
    ] {
        let fixture = Fixture::new().await;
        fixture.execute(damage).await;
        let rows = fixture.rows().await;
        fixture.directory.close().await;
        let (error, line) = refused(&fixture.path()).await;
        assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
        assert!(line.contains(what) && line.contains("restore it from a backup"), "{line}");
        assert_eq!(fixture.rows().await, rows);
    }
}

#[tokio::test]
async fn many_writes_at_once_share_few_commits() {
    let fixture = Fixture::new().await;
    let creations = (0..500).map(|number| {
        let new = new_organization(&number.to_string(), &format!("organisation {number}"));
        fixture.directory.create_organization(&OPERATOR, new, at(0))
    });
    let made = futures::future::try_join_all(creations).await.unwrap();
    assert_eq!(made.len(), 500);
    let statistics = fixture.directory.statistics();
    assert_eq!(statistics.writes, 500);
    assert!(statistics.commits <= 10, "{statistics:?}");
    assert_eq!(fixture.directory.organizations(None, 1000).await.unwrap().len(), 500);
}
