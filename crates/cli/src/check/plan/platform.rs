//! A run at the platform: the tokens of a program, the sealed session of a browser, and what is refused.

use mastra_auth_cloud_core::encoding::hex;
use mastra_auth_cloud_core::secret::is_token;
use reqwest::header::{CONTENT_TYPE, COOKIE, HeaderName};
use reqwest::{Method, Url};
use serde_json::{Value, json};

use super::super::exchange::{Answer, Ask, GAVE_UP};
use super::super::probe::{Probe, WANTED};
use super::super::sign_in::{NO_CODE, SignIn, way_back};
use super::{HUGE, JUNK, NO_SESSION, Plan, learn_from, page, with_bearer, with_json};

const ORGANIZATION: HeaderName = HeaderName::from_static("x-organization-id");
/// Of a sealed session's form, and no one's.
const JUNK_SESSION: &str = "Fe26.2*1*check*made*up*session*of*no*one~2";
const VERIFY: &str = "/auth/verify";
const ME: &str = "/auth/me";
const REFRESH: &str = "/auth/refresh";
const REFRESH_TOKEN: &str = "/auth/refresh-token";
const ORGANIZATIONS: &str = "/auth/orgs";
const SIGN_OUT: &str = "/auth/logout";

/// Requests with a program's token.
const OF_PROGRAMS: [Probe; 10] = [
    Probe::Verify,
    Probe::VerifyAgain,
    Probe::VerifyTampered,
    Probe::VerifyUnsigned,
    Probe::VerifyLowerCase,
    Probe::VerifyOtherOrganization,
    Probe::MeBearer,
    Probe::RefreshToken,
    Probe::RefreshTokenAgain,
    Probe::RefreshedVerify,
];
/// Requests with a sealed session.
const OF_SESSIONS: [Probe; 8] = [
    Probe::Me,
    Probe::MeTampered,
    Probe::VerifySealed,
    Probe::Organizations,
    Probe::Refresh,
    Probe::RefreshedMe,
    Probe::SignOut,
    Probe::SignedOutMe,
];

/// What a run signs in for, or is given.
#[derive(Default)]
struct Credentials {
    token: Option<String>,
    refresh_token: Option<String>,
    session: Option<String>,
    /// The session was made by this run, and no one else needs it.
    is_own: bool,
}

impl Plan<'_> {
    pub(super) async fn platform(&mut self) {
        self.platform_login().await;
        let credentials = self.credentials().await;
        self.platform_refusals().await;
        match &credentials.token {
            Some(token) => {
                let refresh_token = credentials.refresh_token.as_deref();
                self.with_program(token, refresh_token).await;
            }
            None => self.leave_out(&OF_PROGRAMS, NO_SESSION),
        }
        match &credentials.session {
            Some(session) => self.with_sealed(session, credentials.is_own).await,
            None => self.leave_out(
                &OF_SESSIONS,
                "no sealed session: the local platform's sign-in gives one, or pass one with --token-stdin",
            ),
        }
    }

    fn login_at(&self, query: &[(&'static str, String)]) -> String {
        page(
            &self.asked.base_url,
            &format!("{}/auth/login", self.asked.api_prefix),
            query,
        )
    }

    fn of_program(&self, state: &str) -> Vec<(&'static str, String)> {
        vec![
            ("product", "cli".to_owned()),
            ("cli_port", self.sign_in.port().to_string()),
            ("state", state.to_owned()),
        ]
    }

    fn of_app(&self, redirect_uri: String) -> String {
        self.login_at(&[
            ("product", "deploy".to_owned()),
            ("redirect_uri", redirect_uri),
            ("post_login_redirect", WANTED.to_owned()),
        ])
    }

    async fn platform_login(&mut self) {
        let mut query = self.of_program("check-page");
        self.page(Probe::LoginPage, self.login_at(&query)).await;
        query.retain(|(name, _)| *name != "product");
        self.page(Probe::LoginNoProduct, self.login_at(&query))
            .await;
        let app = self.of_app(self.sign_in.redirect_uri());
        self.page(Probe::LoginApp, app).await;
        for (probe, redirect) in self.foreign_redirects() {
            let url = self.of_app(redirect);
            self.page(probe, url).await;
        }
    }

    /// Signs in twice, or takes what came on standard input.
    async fn credentials(&mut self) -> Credentials {
        let ways = [Probe::Callback, Probe::AppCallback];
        if let Some(text) = self.asked.token.clone() {
            self.leave_out(&ways, NO_CODE);
            let (token, session) = if is_token(&text) {
                (Some(text), None)
            } else {
                (None, Some(text))
            };
            return Credentials {
                token,
                session,
                ..Credentials::default()
            };
        }
        let mut credentials = Credentials {
            is_own: true,
            ..Credentials::default()
        };
        match self.come_back(Probe::Callback).await {
            Ok(back) => {
                let of = |name| parameter(&back, name);
                let user: Value = of("user")
                    .and_then(|user| serde_json::from_str(&user).ok())
                    .unwrap_or_default();
                learn_from(&mut self.seen.secrets, &user, "");
                (credentials.token, credentials.refresh_token) = (of("token"), of("refresh_token"));
            }
            Err(why) => {
                self.leave_out(&ways, &why);
                // It would fail again, and a person would wait for it again.
                self.sign_in = SignIn::Never;
            }
        }
        if let SignIn::ByForm = self.sign_in {
            match self.come_back(Probe::AppCallback).await {
                Ok(back) => credentials.session = parameter(&back, "code"),
                Err(why) => self.leave_out(&ways, &why),
            }
        }
        self.leave_out(
            &ways,
            "the platform's own page is gone through at the local platform alone",
        );
        let secrets = [
            &credentials.token,
            &credentials.refresh_token,
            &credentials.session,
        ];
        for secret in secrets.into_iter().flatten() {
            self.seen.secrets.add(secret, "token");
        }
        credentials
    }

    /// Walks through the sign-in of a program or of an app, and keeps the way back.
    async fn come_back(&mut self, probe: Probe) -> Result<Url, String> {
        if self.caller.has_given_up() {
            return Err(GAVE_UP.to_owned());
        }
        (self.progress)("sign-in");
        let mut random = [0; 16];
        aws_lc_rs::rand::fill(&mut random).map_err(|_| "the system gives no random numbers")?;
        let url = match probe {
            Probe::Callback => self.login_at(&self.of_program(&hex(&random))),
            _ => self.of_app(self.sign_in.redirect_uri()),
        };
        let (location, status) = self.sign_in.at_platform(&mut self.caller, &url).await?;
        self.keep(probe, way_back(&url, &location, status));
        Url::parse(&location).map_err(|_| "the sign-in leads back to no address".to_owned())
    }

    fn with_cookie(&self, path: &str, session: &str) -> Ask {
        let mut ask = self.call(Method::GET, path);
        ask.headers.push((COOKIE, format!("wos-session={session}")));
        ask
    }

    fn get(&self, path: &str) -> Ask {
        self.call(Method::GET, path)
    }

    fn refresh_token(&self, body: &Value) -> Ask {
        with_json(self.call(Method::POST, REFRESH_TOKEN), body)
    }

    async fn platform_refusals(&mut self) {
        self.seen.secrets.add(JUNK_SESSION, "token that is made up");
        let mut not_json = self.refresh_token(&json!({ "refreshToken": "rt_made_up" }));
        not_json.headers.retain(|(name, _)| name != CONTENT_TYPE);
        not_json.headers.push((CONTENT_TYPE, "text/plain".into()));
        let mut broken = self.refresh_token(&json!({}));
        broken.body = Some(r#"{"refreshToken":"#.into());
        for (probe, ask) in [
            (Probe::VerifyJunk, with_bearer(self.get(VERIFY), JUNK)),
            (Probe::VerifyNoToken, self.get(VERIFY)),
            (
                Probe::VerifyWrongMethod,
                with_bearer(self.call(Method::POST, VERIFY), JUNK),
            ),
            (
                Probe::UnknownPath,
                self.get("/auth/check-knows-no-such-path"),
            ),
            (Probe::MeNoSession, self.get(ME)),
            (Probe::MeJunk, self.with_cookie(ME, JUNK_SESSION)),
            (Probe::RefreshNoSession, self.get(REFRESH)),
            (Probe::RefreshJunk, self.with_cookie(REFRESH, JUNK_SESSION)),
            (
                Probe::RefreshTokenJunk,
                self.refresh_token(&json!({ "refreshToken": "rt_made_up" })),
            ),
            (Probe::RefreshTokenMissing, self.refresh_token(&json!({}))),
            (Probe::RefreshTokenNotJson, not_json),
            (Probe::RefreshTokenBroken, broken),
            (
                Probe::RefreshTokenHuge,
                self.refresh_token(&json!({ "refreshToken": "x".repeat(HUGE) })),
            ),
            (Probe::OrganizationsNobody, self.get(ORGANIZATIONS)),
            (Probe::SignOutNobody, self.call(Method::POST, SIGN_OUT)),
        ] {
            self.ask(probe, ask).await;
        }
        self.cross_origin(VERIFY, "GET").await;
    }

    async fn with_program(&mut self, token: &str, refresh_token: Option<&str>) {
        for probe in [Probe::Verify, Probe::VerifyAgain] {
            let ask = with_bearer(self.get(VERIFY), token);
            self.ask(probe, ask).await;
        }
        match self.forge(token) {
            Some((tampered, unsigned)) => {
                for (probe, forged) in [
                    (Probe::VerifyTampered, tampered),
                    (Probe::VerifyUnsigned, unsigned),
                ] {
                    let ask = with_bearer(self.get(VERIFY), &forged);
                    self.ask(probe, ask).await;
                }
            }
            None => self.leave_out(
                &[Probe::VerifyTampered, Probe::VerifyUnsigned],
                "the token is no JWT",
            ),
        }
        let mut ask = self.get(VERIFY);
        ask.headers
            .push((reqwest::header::AUTHORIZATION, format!("bearer {token}")));
        self.ask(Probe::VerifyLowerCase, ask).await;
        let mut ask = with_bearer(self.get(VERIFY), token);
        ask.headers
            .push((ORGANIZATION, "org_check_made_up".to_owned()));
        self.ask(Probe::VerifyOtherOrganization, ask).await;
        let ask = with_bearer(self.get(ORGANIZATIONS), token);
        self.ask(Probe::OrganizationsBearer, ask).await;
        let ask = self.with_cookie(ME, token);
        self.ask(Probe::MeBearer, ask).await;
        let Some(refresh_token) = refresh_token else {
            return self.leave_out(&OF_PROGRAMS, "no refresh token came with the token");
        };
        let body = json!({ "refreshToken": refresh_token });
        let renewed = self
            .ask(Probe::RefreshToken, self.refresh_token(&body))
            .await;
        let newer = renewed.and_then(|answer| {
            let body: Value = serde_json::from_str(&answer.body).ok()?;
            body.get("accessToken")?.as_str().map(str::to_owned)
        });
        match newer {
            Some(newer) => {
                let ask = with_bearer(self.get(VERIFY), &newer);
                self.ask(Probe::RefreshedVerify, ask).await;
            }
            None => self.leave_out(&[Probe::RefreshedVerify], "no newer token came"),
        }
        // The last, for it may end what the refresh token belongs to.
        self.ask(Probe::RefreshTokenAgain, self.refresh_token(&body))
            .await;
    }

    async fn with_sealed(&mut self, session: &str, is_own: bool) {
        let seen = self.ask(Probe::Me, self.with_cookie(ME, session)).await;
        let session = seen
            .as_ref()
            .and_then(newer)
            .unwrap_or_else(|| session.to_owned());
        let tampered = tampered(&session);
        self.seen
            .secrets
            .add(&tampered, "token with another content");
        for (probe, ask) in [
            (Probe::MeTampered, self.with_cookie(ME, &tampered)),
            (Probe::VerifySealed, with_bearer(self.get(VERIFY), &session)),
            (
                Probe::Organizations,
                self.with_cookie(ORGANIZATIONS, &session),
            ),
        ] {
            self.ask(probe, ask).await;
        }
        if !is_own {
            return self.leave_out(&OF_SESSIONS, "a session of standard input is not changed");
        }
        let refreshed = self
            .ask(Probe::Refresh, self.with_cookie(REFRESH, &session))
            .await;
        let newest = refreshed.as_ref().and_then(newer);
        match &newest {
            Some(newer) => {
                let ask = self.with_cookie(ME, newer);
                self.ask(Probe::RefreshedMe, ask).await;
            }
            None => self.leave_out(&[Probe::RefreshedMe], "no newer session came"),
        }
        if !self.asked.may_end_sessions {
            return self.leave_out(
                &OF_SESSIONS,
                "it ends a session: allow it with --destroy-session",
            );
        }
        let session = newest.unwrap_or(session);
        let ask = Ask {
            method: Method::POST,
            ..self.with_cookie(SIGN_OUT, &session)
        };
        self.ask(Probe::SignOut, ask).await;
        let ask = self.with_cookie(ME, &session);
        self.ask(Probe::SignedOutMe, ask).await;
    }
}

fn parameter(url: &Url, wanted: &str) -> Option<String> {
    let mut pairs = url.query_pairs();
    let (_, value) = pairs.find(|(name, value)| name == wanted && !value.is_empty())?;
    Some(value.into_owned())
}

/// The session that an answer sets.
fn newer(answer: &Answer) -> Option<String> {
    let mut all = answer
        .headers
        .iter()
        .filter(|(name, _)| name == "set-cookie");
    let value = all.find_map(|(_, value)| value.strip_prefix("wos-session="))?;
    let (session, _) = value.split_once(';').unwrap_or((value, ""));
    (!session.is_empty()).then(|| session.to_owned())
}

/// The same length and form, and another letter in the middle.
fn tampered(session: &str) -> String {
    let middle = session.chars().count() / 2;
    let other = |(at, c): (usize, char)| match c {
        _ if at != middle => c,
        'A' => 'B',
        _ => 'A',
    };
    session.chars().enumerate().map(other).collect()
}
