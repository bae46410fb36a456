//! The database: its file, its tables, and the rows that it starts with.

use std::fs::DirBuilder;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;

use super::config::Database;
use crate::stage::StageError;

/// Certificates that exist from the start: ids 1 to 1000.
pub(super) const CERTIFICATES: i64 = 1000;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS login (
        txn TEXT PRIMARY KEY, mobile TEXT NOT NULL, otp TEXT NOT NULL,
        issued_ms INTEGER NOT NULL, token TEXT UNIQUE
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS login_of_mobile ON login (mobile, issued_ms);
    CREATE TABLE IF NOT EXISTS beneficiary (
        id INTEGER PRIMARY KEY, mobile TEXT NOT NULL, name TEXT NOT NULL,
        year_of_birth INTEGER NOT NULL, registered_ms INTEGER NOT NULL,
        UNIQUE (mobile, name, year_of_birth)
    ) STRICT;
    CREATE TABLE IF NOT EXISTS session (
        id INTEGER PRIMARY KEY, pin TEXT NOT NULL, center TEXT NOT NULL,
        day TEXT NOT NULL, doses INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS session_of_pin ON session (pin);
    CREATE TABLE IF NOT EXISTS certificate (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL, vaccine TEXT NOT NULL,
        dose INTEGER NOT NULL, given_on TEXT NOT NULL, center TEXT NOT NULL
    ) STRICT;";

const SEED: &str = "
    WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < ?1)
    INSERT OR IGNORE INTO certificate (id, name, vaccine, dose, given_on, center)
    SELECT id, printf('Beneficiary %04d', id),
           CASE id % 2 WHEN 0 THEN 'Covaxin' ELSE 'Covishield' END, 1 + id % 2,
           date('2021-03-01', printf('+%d days', id % 58)), printf('Centre %02d', id % 40)
    FROM n";

/// Logins older than this are of no use to anybody: OTPs live for minutes.
const FORGET_LOGINS: &str =
    "DELETE FROM login WHERE issued_ms < CAST(unixepoch('subsec') * 1000 AS INTEGER) - 86400000";

/// Where the database of a portal on `address` lives; makes the private folder that it needs.
pub(super) fn locate(database: &Database, address: SocketAddr) -> Result<PathBuf, StageError> {
    match database {
        Database::File(path) => Ok(path.clone()),
        Database::OfPort => {
            let user = rustix::process::getuid().as_raw();
            let folder =
                std::env::temp_dir().join(format!("brownout-cowin-{user}-{}", address.port()));
            private_folder(&folder, user).map_err(|source| StageError::Folder {
                path: folder.clone(),
                source,
            })?;
            Ok(folder.join("portal.db"))
        }
    }
}

/// Temporary folders are shared: one that someone else has put there under our name is refused.
fn private_folder(folder: &Path, user: u32) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = std::fs::symlink_metadata(folder)?;
    if found.is_dir() && found.uid() == user {
        Ok(())
    } else {
        Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "it belongs to somebody else",
        ))
    }
}

/// Opens `count` connections to a database that is up to date.
///
/// Write-ahead log with `synchronous = OFF`: what was committed survives the death of the process at
/// any instant. A power cut may cost it, which no rehearsal causes; but a disk that other work on the
/// machine keeps busy must not decide how the portal breaks.
pub(super) fn open(path: &Path, count: usize) -> Result<Vec<Connection>, StageError> {
    let one = || -> rusqlite::Result<Connection> {
        let connection = Connection::open(path)?;
        // Only another process can hold the write lock for long: ours takes turns.
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA cache_size = -512;",
        )?;
        Ok(connection)
    };
    let all = || -> rusqlite::Result<Vec<Connection>> {
        let mut first = one()?;
        let change = first.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        change.execute_batch(TABLES)?;
        change.execute(SEED, [CERTIFICATES])?;
        change.execute(FORGET_LOGINS, [])?;
        change.commit()?;
        let mut connections = vec![first];
        while connections.len() < count {
            connections.push(one()?);
        }
        Ok(connections)
    };
    all().map_err(|source| StageError::Database {
        path: path.to_owned(),
        source,
    })
}
