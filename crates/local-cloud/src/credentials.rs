//! The platform's credentials: the sealed session of a browser, the bearer and refresh token of a program, the API key of an
//! organization; and how they rotate.
//!
//! A sealed session has an access part, which is good for a while, and a refresh part, which is good once.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cloud::{Cloud, Refusal, lock, millis};
use crate::keys::{random_id, random_secret};
use crate::store::{
    ApiKey, Credential, Kind, Membership, SessionRow, StoreError, User, new_session_id,
};

/// How long a bearer lives unless [`crate::Options::token_lifetime`] says otherwise.
const BEARER_LIFETIME: Duration = Duration::from_mins(5);

const INVALID: Refusal = ("unauthorized", "The session is not valid.");
const SPENT: Refusal = (
    "unauthorized",
    "invalid_grant: The refresh token was already used.",
);

/// Who calls, and for which organization.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) user: User,
    pub(crate) session: SessionRow,
    pub(crate) organizations: Vec<Membership>,
    /// The one that the session or token is for, which the person may have left.
    pub(crate) organization_id: Option<String>,
}

impl Caller {
    /// The organization that the call is for.
    pub(crate) fn organization(&self) -> Option<&Membership> {
        let own = self.organization_id.as_deref()?;
        self.organizations.iter().find(|one| one.id == own)
    }
}

/// A bearer that is good.
pub(crate) enum BearerOf {
    Person(Box<Caller>),
    Key(ApiKey),
}

/// What a program gets.
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
    /// When the access token ends, in milliseconds since the Unix epoch.
    pub(crate) ends: i64,
}

type Checked<T> = Result<Result<T, Refusal>, StoreError>;

impl Cloud {
    /// Creates a session of a person. Its organization is the one that is asked for, else the person's first; `None` if the
    /// person is no member of what is asked for.
    pub(crate) fn platform_session(
        &self,
        user: &User,
        asked: Option<&str>,
    ) -> Result<Option<(SessionRow, Option<Membership>)>, StoreError> {
        let created_at = self.now();
        self.store.accept_invitations(user, created_at)?;
        let mut organizations = self.store.organizations_of(&user.id)?.into_iter();
        let chosen = match asked {
            Some(asked) => organizations.find(|own| own.id == asked),
            None => organizations.next(),
        };
        if asked.is_some() && chosen.is_none() {
            return Ok(None);
        }
        let session = SessionRow {
            id: new_session_id()?,
            user_id: user.id.clone(),
            project_id: (chosen.as_ref())
                .map(|own| own.id.clone())
                .unwrap_or_default(),
            created_at,
            expires_at: created_at.saturating_add(millis(self.session_lifetime)),
            ended_at: None,
        };
        Ok(Some((session, chosen)))
    }

    /// A sealed session.
    pub(crate) fn seal(
        &self,
        session: &SessionRow,
        organization_id: Option<&str>,
        issued_at: i64,
    ) -> Result<String, StoreError> {
        // It looks like what the format of its name makes: parts with stars between them, some of them long.
        let body: Result<String, _> = (0..16).map(|_| random_secret("")).collect();
        let sealed = format!(
            "Fe26.2*1*{}*{}*{}*{}*{}*{}~2",
            random_secret("")?,
            random_secret("")?,
            body?,
            session.expires_at,
            random_secret("")?,
            random_secret("")?,
        );
        self.store.add_credential(
            Kind::Sealed,
            &sealed,
            &session.id,
            organization_id,
            issued_at,
        )?;
        Ok(sealed)
    }

    /// An access token and a refresh token.
    pub(crate) fn program_tokens(
        &self,
        user: &User,
        session: &SessionRow,
        organization: Option<&Membership>,
        issued_at: i64,
        lifetime: Option<Duration>,
    ) -> Result<Tokens, StoreError> {
        let refresh = random_secret("rt_")?;
        let organization_id = organization.map(|own| own.id.as_str());
        self.store.add_credential(
            Kind::Refresh,
            &refresh,
            &session.id,
            organization_id,
            issued_at,
        )?;
        let lifetime = lifetime.or(self.token_lifetime).unwrap_or(BEARER_LIFETIME);
        let ends = issued_at
            .saturating_add(millis(lifetime))
            .min(session.expires_at);
        let claims = json!({
            "iss": self.url, "sub": user.id, "sid": session.id, "org_id": organization_id,
            "role": organization.map(|own| &own.role), "jti": random_id("")?,
            "iat": issued_at.div_euclid(1000), "exp": ends.div_euclid(1000),
        });
        Ok(Tokens {
            access: self.sign(&claims)?,
            refresh,
            ends,
        })
    }

    /// Who has a sealed session, whichever of its parts are good.
    pub(crate) fn sealed(&self, sealed: &str) -> Checked<(Caller, Credential)> {
        let Some(credential) = self.store.credential(Kind::Sealed, sealed)? else {
            return Ok(Err(INVALID));
        };
        let caller = self.caller(
            &credential.session_id,
            credential.organization_id.as_deref(),
        )?;
        Ok(caller.map(|caller| (caller, credential)))
    }

    /// Who has a session that stands.
    fn caller(&self, session_id: &str, organization_id: Option<&str>) -> Checked<Caller> {
        let session = self.store.session(session_id)?;
        let stands = |row: &SessionRow| row.ended_at.is_none() && self.now() < row.expires_at;
        let Some(session) = session.filter(stands) else {
            return Ok(Err(("unauthorized", "The session has ended.")));
        };
        let Some(user) = self.store.user(&session.user_id)? else {
            return Ok(Err(INVALID));
        };
        Ok(Ok(Caller {
            organizations: self.store.organizations_of(&user.id)?,
            organization_id: organization_id.map(str::to_owned),
            user,
            session,
        }))
    }

    fn is_fresh(&self, credential: &Credential) -> bool {
        let good_for = millis(lock(&self.platform).rotate_after);
        self.now() < credential.issued_at.saturating_add(good_for)
    }

    /// Who has a sealed session, without rotating it: its access part or its refresh part must be good.
    pub(crate) fn by_session(&self, sealed: &str) -> Checked<Caller> {
        Ok(self.sealed(sealed)?.and_then(|(caller, credential)| {
            if self.is_fresh(&credential) || credential.used_at.is_none() {
                Ok(caller)
            } else {
                Err(SPENT)
            }
        }))
    }

    /// Who has a sealed session, and the newer one where the access part has ended.
    pub(crate) fn by_session_or_rotate(&self, sealed: &str) -> Checked<(Caller, Option<String>)> {
        let (caller, credential) = match self.sealed(sealed)? {
            Ok(found) => found,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if self.is_fresh(&credential) {
            return Ok(Ok((caller, None)));
        }
        let newer =
            self.rotate_session(&caller, &credential, || Ok(caller.organization_id.clone()))?;
        Ok(newer.map(|newer| (caller, Some(newer))))
    }

    /// The newer one of a sealed session, which is used up; `to` then says for which organization.
    pub(crate) fn rotate_session(
        &self,
        caller: &Caller,
        credential: &Credential,
        to: impl FnOnce() -> Result<Option<String>, StoreError>,
    ) -> Checked<String> {
        if !self.uses_up(credential)? {
            return Ok(Err(SPENT));
        }
        self.count("rotation");
        self.seal(&caller.session, to()?.as_deref(), self.now())
            .map(Ok)
    }

    fn uses_up(&self, credential: &Credential) -> Result<bool, StoreError> {
        let leeway = millis(lock(&self.platform).rotation_leeway);
        self.store.use_up(credential, self.now(), leeway)
    }

    /// New tokens for a refresh token, which is used up.
    pub(crate) fn refresh_tokens(&self, refresh: &str) -> Checked<Tokens> {
        let Some(credential) = self.store.credential(Kind::Refresh, refresh)? else {
            return Ok(Err((
                "unauthorized",
                "invalid_grant: The refresh token is not valid.",
            )));
        };
        let own = credential.organization_id.as_deref();
        let caller = match self.caller(&credential.session_id, own)? {
            Ok(caller) => caller,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if !self.uses_up(&credential)? {
            return Ok(Err(SPENT));
        }
        self.count("rotation");
        let organization = caller.organization();
        self.program_tokens(
            &caller.user,
            &caller.session,
            organization,
            self.now(),
            None,
        )
        .map(Ok)
    }

    /// Who has a bearer: an access token or an API key.
    pub(crate) fn by_bearer(&self, bearer: &str) -> Checked<BearerOf> {
        const INVALID: Refusal = ("unauthorized", "The token is not valid.");
        if bearer.starts_with("sk_") {
            let key = self.store.use_api_key(bearer, self.now())?;
            return Ok(key.map(BearerOf::Key).ok_or(INVALID));
        }
        let claims = self.claims(bearer);
        let text = |name: &str| claims.as_ref()?.get(name).and_then(Value::as_str);
        let ends = (claims.as_ref())
            .and_then(|claims| claims.get("exp")?.as_i64())
            .map(|seconds| seconds.saturating_mul(1000));
        let (Some(session_id), Some(ends)) = (text("sid"), ends) else {
            return Ok(Err(INVALID));
        };
        if self.now() >= ends {
            return Ok(Err(("unauthorized", "The token has expired.")));
        }
        let caller = self.caller(session_id, text("org_id"))?;
        Ok(caller.map(|caller| BearerOf::Person(Box::new(caller))))
    }
}

impl Cloud {
    /// Creates an API key of an organization, and returns it with its secret.
    pub(crate) fn issue_api_key(
        &self,
        organization_id: &str,
        role: &str,
        name: &str,
    ) -> Result<(ApiKey, String), StoreError> {
        let secret = random_secret("sk_")?;
        let end = secret.get(secret.len().saturating_sub(4)..);
        let key = ApiKey {
            id: random_id("key_")?,
            organization_id: organization_id.into(),
            role: role.into(),
            name: name.into(),
            obfuscated: format!("sk_...{}", end.unwrap_or_default()),
            created_at: self.now(),
            last_used_at: None,
        };
        self.store.add_api_key(&key, &secret)?;
        Ok((key, secret))
    }
}
