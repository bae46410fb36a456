//! What the portal asks of its database: one function a question, each one round trip.
//!
//! The database is the clock as well (`unixepoch`), so that validity means the same before and after
//! a restart; and the source of randomness for OTPs, transactions and tokens (`randomblob`).

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Result, TransactionBehavior, params};

use super::otp::{Issued, Verdict};

const NOW_MS: &str = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

/// How long a token opens the door. History: about 15 minutes.
const TOKEN_VALIDITY: Duration = Duration::from_secs(900);

/// A login that has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Login {
    /// Names the transaction.
    pub(super) txn: String,
    /// Goes out by SMS, and nowhere else.
    pub(super) otp: String,
}

/// How a confirmation ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Confirmed {
    /// The token that opens the door.
    Token(String),
    /// Wrong OTP or unknown transaction.
    Wrong,
    /// Too late.
    Expired,
}

/// A row of `certificate`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(super) struct Certificate {
    id: i64,
    name: String,
    vaccine: String,
    dose: i64,
    given_on: String,
    center: String,
}

/// A row of `session`: doses at a centre on a day.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(super) struct Session {
    center: String,
    day: String,
    doses: i64,
}

/// Begins a login. While an OTP of the same mobile is in flight, a resend repeats it, so that
/// whichever message arrives first confirms whichever transaction the citizen holds.
pub(super) fn begin_login(db: &mut Connection, mobile: &str, validity: Duration) -> Result<Login> {
    let sql = format!(
        "INSERT INTO login (txn, mobile, otp, issued_ms)
         SELECT lower(hex(randomblob(16))), ?1,
                coalesce((SELECT otp FROM login WHERE mobile = ?1 AND token IS NULL
                          AND issued_ms > {NOW_MS} - ?2 ORDER BY issued_ms DESC LIMIT 1),
                         printf('%06d', abs(random() % 1000000))),
                {NOW_MS}
         RETURNING txn, otp"
    );
    changing(db, |db| {
        db.prepare_cached(&sql)?
            .query_row(params![mobile, millis(validity)], |row| {
                Ok(Login {
                    txn: row.get(0)?,
                    otp: row.get(1)?,
                })
            })
    })
}

/// Makes a change that says something of what it changed. By itself such a statement would be committed
/// when it is put away, after its first row was read, where nobody hears that the disk was full.
fn changing<T>(db: &mut Connection, change: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
    let open = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let changed = change(&open)?;
    open.commit()?;
    Ok(changed)
}

/// Confirms a login. Asking again with the same right OTP gives the same token: a client whose
/// answer was lost may repeat itself.
pub(super) fn confirm(
    db: &mut Connection,
    txn: &str,
    typed: &str,
    validity: Duration,
) -> Result<Confirmed> {
    changing(db, |db| {
        let found = db
            .prepare_cached(&format!(
                "SELECT otp, issued_ms, {NOW_MS} FROM login WHERE txn = ?1"
            ))?
            .query_row([txn], |row| {
                let issued = Issued {
                    otp: row.get(0)?,
                    at_ms: row.get(1)?,
                };
                Ok(issued.judge(typed, row.get(2)?, validity))
            })
            .optional()?;
        Ok(match found {
            None | Some(Verdict::Wrong) => Confirmed::Wrong,
            Some(Verdict::Expired) => Confirmed::Expired,
            Some(Verdict::Accepted) => Confirmed::Token(
                db.prepare_cached(
                    "UPDATE login SET token = coalesce(token, lower(hex(randomblob(16))))
                     WHERE txn = ?1 RETURNING token",
                )?
                .query_row([txn], |row| row.get(0))?,
            ),
        })
    })
}

/// Stores a beneficiary for the holder of a token; `None` when the token opens no door. The same
/// person registered again keeps their number, so that a repeated request does no double work.
pub(super) fn register(
    db: &mut Connection,
    token: &str,
    name: &str,
    year_of_birth: i64,
) -> Result<Option<i64>> {
    let sql = format!(
        "INSERT INTO beneficiary (mobile, name, year_of_birth, registered_ms)
         SELECT mobile, ?2, ?3, {NOW_MS} FROM login
         WHERE token = ?1 AND issued_ms > {NOW_MS} - ?4
         ON CONFLICT (mobile, name, year_of_birth) DO UPDATE SET name = excluded.name
         RETURNING id"
    );
    changing(db, |db| {
        db.prepare_cached(&sql)?
            .query_row(
                params![token, name, year_of_birth, millis(TOKEN_VALIDITY)],
                |row| row.get(0),
            )
            .optional()
    })
}

/// The sessions published for a postal code.
pub(super) fn sessions(db: &mut Connection, pin: &str) -> Result<Vec<Session>> {
    db.prepare_cached("SELECT center, day, doses FROM session WHERE pin = ?1 ORDER BY day, center")?
        .query_map([pin], |row| {
            Ok(Session {
                center: row.get(0)?,
                day: row.get(1)?,
                doses: row.get(2)?,
            })
        })?
        .collect()
}

/// One certificate.
pub(super) fn certificate(db: &mut Connection, id: i64) -> Result<Option<Certificate>> {
    db.prepare_cached(
        "SELECT id, name, vaccine, dose, given_on, center FROM certificate WHERE id = ?1",
    )?
    .query_row([id], |row| {
        Ok(Certificate {
            id: row.get(0)?,
            name: row.get(1)?,
            vaccine: row.get(2)?,
            dose: row.get(3)?,
            given_on: row.get(4)?,
            center: row.get(5)?,
        })
    })
    .optional()
}

/// Whether the database answers: reads a page of it.
pub(super) fn ping(db: &mut Connection) -> Result<()> {
    db.prepare_cached("SELECT id FROM certificate WHERE id = 1")?
        .query_row([], |row| row.get::<_, i64>(0))
        .map(drop)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::schema;
    use super::*;

    const VALIDITY: Duration = Duration::from_secs(180);

    fn with_db(check: impl FnOnce(&mut Connection)) {
        let folder = tempfile::tempdir().unwrap();
        let mut connections = schema::open(&folder.path().join("portal.db"), 1).unwrap();
        check(&mut connections[0]);
    }

    #[test]
    fn a_login_is_confirmed_once_and_again_with_the_same_token() {
        with_db(|db| {
            let login = begin_login(db, "9000000001", VALIDITY).unwrap();
            assert_eq!(login.otp.len(), 6);
            let wrong = if login.otp == "000000" {
                "000001"
            } else {
                "000000"
            };
            assert_eq!(
                confirm(db, &login.txn, wrong, VALIDITY).unwrap(),
                Confirmed::Wrong
            );
            assert_eq!(
                confirm(db, "nobody", &login.otp, VALIDITY).unwrap(),
                Confirmed::Wrong
            );
            let first = confirm(db, &login.txn, &login.otp, VALIDITY).unwrap();
            assert!(matches!(&first, Confirmed::Token(token) if token.len() == 32));
            assert_eq!(
                confirm(db, &login.txn, &login.otp, VALIDITY).unwrap(),
                first
            );
        });
    }

    #[test]
    fn an_otp_dies_with_its_validity() {
        with_db(|db| {
            let login = begin_login(db, "9000000001", VALIDITY).unwrap();
            db.execute("UPDATE login SET issued_ms = issued_ms - 180000", [])
                .unwrap();
            assert_eq!(
                confirm(db, &login.txn, &login.otp, VALIDITY).unwrap(),
                Confirmed::Expired
            );
        });
    }

    #[test]
    fn a_resend_does_not_void_the_otp_in_flight() {
        with_db(|db| {
            let first = begin_login(db, "9000000001", VALIDITY).unwrap();
            let again = begin_login(db, "9000000001", VALIDITY).unwrap();
            assert_eq!(
                again.otp, first.otp,
                "the same code, whichever message arrives"
            );
            assert_ne!(again.txn, first.txn);
            for login in [&first, &again] {
                let confirmed = confirm(db, &login.txn, &first.otp, VALIDITY).unwrap();
                assert!(matches!(confirmed, Confirmed::Token(_)));
            }
        });
    }

    #[test]
    fn a_registration_needs_a_token_and_happens_once() {
        with_db(|db| {
            let login = begin_login(db, "9000000001", VALIDITY).unwrap();
            let Confirmed::Token(token) = confirm(db, &login.txn, &login.otp, VALIDITY).unwrap()
            else {
                panic!("not confirmed")
            };
            assert_eq!(register(db, "forged", "Asha", 1990).unwrap(), None);
            let asha = register(db, &token, "Asha", 1990).unwrap();
            assert!(asha.is_some());
            assert_eq!(register(db, &token, "Asha", 1990).unwrap(), asha);
            assert_ne!(register(db, &token, "Ravi", 1988).unwrap(), asha);
            db.execute("UPDATE login SET issued_ms = issued_ms - 900000", [])
                .unwrap();
            assert_eq!(register(db, &token, "Late", 1990).unwrap(), None);
        });
    }

    #[test]
    fn certificates_are_there_and_slots_are_honestly_empty() {
        with_db(|db| {
            assert_eq!(certificate(db, 1).unwrap().unwrap().id, 1);
            assert!(certificate(db, schema::CERTIFICATES).unwrap().is_some());
            assert_eq!(certificate(db, schema::CERTIFICATES + 1).unwrap(), None);
            assert_eq!(sessions(db, "110001").unwrap(), []);
            db.execute(
                "INSERT INTO session VALUES (1, '110001', 'AIIMS', '2021-05-01', 3)",
                [],
            )
            .unwrap();
            assert_eq!(sessions(db, "110001").unwrap().len(), 1);
            ping(db).unwrap();
        });
    }

    #[test]
    fn what_was_acknowledged_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("portal.db");
        let login = {
            let mut connections = schema::open(&path, 2).unwrap();
            let login = begin_login(&mut connections[1], "9000000001", VALIDITY).unwrap();
            // A killed process closes nothing: the log is left as it is.
            connections.into_iter().for_each(std::mem::forget);
            login
        };
        let mut connections = schema::open(&path, 1).unwrap();
        let confirmed = confirm(&mut connections[0], &login.txn, &login.otp, VALIDITY).unwrap();
        assert!(matches!(confirmed, Confirmed::Token(_)));
    }
}
