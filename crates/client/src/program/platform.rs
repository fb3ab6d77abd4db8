//! The platform's calls for programs: verify, refresh, keys, sign-out.
//!
//! Each call takes its credential as an argument and is made once. A refusal is an error whose
//! [`is_refusal`](CloudApiError::is_refusal) is true; an outage never looks like one.

use std::time::Duration;

use mastra_auth_cloud_core::cloud::answer;
use mastra_auth_cloud_core::cloud_call::CloudCall;
use mastra_auth_cloud_core::encoding::encode_component;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::http::{Delivery, Response, TransportError};
use mastra_auth_cloud_core::ids::OrganizationId;
use mastra_auth_cloud_core::json::{BadMember, Object};
use mastra_auth_cloud_core::secret::{RefreshToken, SessionToken};
use mastra_auth_cloud_core::url::BaseUrl;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::transport::{ReqwestTransport, read};

/// The platform's address.
pub const DEFAULT_PLATFORM_URL: &str = "https://platform.mastra.ai";
const PREFIX: &str = "/v1";
const TIMEOUT: Duration = Duration::from_secs(15);
const MAX_BYTES: usize = 256 * 1024;

/// The platform, for the calls of a program. Cheap to clone.
///
/// # Examples
///
/// ```
/// use mastra_auth_cloud::program::{DEFAULT_PLATFORM_URL, Platform};
///
/// let platform = Platform::new(DEFAULT_PLATFORM_URL)?;
/// assert_eq!(platform.url(), "https://platform.mastra.ai");
/// # Ok::<(), mastra_auth_cloud::CloudApiError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Platform {
    base: BaseUrl,
    transport: ReqwestTransport,
}

/// The user or key that a token belongs to, as the platform says.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Verified {
    /// The user's id, or that of a key's identity.
    pub user_id: String,
    /// The user's e-mail address; a key has none.
    pub email: Option<String>,
    /// First and last name, as far as they are known.
    pub name: Option<String>,
    /// The token's organization.
    pub organization_id: Option<String>,
    /// The role there, as `admin` or `member`.
    pub role: Option<String>,
    /// `user` or `api-key`, where the platform says so.
    pub auth_type: Option<String>,
}

/// The answer to a refresh. Both tokens are new; the ones before are spent.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TokenPair {
    /// The access token.
    pub token: SessionToken,
    /// What refreshes it next.
    pub refresh_token: RefreshToken,
}

/// A key of an organization, without its secret.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ApiToken {
    /// What revokes it.
    pub id: String,
    /// The name that its maker gave it.
    pub name: String,
    /// Beginning and end of the secret, as the platform shows them.
    pub obfuscated_value: Option<String>,
    /// When it was last used, as the platform writes it.
    pub last_used_at: Option<String>,
    /// When it was made, as the platform writes it.
    pub created_at: Option<String>,
}

/// A key that was just made. The platform never shows its secret again.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewApiToken {
    /// The key.
    pub token: ApiToken,
    /// Its secret, which is a bearer token.
    pub secret: SessionToken,
}

/// One call: what is sent with it, and what no error may repeat.
struct Call<'a> {
    method: Method,
    path: &'a str,
    bearer: Option<&'a SessionToken>,
    organization: Option<&'a OrganizationId>,
    body: Option<Value>,
    /// The statuses with which the schema lets the platform refuse; none where it does not describe the call.
    refusals: Option<&'a [u16]>,
    secrets: &'a [&'a str],
}

impl Platform {
    /// The platform at this address: https, or http on this machine. A `/v1` at its end may be left out.
    ///
    /// # Errors
    ///
    /// `invalid_argument` for another address; `invalid_configuration` if no TLS back end can be set up.
    pub fn new(base_url: &str) -> Result<Self, CloudApiError> {
        let bare = base_url.trim_end_matches('/');
        let base = BaseUrl::parse(bare.strip_suffix(PREFIX).unwrap_or(bare))
            .map_err(CloudApiError::argument)?;
        let transport = ReqwestTransport::new(&base)?;
        Ok(Self { base, transport })
    }

    /// The address, without `/v1`.
    pub fn url(&self) -> &str {
        self.base.as_str()
    }

    /// The page where a person signs a program in. The browser comes back to `/callback` on this port of this machine, with
    /// this state, a token, a refresh token, the user and the organization.
    pub fn login_url(&self, port: u16, state: &str) -> String {
        let state = encode_component(state);
        self.at(&format!(
            "/auth/login?product=cli&cli_port={port}&state={state}"
        ))
    }

    /// Asks the platform who a token belongs to.
    ///
    /// # Errors
    ///
    /// - A refusal, with the platform's code, or `request_failed`: 401 for a token that has expired, 403 for one that may not.
    /// - No answer: `network_error`, `timeout`, `response_too_large`. Another form, or a status that the schema does not have, as a
    ///   proxy's 404: `invalid_response`.
    pub async fn verify(&self, token: &SessionToken) -> Result<Verified, CloudApiError> {
        let call = Call {
            bearer: Some(token),
            refusals: Some(&[401, 403]),
            secrets: &[token.expose()],
            ..Call::get("/auth/verify")
        };
        self.ask(call, |answer| {
            let user = answer.object("user")?;
            let text = |name| answer.lenient_text(name).map(str::to_owned);
            let names = ["firstName", "lastName"].map(|name| user.lenient_text(name));
            let name = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
            Ok(Verified {
                user_id: user.text("id")?.to_owned(),
                email: user.lenient_text("email").map(str::to_owned),
                name: Some(name).filter(|name| !name.is_empty()),
                organization_id: text("organizationId"),
                role: text("role"),
                auth_type: text("authType"),
            })
        })
        .await
    }

    /// Spends a refresh token. Never repeat it with the same one.
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify); a refresh token that is good no more is refused with 401.
    pub async fn refresh(&self, refresh_token: &RefreshToken) -> Result<TokenPair, CloudApiError> {
        let call = Call {
            method: Method::POST,
            body: Some(json!({ "refreshToken": refresh_token.expose() })),
            refusals: Some(&[400, 401]),
            secrets: &[refresh_token.expose()],
            ..Call::get("/auth/refresh-token")
        };
        self.ask(call, |answer| {
            let (token, next) = (answer.text("accessToken")?, answer.text("refreshToken")?);
            Ok(TokenPair {
                token: SessionToken::parse(token).map_err(|_| BadMember("accessToken"))?,
                refresh_token: RefreshToken::parse(next).map_err(|_| BadMember("refreshToken"))?,
            })
        })
        .await
    }

    /// Lists the keys of an organization.
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify).
    pub async fn tokens(
        &self,
        token: &SessionToken,
        organization: Option<&OrganizationId>,
    ) -> Result<Vec<ApiToken>, CloudApiError> {
        let call = Call {
            bearer: Some(token),
            organization,
            secrets: &[token.expose()],
            ..Call::get("/auth/tokens")
        };
        self.ask(call, |answer| {
            let tokens = answer.any("tokens").and_then(Value::as_array);
            let tokens = tokens.ok_or(BadMember("tokens"))?.iter();
            tokens
                .map(|one| Object::new(one, "tokens").and_then(api_token))
                .collect()
        })
        .await
    }

    /// Makes a key of an organization.
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify).
    pub async fn create_token(
        &self,
        token: &SessionToken,
        organization: Option<&OrganizationId>,
        name: &str,
    ) -> Result<NewApiToken, CloudApiError> {
        let call = Call {
            method: Method::POST,
            bearer: Some(token),
            organization,
            body: Some(json!({ "name": name })),
            secrets: &[token.expose()],
            ..Call::get("/auth/tokens")
        };
        self.ask(call, |answer| {
            let secret = SessionToken::parse(answer.text("secret")?);
            Ok(NewApiToken {
                token: api_token(answer.object("token")?)?,
                secret: secret.map_err(|_| BadMember("secret"))?,
            })
        })
        .await
    }

    /// Revokes a key of an organization.
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify).
    pub async fn revoke_token(
        &self,
        token: &SessionToken,
        organization: Option<&OrganizationId>,
        id: &str,
    ) -> Result<(), CloudApiError> {
        let path = format!("/auth/tokens/{}", encode_component(id));
        let call = Call {
            method: Method::DELETE,
            bearer: Some(token),
            organization,
            secrets: &[token.expose(), id],
            ..Call::get(&path)
        };
        self.done(call).await
    }

    /// Asks for a sign-out with a bearer token. The platform documents this call for cookies alone, so a good answer does not prove
    /// that the token was revoked.
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify).
    pub async fn sign_out(&self, token: &SessionToken) -> Result<(), CloudApiError> {
        let call = Call {
            method: Method::POST,
            bearer: Some(token),
            secrets: &[token.expose()],
            ..Call::get("/auth/logout")
        };
        self.done(call).await
    }

    async fn ask<T>(
        &self,
        call: Call<'_>,
        read: impl Fn(Object<'_>) -> Result<T, BadMember>,
    ) -> Result<T, CloudApiError> {
        let (refusals, secrets) = (call.refusals, call.secrets);
        answer::read(self.send(call).await, refusals, secrets, read)
    }

    /// For a call whose good answer says nothing.
    async fn done(&self, call: Call<'_>) -> Result<(), CloudApiError> {
        let secrets = call.secrets;
        match self.send(call).await {
            Ok(good) if (200..300).contains(&good.status()) => Ok(()),
            other => answer::read(other, None, secrets, |answer| {
                let is_done = answer.any("ok").and_then(Value::as_bool) == Some(true);
                is_done.then_some(()).ok_or(BadMember("ok"))
            }),
        }
    }

    async fn send(&self, call: Call<'_>) -> Delivery {
        // Any call but that of a code is sent over the same connections.
        let client = self.transport.client(CloudCall::VerifyToken);
        let mut request = client
            .request(call.method, self.at(call.path))
            .timeout(TIMEOUT);
        if let Some(bearer) = call.bearer {
            let value = Zeroizing::new(["Bearer ", bearer.expose()].concat());
            let value = HeaderValue::from_str(&value);
            let mut value = value.map_err(|_| TransportError::Other)?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        if let Some(organization) = call.organization {
            request = request.header("x-organization-id", organization.as_str());
        }
        if let Some(body) = call.body {
            request = request
                .header(CONTENT_TYPE, "application/json")
                .body(body.to_string());
        }
        let (status, _, body) = read(request, MAX_BYTES).await?;
        let body = body?;
        Ok(Response::new(status, body))
    }

    fn at(&self, path: &str) -> String {
        self.base.join(&format!("{PREFIX}{path}"))
    }
}

impl<'a> Call<'a> {
    const fn get(path: &'a str) -> Self {
        Self {
            method: Method::GET,
            path,
            bearer: None,
            organization: None,
            body: None,
            refusals: None,
            secrets: &[],
        }
    }
}

fn api_token(token: Object<'_>) -> Result<ApiToken, BadMember> {
    let text = |name| token.lenient_text(name).map(str::to_owned);
    Ok(ApiToken {
        id: token.text("id")?.to_owned(),
        name: token.text("name")?.to_owned(),
        obfuscated_value: text("obfuscatedValue"),
        last_used_at: text("lastUsedAt"),
        created_at: text("createdAt"),
    })
}
