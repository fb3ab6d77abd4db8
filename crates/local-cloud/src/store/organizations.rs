//! The platform's organizations, their members and invitations.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{Result, Store, User};
use crate::keys::random_id;
use crate::seed::Seed;

pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS organizations (id TEXT PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS members (id TEXT PRIMARY KEY, organization_id TEXT NOT NULL, user_id TEXT NOT NULL, role TEXT NOT NULL, created_at INTEGER NOT NULL, UNIQUE (organization_id, user_id));
CREATE TABLE IF NOT EXISTS invitations (id TEXT PRIMARY KEY, organization_id TEXT NOT NULL, email TEXT NOT NULL, role TEXT NOT NULL, state TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL);
";

pub(super) const CLEAR: &str =
    "DELETE FROM organizations; DELETE FROM members; DELETE FROM invitations;";

/// An organization of a person, with the person's role there.
#[derive(Clone, Debug)]
pub(crate) struct Membership {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) role: String,
}

/// A member of an organization.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) id: String,
    pub(crate) role: String,
    pub(crate) created_at: i64,
    pub(crate) user: User,
}

#[derive(Clone, Debug)]
pub(crate) struct Invitation {
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) role: String,
    pub(crate) state: String,
    pub(crate) created_at: i64,
    pub(crate) expires_at: i64,
}

/// Adds the seed's organizations that are not there yet. Who was removed from one that is there stays removed.
pub(super) fn seed(connection: &Connection, seed: &Seed, now: i64) -> Result<()> {
    for organization in &seed.organizations {
        let is_new = connection.execute(
            "INSERT INTO organizations (id, name) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            [&organization.id, &organization.name],
        )? > 0;
        let members = organization.members.iter().filter(|_| is_new);
        for (handle, role) in members {
            if let Some(person) = seed.find(handle) {
                add_member(connection, &organization.id, &person.id(), role, now)?;
            }
        }
    }
    Ok(())
}

fn add_member(
    connection: &Connection,
    organization_id: &str,
    user_id: &str,
    role: &str,
    now: i64,
) -> Result<()> {
    connection.execute(
        "INSERT INTO members (id, organization_id, user_id, role, created_at) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
        params![random_id("om_")?, organization_id, user_id, role, now],
    )?;
    Ok(())
}

impl Store {
    /// A person's organizations, oldest first.
    pub(crate) fn organizations_of(&self, user_id: &str) -> Result<Vec<Membership>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT o.id, o.name, m.role FROM organizations o JOIN members m ON m.organization_id = o.id WHERE m.user_id = ?1 ORDER BY o.rowid",
        )?;
        let row = |row: &Row<'_>| {
            Ok(Membership {
                id: row.get(0)?,
                name: row.get(1)?,
                role: row.get(2)?,
            })
        };
        Ok(statement
            .query_map([user_id], row)?
            .collect::<std::result::Result<_, _>>()?)
    }

    /// The id of the oldest organization.
    pub(crate) fn first_organization(&self) -> Result<Option<String>> {
        Ok(self
            .lock()
            .query_row(
                "SELECT id FROM organizations ORDER BY rowid LIMIT 1",
                [],
                |row| row.get(0),
            )
            .optional()?)
    }

    pub(crate) fn organization_name(&self, id: &str) -> Result<Option<String>> {
        let connection = self.lock();
        let mut statement =
            connection.prepare_cached("SELECT name FROM organizations WHERE id = ?1")?;
        Ok(statement.query_row([id], |row| row.get(0)).optional()?)
    }

    /// Creates an organization with one member, an admin, and returns its id.
    pub(crate) fn add_organization(&self, name: &str, user_id: &str, now: i64) -> Result<String> {
        let (connection, id) = (self.lock(), random_id("org_")?);
        connection.execute(
            "INSERT INTO organizations (id, name) VALUES (?1, ?2)",
            [&id, name],
        )?;
        add_member(&connection, &id, user_id, "admin", now)?;
        Ok(id)
    }

    pub(crate) fn rename_organization(&self, id: &str, name: &str) -> Result<()> {
        self.lock().execute(
            "UPDATE organizations SET name = ?2 WHERE id = ?1",
            [id, name],
        )?;
        Ok(())
    }

    pub(crate) fn members(&self, organization_id: &str) -> Result<Vec<Member>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT u.id, u.handle, u.name, u.email, u.role, u.created_at, m.id, m.role, m.created_at
             FROM members m JOIN users u ON u.id = m.user_id WHERE m.organization_id = ?1 ORDER BY m.rowid",
        )?;
        let row = |row: &Row<'_>| {
            Ok(Member {
                user: super::user(row)?,
                id: row.get(6)?,
                role: row.get(7)?,
                created_at: row.get(8)?,
            })
        };
        Ok(statement
            .query_map([organization_id], row)?
            .collect::<std::result::Result<_, _>>()?)
    }

    /// Changes a member's role; false if the organization has no such member.
    pub(crate) fn set_member_role(
        &self,
        organization_id: &str,
        id: &str,
        role: &str,
    ) -> Result<bool> {
        Ok(self.lock().execute(
            "UPDATE members SET role = ?3 WHERE organization_id = ?1 AND id = ?2",
            [organization_id, id, role],
        )? > 0)
    }

    /// Changes a person's role in each organization of theirs; false if there is none.
    pub(crate) fn set_role_everywhere(&self, user_id: &str, role: &str) -> Result<bool> {
        Ok(self.lock().execute(
            "UPDATE members SET role = ?2 WHERE user_id = ?1",
            [user_id, role],
        )? > 0)
    }

    /// Removes a member; false if the organization has no such member.
    pub(crate) fn remove_member(&self, organization_id: &str, id: &str) -> Result<bool> {
        Ok(self.lock().execute(
            "DELETE FROM members WHERE organization_id = ?1 AND id = ?2",
            [organization_id, id],
        )? > 0)
    }

    /// Removes a person from an organization; false if the person is no member of it.
    pub(crate) fn leave(&self, organization_id: &str, user_id: &str) -> Result<bool> {
        Ok(self.lock().execute(
            "DELETE FROM members WHERE organization_id = ?1 AND user_id = ?2",
            [organization_id, user_id],
        )? > 0)
    }

    /// Makes a person a member, or changes the member's role; false if there is no such organization or person.
    pub(crate) fn join(
        &self,
        organization_id: &str,
        user_id: &str,
        role: &str,
        now: i64,
    ) -> Result<bool> {
        Ok(self.lock().execute(
            "INSERT INTO members (id, organization_id, user_id, role, created_at)
             SELECT ?1, o.id, u.id, ?4, ?5 FROM organizations o, users u WHERE o.id = ?2 AND u.id = ?3
             ON CONFLICT (organization_id, user_id) DO UPDATE SET role = ?4",
            params![random_id("om_")?, organization_id, user_id, role, now],
        )? > 0)
    }

    pub(crate) fn add_invitation(&self, organization_id: &str, one: &Invitation) -> Result<()> {
        self.lock().execute(
            "INSERT INTO invitations (id, organization_id, email, role, state, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![one.id, organization_id, one.email, one.role, one.state, one.created_at, one.expires_at],
        )?;
        Ok(())
    }

    pub(crate) fn invitations(&self, organization_id: &str) -> Result<Vec<Invitation>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT id, email, role, state, created_at, expires_at FROM invitations WHERE organization_id = ?1 ORDER BY rowid",
        )?;
        let row = |row: &Row<'_>| {
            Ok(Invitation {
                id: row.get(0)?,
                email: row.get(1)?,
                role: row.get(2)?,
                state: row.get(3)?,
                created_at: row.get(4)?,
                expires_at: row.get(5)?,
            })
        };
        Ok(statement
            .query_map([organization_id], row)?
            .collect::<std::result::Result<_, _>>()?)
    }

    /// Revokes an invitation; false if the organization has no such one.
    pub(crate) fn remove_invitation(&self, organization_id: &str, id: &str) -> Result<bool> {
        Ok(self.lock().execute(
            "DELETE FROM invitations WHERE organization_id = ?1 AND id = ?2",
            [organization_id, id],
        )? > 0)
    }

    /// Makes a person a member wherever their address is invited.
    pub(crate) fn accept_invitations(&self, user: &User, now: i64) -> Result<()> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "UPDATE invitations SET state = 'accepted' WHERE email = ?1 COLLATE NOCASE AND state = 'pending' AND ?2 < expires_at RETURNING organization_id, role",
        )?;
        let accepted = statement
            .query_map(params![user.email, now], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
            })?
            .collect::<std::result::Result<Vec<_>, _>>()?;
        for (organization_id, role) in accepted {
            add_member(&connection, &organization_id, &user.id, &role, now)?;
        }
        Ok(())
    }
}
