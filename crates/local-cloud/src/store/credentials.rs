//! What the platform stores of its credentials: sealed sessions and refresh tokens, which are good to renew once, and the
//! organizations' API keys. All by digests alone.

use rusqlite::{OptionalExtension as _, Row, params};

use super::{Result, Store};
use crate::keys::digest;

pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS credentials (digest TEXT PRIMARY KEY, kind TEXT NOT NULL, session_id TEXT NOT NULL, organization_id TEXT, issued_at INTEGER NOT NULL, used_at INTEGER);
CREATE TABLE IF NOT EXISTS api_keys (id TEXT PRIMARY KEY, digest TEXT UNIQUE NOT NULL, organization_id TEXT NOT NULL, role TEXT NOT NULL, name TEXT NOT NULL, obfuscated TEXT NOT NULL, created_at INTEGER NOT NULL, last_used_at INTEGER);
";

pub(super) const CLEAR: &str = "DELETE FROM credentials; DELETE FROM api_keys;";

/// What renews a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A browser's session.
    Sealed,
    /// A program's.
    Refresh,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Sealed => "sealed",
            Self::Refresh => "refresh",
        }
    }
}

/// A sealed session or a refresh token. Times in milliseconds since the Unix epoch.
#[derive(Clone, Debug)]
pub(crate) struct Credential {
    digest: String,
    pub(crate) session_id: String,
    pub(crate) organization_id: Option<String>,
    pub(crate) issued_at: i64,
    /// When it was first rotated, if it was.
    pub(crate) used_at: Option<i64>,
}

/// An API key of an organization.
#[derive(Clone, Debug)]
pub(crate) struct ApiKey {
    pub(crate) id: String,
    pub(crate) organization_id: String,
    pub(crate) role: String,
    pub(crate) name: String,
    /// As lists show it.
    pub(crate) obfuscated: String,
    pub(crate) created_at: i64,
    pub(crate) last_used_at: Option<i64>,
}

const KEY: &str =
    "SELECT id, organization_id, role, name, obfuscated, created_at, last_used_at FROM api_keys";

impl Store {
    pub(crate) fn add_credential(
        &self,
        kind: Kind,
        secret: &str,
        session_id: &str,
        organization_id: Option<&str>,
        issued_at: i64,
    ) -> Result<()> {
        self.lock().execute(
            "INSERT INTO credentials (digest, kind, session_id, organization_id, issued_at) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![digest(secret), kind.as_str(), session_id, organization_id, issued_at],
        )?;
        Ok(())
    }

    pub(crate) fn credential(&self, kind: Kind, secret: &str) -> Result<Option<Credential>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT digest, session_id, organization_id, issued_at, used_at FROM credentials WHERE digest = ?1 AND kind = ?2",
        )?;
        let row = |row: &Row<'_>| {
            Ok(Credential {
                digest: row.get(0)?,
                session_id: row.get(1)?,
                organization_id: row.get(2)?,
                issued_at: row.get(3)?,
                used_at: row.get(4)?,
            })
        };
        Ok(statement
            .query_row([&digest(secret), kind.as_str()], row)
            .optional()?)
    }

    /// Uses up what renews. Only one caller is told true; within `leeway` milliseconds of that, every caller is.
    pub(crate) fn use_up(&self, credential: &Credential, now: i64, leeway: i64) -> Result<bool> {
        Ok(self.lock().execute(
            "UPDATE credentials SET used_at = COALESCE(used_at, ?2) WHERE digest = ?1 AND (used_at IS NULL OR ?2 < used_at + ?3)",
            params![credential.digest, now, leeway],
        )? > 0)
    }

    pub(crate) fn add_api_key(&self, key: &ApiKey, secret: &str) -> Result<()> {
        self.lock().execute(
            "INSERT INTO api_keys (id, digest, organization_id, role, name, obfuscated, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![key.id, digest(secret), key.organization_id, key.role, key.name, key.obfuscated, key.created_at],
        )?;
        Ok(())
    }

    /// The key of this secret, which is used now.
    pub(crate) fn use_api_key(&self, secret: &str, now: i64) -> Result<Option<ApiKey>> {
        let (connection, digest) = (self.lock(), digest(secret));
        connection.execute(
            "UPDATE api_keys SET last_used_at = ?2 WHERE digest = ?1",
            params![digest, now],
        )?;
        let mut statement = connection.prepare_cached(&format!("{KEY} WHERE digest = ?1"))?;
        Ok(statement.query_row([digest], api_key).optional()?)
    }

    pub(crate) fn api_keys(&self, organization_id: &str) -> Result<Vec<ApiKey>> {
        let connection = self.lock();
        let mut statement = connection
            .prepare_cached(&format!("{KEY} WHERE organization_id = ?1 ORDER BY rowid"))?;
        Ok(statement
            .query_map([organization_id], api_key)?
            .collect::<std::result::Result<_, _>>()?)
    }

    /// Deletes a key; false if the organization has no such one.
    pub(crate) fn remove_api_key(&self, organization_id: &str, id: &str) -> Result<bool> {
        Ok(self.lock().execute(
            "DELETE FROM api_keys WHERE organization_id = ?1 AND id = ?2",
            [organization_id, id],
        )? > 0)
    }
}

fn api_key(row: &Row<'_>) -> rusqlite::Result<ApiKey> {
    Ok(ApiKey {
        id: row.get(0)?,
        organization_id: row.get(1)?,
        role: row.get(2)?,
        name: row.get(3)?,
        obfuscated: row.get(4)?,
        created_at: row.get(5)?,
        last_used_at: row.get(6)?,
    })
}
