//! The writer on a real database, with writes that fail in every way that one can.

use std::path::Path;

use sqlx::sqlite::SqliteJournalMode;

use super::*;

/// A writer on a table `numbers` of unique numbers, and a lock file that tells when it lets go.
async fn writer(directory: &Path) -> (Writer, SqliteConnection) {
    let options = SqliteConnectOptions::new()
        .filename(directory.join("numbers.sqlite"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal);
    let mut connection = options.connect().await.unwrap();
    sqlx::query("CREATE TABLE numbers (number INTEGER PRIMARY KEY)").execute(&mut connection).await.unwrap();
    let reader = options.connect().await.unwrap();
    let lock = File::create(directory.join("lock")).unwrap();
    lock.try_lock().unwrap();
    (Writer::start(options, connection, lock), reader)
}

async fn insert(writer: &Writer, number: i64) -> Result<i64, DirectoryError> {
    writer
        .write(move |connection| {
            async move {
                sqlx::query("INSERT INTO numbers (number) VALUES ($1)").bind(number).execute(connection).await?;
                Ok(number)
            }
            .boxed()
        })
        .await
}

async fn numbers(reader: &mut SqliteConnection) -> Vec<i64> {
    sqlx::query_scalar("SELECT number FROM numbers ORDER BY number").fetch_all(reader).await.unwrap()
}

fn commits(writer: &Writer) -> u64 {
    writer.counters().commits.load(Ordering::Relaxed)
}

#[tokio::test]
async fn writes_that_wait_share_a_commit() {
    let directory = tempfile::tempdir().unwrap();
    let (writer, mut reader) = writer(directory.path()).await;
    let wanted: Vec<i64> = (0..600).collect();
    let written = futures::future::try_join_all(wanted.iter().map(|&number| insert(&writer, number))).await.unwrap();
    assert_eq!(written, wanted, "each caller has its own answer");
    assert_eq!(numbers(&mut reader).await, wanted);
    assert_eq!(writer.counters().writes.load(Ordering::Relaxed), 600);
    // All 600 are in the queue before the task runs for the first time: two full batches and the rest.
    assert_eq!(commits(&writer), 3);
}

#[tokio::test]
async fn a_failing_write_leaves_its_neighbours_alone() {
    let directory = tempfile::tempdir().unwrap();
    let (writer, mut reader) = writer(directory.path()).await;
    let half_done = writer.write(|connection| {
        async move {
            sqlx::query("INSERT INTO numbers (number) VALUES (99)").execute(connection).await?;
            Err::<(), _>(DirectoryError::Invalid { field: "the number", rule: "no".to_owned() })
        }
        .boxed()
    });
    let panics = writer.write(|connection| {
        async move {
            sqlx::query("INSERT INTO numbers (number) VALUES (98)").execute(connection).await?;
            assert!(numbers_are_odd(), "a write that panics");
            Ok(())
        }
        .boxed()
    });
    let (first, half_done, twin, panics, last) =
        tokio::join!(insert(&writer, 1), half_done, insert(&writer, 1), panics, insert(&writer, 2));
    assert_eq!((first.unwrap(), last.unwrap()), (1, 2));
    assert!(matches!(half_done, Err(DirectoryError::Invalid { .. })), "{half_done:?}");
    assert!(matches!(twin, Err(DirectoryError::Unavailable(_))), "{twin:?}");
    assert!(matches!(panics, Err(DirectoryError::Unavailable(_))), "{panics:?}");
    assert_eq!(numbers(&mut reader).await, [1, 2]);
    assert_eq!(commits(&writer), 1, "all five in one commit");
    assert_eq!(insert(&writer, 3).await.unwrap(), 3, "and the writer lives on");
}

/// False, without the compiler knowing, so that the code after a panic counts as reachable.
fn numbers_are_odd() -> bool {
    std::hint::black_box(false)
}

#[tokio::test]
async fn a_transaction_that_ends_by_itself_is_acknowledged_to_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let (writer, mut reader) = writer(directory.path()).await;
    insert(&writer, 1).await.unwrap();
    // What SQLite does itself when the disk is full.
    let ends = writer.write(|connection| {
        async move {
            sqlx::query("ROLLBACK").execute(connection).await?;
            Ok(())
        }
        .boxed()
    });
    let (before, ends, after) = tokio::join!(insert(&writer, 2), ends, insert(&writer, 3));
    for result in [before.map(drop), ends, after.map(drop)] {
        assert!(matches!(result, Err(DirectoryError::Unavailable(_))), "{result:?}");
    }
    assert_eq!(numbers(&mut reader).await, [1]);
    assert_eq!(insert(&writer, 4).await.unwrap(), 4, "on a new connection");
    assert_eq!(numbers(&mut reader).await, [1, 4]);
}

#[tokio::test]
async fn a_full_disk_loses_nothing_and_passes() {
    let directory = tempfile::tempdir().unwrap();
    let (writer, mut reader) = writer(directory.path()).await;
    writer
        .write(|connection| {
            async move {
                sqlx::query("CREATE TABLE blobs (value BLOB)").execute(&mut *connection).await?;
                // The setting is the connection's: the database may not grow by more than a few pages.
                sqlx::query("PRAGMA max_page_count = 8").execute(connection).await?;
                Ok(())
            }
            .boxed()
        })
        .await
        .unwrap();
    insert(&writer, 1).await.unwrap();
    let full = writer
        .write(|connection| {
            async move {
                sqlx::query("INSERT INTO blobs (value) VALUES (zeroblob(1000000))").execute(connection).await?;
                Ok(())
            }
            .boxed()
        })
        .await;
    assert!(matches!(full, Err(DirectoryError::Unavailable(_))), "{full:?}");
    insert(&writer, 2).await.unwrap();
    assert_eq!(numbers(&mut reader).await, [1, 2]);
}

#[tokio::test]
async fn a_caller_who_goes_neither_undoes_nor_wedges() {
    let directory = tempfile::tempdir().unwrap();
    let (writer, mut reader) = writer(directory.path()).await;
    let mut gone = Box::pin(insert(&writer, 1));
    assert!(futures::poll!(&mut gone).is_pending());
    drop(gone);
    insert(&writer, 2).await.unwrap();
    assert_eq!(numbers(&mut reader).await, [1, 2]);
}

#[tokio::test]
async fn closing_finishes_what_is_queued_and_frees_the_lock() {
    let directory = tempfile::tempdir().unwrap();
    let (writer, mut reader) = writer(directory.path()).await;
    let lock = File::open(directory.path().join("lock")).unwrap();
    let mut queued: Vec<_> = (0..300).map(|number| Box::pin(insert(&writer, number))).collect();
    for write in &mut queued {
        assert!(futures::poll!(write).is_pending());
    }
    assert!(lock.try_lock().is_err());
    tokio::join!(writer.close(), writer.close());
    assert!(lock.try_lock().is_ok());
    assert_eq!(numbers(&mut reader).await.len(), 300);
    for write in queued {
        write.await.unwrap();
    }
    assert!(matches!(insert(&writer, 1000).await, Err(DirectoryError::Closed)));
}
