//! The Cloud's storage in SQLite, in a file or in memory: people, sessions, codes, keys.
//!
//! Codes and tokens are stored as digests only. One connection behind a lock: every statement is a short look-up or change
//! of one row, so no request holds it for long. Taking a code is one statement that only one caller can win.

mod credentials;
mod organizations;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::keys::{Algorithm, KeyError, PinnedKey, SigningKey, digest, random_id};
use crate::seed::Seed;

pub(crate) use credentials::{ApiKey, Credential, Kind};
pub(crate) use organizations::{Invitation, Member, Membership};

/// The database cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("the database cannot be used: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error(transparent)]
    Key(#[from] KeyError),
}

type Result<T> = std::result::Result<T, StoreError>;

#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) handle: String,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) role: String,
    pub(crate) created_at: i64,
}

/// A session and its user. Times in milliseconds since the Unix epoch.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionRow {
    /// The session's id.
    pub id: String,
    /// The user's id.
    pub user_id: String,
    /// The project's id; in the dialect `platform` the organization's at sign-in, or empty.
    pub project_id: String,
    /// When it was created.
    pub created_at: i64,
    /// When it expires.
    pub expires_at: i64,
    /// When it was ended, if it was.
    pub ended_at: Option<i64>,
}

impl SessionRow {
    /// The organization of a session of the platform.
    pub(crate) fn organization_id(&self) -> Option<&str> {
        Some(&*self.project_id).filter(|id| !id.is_empty())
    }
}

/// The data stored with a code.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) project_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) challenge: Option<String>,
    pub(crate) user_id: String,
    pub(crate) expires_at: i64,
}

/// The result of taking a code.
#[derive(Clone, Debug)]
pub(crate) enum Taken {
    First(SessionRow),
    Refused(Code),
    Again,
    Unknown,
}

pub(crate) struct Store {
    connection: Mutex<Connection>,
}

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS users (id TEXT PRIMARY KEY, handle TEXT UNIQUE NOT NULL, name TEXT NOT NULL, email TEXT NOT NULL, role TEXT NOT NULL, created_at INTEGER NOT NULL, place INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, user_id TEXT NOT NULL, project_id TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, ended_at INTEGER);
CREATE TABLE IF NOT EXISTS codes (digest TEXT PRIMARY KEY, project_id TEXT NOT NULL, redirect_uri TEXT NOT NULL, challenge TEXT, user_id TEXT NOT NULL, expires_at INTEGER NOT NULL, used INTEGER NOT NULL DEFAULT 0, session_id TEXT);
CREATE TABLE IF NOT EXISTS keys (kid TEXT PRIMARY KEY, algorithm TEXT NOT NULL, pkcs8 BLOB NOT NULL, place INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS project_tokens (digest TEXT PRIMARY KEY, project_id TEXT NOT NULL, role TEXT NOT NULL);
";

impl Store {
    pub(crate) fn open(path: Option<&Path>, seed: &Seed, now: i64) -> Result<Self> {
        let connection = match path {
            Some(path) => {
                private(path);
                Connection::open(path)?
            }
            None => Connection::open_in_memory()?,
        };
        for schema in [SCHEMA, credentials::SCHEMA, organizations::SCHEMA] {
            connection.execute_batch(schema)?;
        }
        for (place, person) in seed.people.iter().enumerate() {
            // A role that was changed here survives a restart.
            connection.execute(
                "INSERT INTO users (id, handle, name, email, role, created_at, place) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT DO UPDATE SET name = ?3, email = ?4, place = ?7",
                params![person.id(), person.handle, person.name, person.email, person.role, now, i64::try_from(place).unwrap_or(0)],
            )?;
        }
        organizations::seed(&connection, seed, now)?;
        Ok(Self {
            connection: Mutex::new(connection),
        })
    }

    /// Deletes everything but people and keys, and gives people the seed's roles and organizations again.
    pub(crate) fn reset(&self, seed: &Seed, now: i64) -> Result<()> {
        let connection = self.lock();
        connection.execute_batch(
            "DELETE FROM sessions; DELETE FROM codes; DELETE FROM project_tokens;",
        )?;
        for person in &seed.people {
            let role = [&person.id(), &person.role];
            connection.execute("UPDATE users SET role = ?2 WHERE id = ?1", role)?;
        }
        for clear in [credentials::CLEAR, organizations::CLEAR] {
            connection.execute_batch(clear)?;
        }
        organizations::seed(&connection, seed, now)
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn users(&self) -> Result<Vec<User>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT id, handle, name, email, role, created_at FROM users ORDER BY place",
        )?;
        Ok(statement
            .query_map([], user)?
            .collect::<std::result::Result<_, _>>()?)
    }

    pub(crate) fn user(&self, id: &str) -> Result<Option<User>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT id, handle, name, email, role, created_at FROM users WHERE id = ?1",
        )?;
        Ok(statement.query_row([id], user).optional()?)
    }

    pub(crate) fn set_role(&self, id: &str, role: &str) -> Result<bool> {
        Ok(self
            .lock()
            .execute("UPDATE users SET role = ?2 WHERE id = ?1", [id, role])?
            > 0)
    }

    pub(crate) fn add_session(&self, row: &SessionRow) -> Result<()> {
        insert_session(&self.lock(), row)
    }

    pub(crate) fn session(&self, id: &str) -> Result<Option<SessionRow>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT id, user_id, project_id, created_at, expires_at, ended_at FROM sessions WHERE id = ?1",
        )?;
        Ok(statement.query_row([id], session).optional()?)
    }

    pub(crate) fn sessions(&self) -> Result<Vec<SessionRow>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT id, user_id, project_id, created_at, expires_at, ended_at FROM sessions ORDER BY created_at DESC, rowid DESC LIMIT 200",
        )?;
        Ok(statement
            .query_map([], session)?
            .collect::<std::result::Result<_, _>>()?)
    }

    /// Ends a session; false if it is unknown or already ended.
    pub(crate) fn end_session(&self, id: &str, now: i64) -> Result<bool> {
        Ok(self.lock().execute(
            "UPDATE sessions SET ended_at = ?2 WHERE id = ?1 AND ended_at IS NULL",
            params![id, now],
        )? > 0)
    }

    /// Ends all sessions of a user and returns their number.
    pub(crate) fn end_sessions_of(&self, user_id: &str, now: i64) -> Result<usize> {
        Ok(self.lock().execute(
            "UPDATE sessions SET ended_at = ?2 WHERE user_id = ?1 AND ended_at IS NULL",
            params![user_id, now],
        )?)
    }

    pub(crate) fn add_code(&self, code: &str, kept: &Code) -> Result<()> {
        let connection = self.lock();
        connection.execute(
            "DELETE FROM codes WHERE expires_at < ?1",
            [kept.expires_at - 3_600_000],
        )?;
        connection.execute(
            "INSERT INTO codes (digest, project_id, redirect_uri, challenge, user_id, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![digest(code), kept.project_id, kept.redirect_uri, kept.challenge, kept.user_id, kept.expires_at],
        )?;
        Ok(())
    }

    /// Takes a code. Only the first caller gets it, and `accept` turns it into a session under the same lock. A later
    /// caller ends that session.
    pub(crate) fn take_code(
        &self,
        code: &str,
        now: i64,
        accept: impl FnOnce(&Code) -> Option<SessionRow>,
    ) -> Result<Taken> {
        let connection = self.lock();
        let digest = digest(code);
        let first = connection.execute(
            "UPDATE codes SET used = 1 WHERE digest = ?1 AND used = 0",
            [&digest],
        )? > 0;
        let row = connection
            .query_row(
                "SELECT project_id, redirect_uri, challenge, user_id, expires_at, session_id FROM codes WHERE digest = ?1",
                [&digest],
                |row| {
                    let code = Code {
                        project_id: row.get(0)?,
                        redirect_uri: row.get(1)?,
                        challenge: row.get(2)?,
                        user_id: row.get(3)?,
                        expires_at: row.get(4)?,
                    };
                    Ok((code, row.get::<_, Option<String>>(5)?))
                },
            )
            .optional()?;
        match row {
            None => Ok(Taken::Unknown),
            Some((code, _)) if first => {
                let Some(session) = accept(&code) else {
                    return Ok(Taken::Refused(code));
                };
                insert_session(&connection, &session)?;
                connection.execute(
                    "UPDATE codes SET session_id = ?2 WHERE digest = ?1",
                    [&digest, &session.id],
                )?;
                Ok(Taken::First(session))
            }
            Some((_, session_id)) => {
                connection.execute(
                    "UPDATE sessions SET ended_at = ?2 WHERE id = ?1 AND ended_at IS NULL",
                    params![session_id, now],
                )?;
                Ok(Taken::Again)
            }
        }
    }

    /// All keys, newest first; creates one if there is none. A pinned key comes before them, until the next rotation.
    pub(crate) fn keys(
        &self,
        algorithm: Algorithm,
        pinned: Option<&PinnedKey>,
    ) -> Result<Vec<Arc<SigningKey>>> {
        let mut keys = self.read_keys()?;
        if let Some(PinnedKey(pinned)) = pinned {
            keys.insert(0, Arc::clone(pinned));
            return Ok(keys);
        }
        if keys.first().is_some_and(|key| key.algorithm == algorithm) {
            return Ok(keys);
        }
        self.rotate(algorithm)
    }

    /// All keys of the database, with a new one before the others.
    pub(crate) fn rotate(&self, algorithm: Algorithm) -> Result<Vec<Arc<SigningKey>>> {
        let (key, pkcs8) = SigningKey::generate(algorithm)?;
        self.lock().execute(
            "INSERT INTO keys (kid, algorithm, pkcs8, place) VALUES (?1, ?2, ?3, (SELECT COALESCE(MAX(place), 0) + 1 FROM keys))",
            params![key.kid, algorithm.as_str(), pkcs8],
        )?;
        self.read_keys()
    }

    fn read_keys(&self) -> Result<Vec<Arc<SigningKey>>> {
        let connection = self.lock();
        let mut statement = connection
            .prepare_cached("SELECT kid, algorithm, pkcs8 FROM keys ORDER BY place DESC")?;
        let rows = statement.query_map([], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, Vec<u8>>(2)?,
            ))
        })?;
        rows.map(|row| {
            let (kid, algorithm, pkcs8) = row?;
            let algorithm = Algorithm::parse(&algorithm).ok_or(KeyError)?;
            Ok(Arc::new(SigningKey::read(kid, algorithm, &pkcs8)?))
        })
        .collect()
    }

    pub(crate) fn add_project_token(
        &self,
        token: &str,
        project_id: &str,
        role: &str,
    ) -> Result<()> {
        self.lock().execute(
            "INSERT INTO project_tokens (digest, project_id, role) VALUES (?1, ?2, ?3)",
            [&digest(token), project_id, role],
        )?;
        Ok(())
    }

    /// Project and role of a project API token.
    pub(crate) fn project_token(&self, token: &str) -> Result<Option<(String, String)>> {
        let connection = self.lock();
        let mut statement = connection
            .prepare_cached("SELECT project_id, role FROM project_tokens WHERE digest = ?1")?;
        Ok(statement
            .query_row([digest(token)], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?)
    }
}

/// Makes the file readable for its owner alone, since it holds the signing keys. SQLite reports any failure.
fn private(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        let _ = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path);
    }
    #[cfg(not(unix))]
    let _ = path;
}

fn insert_session(connection: &Connection, row: &SessionRow) -> Result<()> {
    connection.execute(
        "INSERT INTO sessions (id, user_id, project_id, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![row.id, row.user_id, row.project_id, row.created_at, row.expires_at],
    )?;
    Ok(())
}

pub(crate) fn new_session_id() -> Result<String> {
    Ok(random_id("ses_")?)
}

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: row.get(0)?,
        handle: row.get(1)?,
        name: row.get(2)?,
        email: row.get(3)?,
        role: row.get(4)?,
        created_at: row.get(5)?,
    })
}

fn session(row: &Row<'_>) -> rusqlite::Result<SessionRow> {
    Ok(SessionRow {
        id: row.get(0)?,
        user_id: row.get(1)?,
        project_id: row.get(2)?,
        created_at: row.get(3)?,
        expires_at: row.get(4)?,
        ended_at: row.get(5)?,
    })
}
