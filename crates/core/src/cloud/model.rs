//! Users and sessions as the Cloud knows them, parsed strictly from its answers.
//!
//! Made only from verified data: from an answer, by the operations alone, or from a token whose signature was verified.
//! `Debug` shows ids and roles, never an e-mail address, a name or the token. Absent roles are no roles: nothing is made up.
//!
//! Only a user's id is required. Any other member that is missing or has the wrong type counts as absent. An odd member of
//! one account must not pass for an outage, and never adds a role.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::dialect::SessionShape;
use crate::encoding::{hex, sha256};
use crate::error::CloudApiError;
use crate::ids::{OrganizationId, SessionId, UserId};
use crate::json::{self, BadMember, Object};
use crate::jwt::{Claims, Verified};
use crate::secret::SessionToken;
use crate::time::Timestamp;

/// A signed-in person or machine. Made from the Cloud's answer or from a verified token alone. Only the [`id`](Self::id) identifies a
/// user: name, e-mail address and picture are for display. `Debug` shows ids and roles, and neither name, e-mail address nor token.
#[derive(Clone)]
pub struct CloudUser {
    id: UserId,
    email: Box<str>,
    name: Option<Box<str>>,
    avatar_url: Option<Box<str>>,
    created_at: Option<Timestamp>,
    /// Boxed, for few accounts have some.
    metadata: Option<Box<Map<String, Value>>>,
    roles: Arc<[String]>,
    membership: Option<Box<Membership>>,
    session_token: SessionToken,
}

/// The organizations of a user.
#[derive(Clone, Debug)]
struct Membership {
    organization: Option<OrganizationId>,
    members_of: Box<[OrganizationId]>,
}

impl CloudUser {
    /// The Cloud's id. With the project it identifies the user; nothing else does.
    pub const fn id(&self) -> &UserId {
        &self.id
    }

    /// The e-mail address: for display, not for decisions. Empty for a machine.
    pub fn email(&self) -> &str {
        &self.email
    }

    /// The name for display; none where the Cloud has none.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The URL of the picture for display, unchecked: do not fetch it from a server.
    pub fn avatar_url(&self) -> Option<&str> {
        self.avatar_url.as_deref()
    }

    /// When the account was created, where the dialect states it.
    pub const fn created_at(&self) -> Option<Timestamp> {
        self.created_at
    }

    /// Further data that the Cloud stores with the account.
    pub fn metadata(&self) -> Option<&Map<String, Value>> {
        self.metadata.as_deref()
    }

    /// The roles that the Cloud assigned, in dialect `platform` the one role in the organization; may be empty.
    pub fn roles(&self) -> &[String] {
        &self.roles
    }

    /// Whether the user has this role, compared byte by byte.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|has| has == role)
    }

    /// The organization that the user has chosen, where the dialect has organizations and the user has one.
    pub fn organization(&self) -> Option<&OrganizationId> {
        self.membership.as_ref()?.organization.as_ref()
    }

    /// The organization that the user acts for: the chosen one, or in a dialect without organizations the user's own, which is
    /// `user:` and the user's id. None where the dialect has organizations and the user has none.
    pub fn acting_organization(&self) -> Option<OrganizationId> {
        match &self.membership {
            Some(membership) => membership.organization.clone(),
            None => Some(OrganizationId::of_user(&self.id)),
        }
    }

    /// The organizations that the user is a member of.
    pub fn member_of(&self) -> &[OrganizationId] {
        self.membership.as_ref().map_or(&[], |it| &it.members_of)
    }

    /// Whether the user is a member of this organization.
    pub fn is_member_of(&self, organization: &OrganizationId) -> bool {
        self.member_of().contains(organization)
    }

    /// This user in another of their organizations. The Cloud's roles are those in the chosen one, so there are none here.
    ///
    /// # Errors
    ///
    /// `organization_forbidden` where the user is not a member.
    pub fn in_organization(&self, organization: OrganizationId) -> Result<Self, CloudApiError> {
        if self.acting_organization().as_ref() == Some(&organization) {
            return Ok(self.clone());
        }
        if !self.is_member_of(&organization) {
            return Err(CloudApiError::not_a_member());
        }
        Ok(Self {
            roles: Arc::default(),
            membership: Some(Box::new(Membership {
                organization: Some(organization),
                members_of: self.member_of().into(),
            })),
            ..self.clone()
        })
    }

    /// This user at an instance of one organization. Roles in another one do not count there, and the user is not taken for a
    /// member of any other.
    pub(crate) fn at_instance_of(self, own: &OrganizationId) -> Result<Self, CloudApiError> {
        if !self.is_member_of(own) {
            return Err(CloudApiError::not_a_member());
        }
        let user = self.in_organization(own.clone())?;
        Ok(Self {
            membership: Some(Box::new(Membership {
                organization: Some(own.clone()),
                members_of: [own.clone()].into(),
            })),
            ..user
        })
    }

    /// This user as a member of these organizations, for tests without a Cloud.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn with_organizations(
        self,
        organization: Option<OrganizationId>,
        members_of: impl IntoIterator<Item = OrganizationId>,
    ) -> Self {
        Self {
            membership: Some(Box::new(Membership {
                organization,
                members_of: members_of.into_iter().collect(),
            })),
            ..self
        }
    }

    /// Whether the Cloud may put the user into an organization at any moment.
    pub(crate) fn lacks_organization(&self) -> bool {
        let lacks = |it: &Membership| it.organization.is_none() && it.members_of.is_empty();
        self.membership.as_deref().is_some_and(lacks)
    }

    /// This user with the same roles in the list that `share` returns for them.
    pub(crate) fn sharing_roles(self, share: impl FnOnce(Arc<[String]>) -> Arc<[String]>) -> Self {
        let roles = share(self.roles);
        Self { roles, ..self }
    }

    /// The token of this user's session, the newest that is known. Permission look-ups use it.
    pub const fn session_token(&self) -> &SessionToken {
        &self.session_token
    }

    /// Reads a user from the `user` member.
    pub(crate) fn read(user: Object<'_>, session_token: SessionToken) -> Result<Self, BadMember> {
        Ok(Self {
            id: user_id(user, "id")?,
            email: user.lenient_text("email").unwrap_or_default().into(),
            name: user.lenient_text("name").map(Into::into),
            avatar_url: user.lenient_text("avatar_url").map(Into::into),
            created_at: time(user, "created_at").ok(),
            metadata: user
                .any("metadata")
                .and_then(Value::as_object)
                .map(|members| Box::new(members.clone())),
            roles: roles(user),
            membership: None,
            session_token,
        })
    }

    /// Reads a user from verified claims: a person, or the machine behind a project API token.
    pub(crate) fn read_claims(
        claims: Object<'_>,
        session_token: SessionToken,
    ) -> Result<Self, BadMember> {
        if claims.lenient_text("token_type") == Some("project_api_token") {
            return Self::machine(claims, session_token);
        }
        Ok(Self {
            id: user_id(claims, "sub")?,
            email: claims.lenient_text("email").unwrap_or_default().into(),
            name: claims.lenient_text("name").map(Into::into),
            avatar_url: claims.lenient_text("avatar_url").map(Into::into),
            created_at: None,
            metadata: None,
            roles: role(claims),
            membership: None,
            session_token,
        })
    }

    /// Reads a user with their organizations beside.
    pub(crate) fn read_member(
        data: Object<'_>,
        session_token: SessionToken,
    ) -> Result<Self, BadMember> {
        let user = data.object("user")?;
        let names = ["firstName", "lastName"].map(|part| user.lenient_text(part));
        let name: Vec<&str> = names
            .into_iter()
            .flatten()
            .filter(|it| !it.is_empty())
            .collect();
        let id = |text: &str| OrganizationId::parse(text).ok();
        let organization = data.lenient_text("organizationId").and_then(id);
        let members_of = match data.any("memberOrgIds").map(json::texts) {
            Some(Some(ids)) => ids.iter().filter_map(|text| id(text)).collect(),
            // Which of them were meant is unclear.
            Some(None) => Box::default(),
            None => organization.iter().cloned().collect(),
        };
        Ok(Self {
            id: user_id(user, "id")?,
            email: user.lenient_text("email").unwrap_or_default().into(),
            name: (!name.is_empty()).then(|| name.join(" ").into()),
            avatar_url: user.lenient_text("profilePictureUrl").map(Into::into),
            created_at: None,
            metadata: None,
            roles: role(data),
            membership: Some(Box::new(Membership {
                organization,
                members_of,
            })),
            session_token,
        })
    }

    /// Reads a user from a token whose signature was verified here.
    pub(crate) fn from_claims(claims: &Verified<Claims>, session_token: SessionToken) -> Self {
        let claims = claims.as_inner();
        Self {
            id: claims.subject().clone(),
            email: claims.email().unwrap_or_default().into(),
            name: claims.name().map(Into::into),
            avatar_url: claims.avatar_url().map(Into::into),
            created_at: None,
            metadata: None,
            roles: claims.roles().into(),
            membership: None,
            session_token,
        }
    }

    /// Two tokens are two identities: the id is derived from the token.
    fn machine(claims: Object<'_>, session_token: SessionToken) -> Result<Self, BadMember> {
        if claims.any("valid").and_then(Value::as_bool) != Some(true) {
            return Err(BadMember("valid"));
        }
        let id = format!("project-token:{}", fingerprint(&session_token));
        Ok(Self {
            id: UserId::parse(&id).map_err(|_| BadMember("valid"))?,
            email: "".into(),
            name: None,
            avatar_url: None,
            created_at: None,
            metadata: None,
            roles: role(claims),
            membership: None,
            session_token,
        })
    }
}

impl fmt::Debug for CloudUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudUser")
            .field("id", &self.id)
            .field("roles", &self.roles)
            .finish_non_exhaustive()
    }
}

/// A session as the Cloud knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudSession {
    id: SessionId,
    user_id: UserId,
    expires_at: Timestamp,
    created_at: Timestamp,
}

impl CloudSession {
    /// The session's id, which ends it. Where the dialect has no ids, it is derived from the token.
    pub const fn id(&self) -> &SessionId {
        &self.id
    }

    /// The user of the session.
    pub const fn user_id(&self) -> &UserId {
        &self.user_id
    }

    /// When the session expires.
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// When the session was created.
    pub const fn created_at(&self) -> Timestamp {
        self.created_at
    }

    pub(crate) fn new(
        id: SessionId,
        user_id: UserId,
        created_at: Timestamp,
        expires_at: Timestamp,
    ) -> Self {
        Self {
            id,
            user_id,
            expires_at,
            created_at,
        }
    }

    /// The time from its begin to its end.
    pub(crate) fn life(&self) -> Duration {
        self.expires_at.since(self.created_at)
    }

    /// Moves a session that the Cloud accepts to this clock. Where the session is over by this clock, the clock is ahead:
    /// then it lives for its own length from now.
    pub(crate) fn by_this_clock(self, now: Timestamp) -> Self {
        if self.expires_at > now {
            return self;
        }
        Self {
            expires_at: now.plus(self.life()),
            ..self
        }
    }

    pub(crate) fn read(
        session: Object<'_>,
        shape: &SessionShape,
        token: &SessionToken,
    ) -> Result<Self, BadMember> {
        let id = match shape.id {
            Some(name) => SessionId::parse(session.text(name)?).map_err(|_| BadMember(name))?,
            None => derived_session_id(token).ok_or(BadMember("session"))?,
        };
        Ok(Self {
            id,
            user_id: user_id(session, shape.user_id)?,
            expires_at: time(session, shape.expires_at)?,
            created_at: time(session, shape.created_at)?,
        })
    }
}

/// A derived id for a session without one: never the token itself, and always the same for one token.
pub(crate) fn derived_session_id(token: &SessionToken) -> Option<SessionId> {
    SessionId::parse(&format!("token:{}", fingerprint(token))).ok()
}

/// The first 16 hexadecimal digits of the token's SHA-256.
fn fingerprint(token: &SessionToken) -> String {
    hex(&sha256(token.expose().as_bytes()))
        .chars()
        .take(16)
        .collect()
}

fn user_id(object: Object<'_>, name: &'static str) -> Result<UserId, BadMember> {
    UserId::parse(object.text(name)?).map_err(|_| BadMember(name))
}

/// ISO 8601 text, or milliseconds since the Unix epoch; a fraction is dropped, in any notation.
fn time(object: Object<'_>, name: &'static str) -> Result<Timestamp, BadMember> {
    let time = match object.any(name) {
        Some(Value::String(text)) => Timestamp::parse_iso(text).ok(),
        Some(millis) => json::whole(millis).and_then(Timestamp::on_the_wire),
        None => None,
    };
    time.ok_or(BadMember(name))
}

/// `roles`, or a single `role` as a list of one, or none. A list of the wrong type, or with anything but texts, counts as no
/// roles. Which of them were meant is unclear, and `role` does not stand in for it.
fn roles(user: Object<'_>) -> Arc<[String]> {
    match user.any("roles") {
        Some(roles) => json::texts(roles).unwrap_or_default().into(),
        None => role(user),
    }
}

fn role(object: Object<'_>) -> Arc<[String]> {
    let role = object.lenient_text("role").map(str::to_owned);
    role.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user() -> CloudUser {
        let record = serde_json::json!({ "id": "ada", "email": "a@b.example", "created_at": 0 });
        let token = SessionToken::parse("t").unwrap();
        CloudUser::read(Object::new(&record, "user").unwrap(), token).unwrap()
    }

    #[test]
    fn a_user_lacks_an_organization_who_chose_none_and_is_a_member_of_none() {
        let org = || OrganizationId::parse("org_1").unwrap();
        for (organization, members_of, lacks) in [
            (None, vec![], true),
            (None, vec![org()], false),
            (Some(org()), vec![], false),
        ] {
            let membership = Some(Box::new(Membership {
                organization,
                members_of: members_of.into(),
            }));
            let user = CloudUser {
                membership,
                ..user()
            };
            assert_eq!(user.lacks_organization(), lacks, "{:?}", user.membership);
        }
        assert!(!user().lacks_organization(), "the dialect has none");
    }

    #[cfg(feature = "testing")]
    #[test]
    fn a_test_chooses_a_users_organizations() {
        let org = OrganizationId::parse("org_1").unwrap();
        let user = user().with_organizations(Some(org.clone()), [org.clone()]);
        assert_eq!(
            (user.organization(), user.member_of()),
            (Some(&org), &*vec![org.clone()])
        );
    }

    #[test]
    fn a_user_has_the_roles_of_the_list() {
        let user = CloudUser {
            roles: ["admin".to_owned()].into(),
            ..user()
        };
        assert!(user.has_role("admin") && !user.has_role("adm"));
        assert_eq!(
            format!("{user:?}"),
            r#"CloudUser { id: UserId("ada"), roles: ["admin"], .. }"#
        );
    }
}
