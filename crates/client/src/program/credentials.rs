//! What the credentials file holds: a token, what refreshes it, and who signed in.

use std::fmt;

use mastra_auth_cloud_core::ids::OrganizationId;
use mastra_auth_cloud_core::json::{self, BadMember, Object};
use mastra_auth_cloud_core::secret::{MAX_TOKEN_BYTES, RefreshToken, SessionToken};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// Deepest nesting that is read, in containers.
const MAX_DEPTH: usize = 32;

/// For the names of members that a refresh adds, and for what another program writes meanwhile.
const MARGIN: usize = 1024;

const TOKEN: &str = "token";
const REFRESH_TOKEN: &str = "refreshToken";
const USER: &str = "user";
const ORGANIZATION: &str = "organizationId";
const CURRENT_ORGANIZATION: &str = "currentOrgId";
/// The members of a sign-in. All others are another program's.
const OWN: [&str; 5] = [
    TOKEN,
    REFRESH_TOKEN,
    USER,
    ORGANIZATION,
    CURRENT_ORGANIZATION,
];

/// The sign-in of a person on this machine, as Mastra's command line keeps it. `Debug` shows no value.
#[derive(Clone)]
pub struct Credentials {
    token: SessionToken,
    refresh_token: Option<RefreshToken>,
    /// All members of the file but the two tokens, another program's among them.
    members: Map<String, Value>,
}

impl Credentials {
    /// The credentials of a new sign-in. `user` is the platform's object; `organization` the one that the person signed in to.
    pub fn new(
        token: SessionToken,
        refresh_token: Option<RefreshToken>,
        user: Value,
        organization: &OrganizationId,
    ) -> Self {
        let organization = Value::from(organization.as_str());
        let members = [(USER, user), (ORGANIZATION, organization)];
        Self {
            token,
            refresh_token,
            members: members
                .map(|(name, value)| (name.to_owned(), value))
                .into_iter()
                .collect(),
        }
    }

    /// The access token. It may have expired.
    pub const fn token(&self) -> &SessionToken {
        &self.token
    }

    /// What refreshes the token, where the sign-in brought it.
    pub const fn refresh_token(&self) -> Option<&RefreshToken> {
        self.refresh_token.as_ref()
    }

    /// The user's e-mail address as the sign-in brought it, for display.
    pub fn email(&self) -> Option<&str> {
        self.members.get(USER)?.get("email")?.as_str()
    }

    /// The organization that calls are for: the one that the person switched to, else the one of the sign-in.
    pub fn organization(&self) -> Option<OrganizationId> {
        [CURRENT_ORGANIZATION, ORGANIZATION]
            .iter()
            .find_map(|name| OrganizationId::parse(self.members.get(*name)?.as_str()?).ok())
    }

    /// Reads a file's text; none where it holds no token. The error names a member and no value.
    pub(super) fn read(text: &[u8]) -> Result<Option<Self>, BadMember> {
        let file = json::parse(text, MAX_DEPTH).map_err(|_| BadMember("the whole"))?;
        let object = Object::new(&file, "the whole")?;
        let Some(token) = object.optional_text(TOKEN)? else {
            return Ok(None);
        };
        let token = SessionToken::parse(token).map_err(|_| BadMember(TOKEN))?;
        let refresh_token = (object.optional_text(REFRESH_TOKEN)?)
            .map(RefreshToken::parse)
            .transpose()
            .map_err(|_| BadMember(REFRESH_TOKEN))?;
        Ok(Some(Self {
            token,
            refresh_token,
            members: members(file, &[TOKEN, REFRESH_TOKEN]),
        }))
    }

    /// Another program's members of a file; none of a file that cannot be read.
    pub(super) fn others(text: &[u8]) -> Map<String, Value> {
        json::parse(text, MAX_DEPTH).map_or_else(|_| Map::new(), |file| members(file, &OWN))
    }

    /// How long, in bytes, a refresh can make a file of this text.
    pub(super) fn longest(text: &[u8]) -> usize {
        let file = json::parse(text, MAX_DEPTH).ok();
        let indented = file.and_then(|file| serde_json::to_vec_pretty(&file).ok());
        let now = indented.map_or(text.len(), |indented| Zeroizing::new(indented).len());
        // Each byte of a refresh token may take two in JSON.
        now.saturating_add(3 * MAX_TOKEN_BYTES)
            .saturating_add(MARGIN)
    }

    /// The same sign-in after a refresh, in which both tokens are new.
    #[must_use]
    pub fn refreshed(self, token: SessionToken, refresh_token: RefreshToken) -> Self {
        Self {
            token,
            refresh_token: Some(refresh_token),
            ..self
        }
    }

    /// The file's members, the tokens among them, and those of another program.
    pub(super) fn file(&self, others: Map<String, Value>) -> Map<String, Value> {
        let mut file = others;
        file.extend(self.members.clone());
        file.insert(TOKEN.to_owned(), self.token.expose().into());
        if let Some(refresh_token) = &self.refresh_token {
            file.insert(REFRESH_TOKEN.to_owned(), refresh_token.expose().into());
        }
        file
    }
}

fn members(file: Value, without: &[&str]) -> Map<String, Value> {
    let Value::Object(mut members) = file else {
        return Map::new();
    };
    members.retain(|name, _| !without.contains(&name.as_str()));
    members
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}
