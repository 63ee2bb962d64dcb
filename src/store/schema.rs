//! The schema and its versions.
//!
//! A fresh file gets `sql/schema.sql` at once; an older one is brought up by `sql/migrations/NNN_verb_noun.sql`,
//! one transaction each, after a backup beside the database. A released migration is never edited, and each
//! released schema is kept with data in `sql/released/`, so that a test can bring every one of them up.

use crate::error::OpenError;
use crate::files::DatabaseFiles;
use rusqlite::{Connection, TransactionBehavior};
use std::path::{Path, PathBuf};

/// The schema of a fresh file, at [`VERSION`].
pub(crate) const SCHEMA: &str = include_str!("sql/schema.sql");
/// The version that this build writes.
pub(crate) const VERSION: u32 = 5;
/// `XRDS`: tells the file from other SQLite databases.
const APPLICATION_ID: i32 = 0x5852_4453;

/// One step from a version to the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Migration {
    /// The version that it makes.
    pub to: u32,
    /// What it runs.
    pub sql: &'static str,
}

/// Every step ever released, in order.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration { to: 2, sql: include_str!("sql/migrations/002_find_receipt_keep_unreadable.sql") },
    Migration { to: 3, sql: include_str!("sql/migrations/003_lives_and_digests.sql") },
    Migration { to: 4, sql: include_str!("sql/migrations/004_keep_spare_config.sql") },
    Migration { to: 5, sql: include_str!("sql/migrations/005_keep_counted_list_and_packs.sql") },
];

/// Makes or brings up the schema. `path` is where the backup goes beside.
pub(crate) fn bring_up(
    connection: &mut Connection,
    files: &dyn DatabaseFiles,
    path: &Path,
    schema: &str,
    migrations: &[Migration],
    version: u32,
) -> Result<(), OpenError> {
    let failed = |during| move |source| sqlite_failed(during, source);
    let found: u32 = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(failed("reading the version"))?;
    if found > version {
        return Err(OpenError::Newer { found, supported: version });
    }
    if found == 0 {
        return run(connection, schema, version).map_err(failed("making the schema"));
    }
    if found < version {
        back_up(connection, files, path, found)?;
    }
    for migration in migrations.iter().filter(|step| step.to > found && step.to <= version) {
        run(connection, migration.sql, migration.to).map_err(failed("migrating"))?;
        tracing::info!(version = migration.to, "the database was migrated");
    }
    Ok(())
}

/// Runs a script and sets the version in one transaction: after a crash it is either all there or not at all.
fn run(connection: &mut Connection, sql: &str, version: u32) -> Result<(), rusqlite::Error> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute_batch(sql)?;
    tx.pragma_update(None, "user_version", version)?;
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    tx.commit()
}

/// Where the backup of version `found` lies.
fn backup_path(path: &Path, found: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".before-migration-from-v{found}"));
    PathBuf::from(name)
}

/// Copies the database, encrypted with the same key, before a migration touches it. A copy left by a run that
/// was interrupted is made again: the database it was made of has not changed its version since.
fn back_up(
    connection: &Connection,
    files: &dyn DatabaseFiles,
    path: &Path,
    found: u32,
) -> Result<(), OpenError> {
    let backup = backup_path(path, found);
    match files.remove(&backup) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(OpenError::io("replace the backup", &backup)(error));
        }
        _ => {}
    }
    let name = backup.to_string_lossy();
    connection
        .execute("VACUUM INTO ?1", [name.as_ref()])
        .map_err(|source| sqlite_failed("backing up before a migration", source))?;
    files.flush(&backup).map_err(OpenError::io("flush the backup", &backup))
}

fn sqlite_failed(during: &'static str, source: rusqlite::Error) -> OpenError {
    match source.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DiskFull) => OpenError::DiskFull(Box::new(source)),
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
            OpenError::Damaged { quarantined_to: None, detail: format!("{during}: {source}") }
        }
        _ => OpenError::Sqlite { during, source },
    }
}
