//! A signed-in user: a local Cloud, a provider that knows it, and the token that stands for the session.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use mastra_auth_cloud::{Authentication, MastraCloudAuth};
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
    /// The session's token, signed with RS256: what most issuers use, and of usual length.
    pub token: String,
}

/// A provider whose identities stay fresh for as long as a bench takes.
pub fn provider(cloud: &str) -> Result<MastraCloudAuth> {
    let options = MastraCloudAuth::builder()
        .project_id("demo")
        .base_url(cloud)
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
    pub async fn new() -> Result<Self> {
        let mut options = Options::default();
        options.port = 0;
        options.algorithm = Algorithm::Rs256;
        options.auto_approve = Some("member".to_owned());
        let cloud = LocalCloud::start(options).await?;
        let auth = provider(cloud.url())?;
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
        let cookies = start.cookies.iter();
        let cookies: Vec<_> = cookies
            .filter_map(|cookie| cookie.expose().split(';').next())
            .collect();
        let code = parameter("code")?;
        let signed_in = auth.finish_login(&code, state, &cookies.join("; ")).await?;
        let token = signed_in.identity.user().session_token();
        let token = token.expose().to_owned();
        let answer = auth.authenticate_token(&token).await;
        let is_known = matches!(answer, Authentication::Authenticated(_));
        ensure!(is_known, "the token is not accepted");
        Ok(Self {
            url: cloud.url().to_owned(),
            _cloud: cloud,
            auth,
            token,
        })
    }
}
