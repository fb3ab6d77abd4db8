//! A signed-in user: a local Cloud, a provider that knows it, and the token that stands for the session.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use http::HeaderMap;
use http::header::COOKIE;
use mastra_auth_cloud::{Authentication, Dialect, MastraCloudAuth};
use mastra_auth_cloud_core::login::state::State;
use mastra_auth_cloud_core::url::{RedirectUri, ReturnPath};
use mastra_auth_local_cloud::{Algorithm, LocalCloud, Options};

const APP: &str = "http://localhost:4111";
const COOKIE_BYTES: usize = 1024;

/// A Cloud and one session of it. The Cloud ends with this.
pub struct SignedIn {
    _cloud: LocalCloud,
    /// Where the Cloud answers.
    pub url: String,
    /// A provider that has verified the token.
    pub auth: MastraCloudAuth,
    /// The session's token, signed with RS256: what most issuers use, and of usual length. In the dialect `platform` a sealed
    /// session.
    pub token: String,
    /// Headers of a request with this session in a cookie among others, and the cookie header's bytes.
    pub headers: (HeaderMap, usize),
}

/// A provider whose identities stay fresh for as long as a bench takes.
pub fn provider(cloud: &str, dialect: Dialect) -> Result<MastraCloudAuth> {
    let options = MastraCloudAuth::builder()
        .project_id("demo")
        .base_url(cloud)
        .dialect(dialect)
        .public_url(APP)
        .fresh_for(Duration::from_secs(3600));
    Ok(options.build()?)
}

/// A `Cookie` header of 1 kB as browsers send it: other cookies of the site, then this one.
pub fn cookies(own: &str) -> String {
    let others = (0_u32..).map(|at| format!("visited_{at}={}; ", at.wrapping_mul(7919)));
    let mut header = String::new();
    for other in others {
        if header.len() + other.len() + own.len() > COOKIE_BYTES {
            break;
        }
        header.push_str(&other);
    }
    header + own
}

impl SignedIn {
    /// Starts the Cloud and signs the seed's member in.
    pub async fn new(dialect: Dialect) -> Result<Self> {
        let mut options = Options::default();
        options.dialect = if dialect == Dialect::Platform {
            mastra_auth_local_cloud::Dialect::Platform
        } else {
            mastra_auth_local_cloud::Dialect::V1
        };
        options.port = 0;
        options.algorithm = Algorithm::Rs256;
        options.auto_approve = Some("member".to_owned());
        let cloud = LocalCloud::start(options).await?;
        let auth = provider(cloud.url(), dialect)?;
        let redirect = RedirectUri::parse(&format!("{APP}/auth/callback"))?;
        let start = auth.begin_login(&redirect, ReturnPath::default(), None)?;
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        let answer = http.get(start.location.expose()).send().await?;
        let location = answer.headers().get("location").context("no redirect")?;
        let location = reqwest::Url::parse(location.to_str()?)?;
        let parameter = |name: &str| {
            let found = location.query_pairs().find(|(key, _)| key == name);
            found
                .map(|(_, value)| value.into_owned())
                .context("no parameter")
        };
        let state = State::parse(&parameter("state")?, None)?;
        let bound = start.cookies.iter();
        let bound: Vec<_> = bound
            .filter_map(|cookie| cookie.expose().split(';').next())
            .collect();
        let code = parameter("code")?;
        let signed_in = auth.finish_login(&code, state, &bound.join("; ")).await?;
        let token = signed_in.identity.user().session_token();
        let token = token.expose().to_owned();
        let name = if dialect == Dialect::Platform {
            "wos-session"
        } else {
            "mastra_session"
        };
        let cookie = cookies(&format!("{name}={token}"));
        let headers = HeaderMap::from_iter([(COOKIE, cookie.parse()?)]);
        let answer = auth.authenticate(&headers).await;
        let is_known = matches!(answer, Authentication::Authenticated(_));
        ensure!(is_known, "the session is not accepted");
        Ok(Self {
            url: cloud.url().to_owned(),
            _cloud: cloud,
            auth,
            token,
            headers: (headers, cookie.len()),
        })
    }
}
