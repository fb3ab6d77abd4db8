//! `mastra-auth token verify`: asks a Cloud who a token belongs to.

use std::io::Write as _;
use std::process::ExitCode;

use mastra_auth_cloud::{
    Authentication, CloudApiError, CloudUser, Code, Dialect, MastraCloudAuth, ProjectId,
    SessionToken,
};
use mastra_auth_cloud_core::ids::OrganizationId;
use mastra_auth_cloud_core::malformed::Malformed;
use mastra_auth_cloud_core::url::BaseUrl;
use reqwest::header::{COOKIE, HeaderMap, HeaderValue};
use serde::Serialize;

use crate::args::VerifyArgs;
use crate::dev::ready;
use crate::failure::Failure;
use crate::terminal::{self, LineEnds};

const REPLACED: &str = "The platform replaced this session by a newer one, which was thrown away: the old one ends soon.";

/// The printed report, in this order.
#[derive(Serialize)]
struct Report<'a> {
    outcome: &'static str,
    code: Option<&'a str>,
    status: u16,
    user: Option<User<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct User<'a> {
    id: &'a str,
    email: &'a str,
    name: Option<&'a str>,
    avatar_url: Option<&'a str>,
    created_at: Option<String>,
    roles: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_id: Option<&'a str>,
}

pub(crate) async fn run(args: VerifyArgs) -> Result<ExitCode, Failure> {
    let dialect = args.dialect.of_client();
    let mut builder = MastraCloudAuth::builder().dialect(dialect);
    if let Some(url) = args.base_url {
        BaseUrl::parse(&url).map_err(|malformed| bad("--base-url", malformed))?;
        builder = builder.base_url(url);
    }
    match args.project_id {
        Some(id) => {
            ProjectId::parse(&id).map_err(|malformed| bad("--project-id", malformed))?;
            builder = builder.project_id(id);
        }
        None if dialect == Dialect::Platform => {}
        None => return Err(Failure::usage("--project-id must name the token's project")),
    }
    let auth = builder
        .build()
        .map_err(|error| Failure::usage(error.to_string()))?;
    let answer = match super::from_stdin()? {
        Some(text) if dialect == Dialect::Platform => at_platform(&auth, &text).await,
        Some(token) => auth.authenticate_token(&token).await,
        None => Authentication::Anonymous,
    };
    let no_token = CloudApiError::new(Code::InvalidToken);
    let (report, code) = match &answer {
        Authentication::Authenticated(identity) => (accepted(identity.user()), 0),
        Authentication::Anonymous => (refused("rejected", &no_token), 3),
        Authentication::Rejected(error) => (refused("rejected", error), 3),
        Authentication::Unavailable(error) => (refused("unavailable", error), 4),
    };
    let text = serde_json::to_string(&report)
        .map_err(|error| Failure::failed(format!("the result cannot be written: {error}")))?;
    ready(&terminal::escape(&text, LineEnds::Escape))?;
    Ok(ExitCode::from(code))
}

/// A bearer token, or what has its form of nothing but a cookie: a sealed session.
async fn at_platform(auth: &MastraCloudAuth, text: &str) -> Authentication {
    if SessionToken::parse(text).is_ok() {
        return auth.authenticate_token(text).await;
    }
    let cookie = SessionToken::sealed(text).ok().and_then(|session| {
        HeaderValue::from_str(&format!("{}={}", auth.cookie_name(), session.expose())).ok()
    });
    let Some(mut cookie) = cookie else {
        return Authentication::Anonymous;
    };
    cookie.set_sensitive(true);
    let headers = HeaderMap::from_iter([(COOKIE, cookie)]);
    let answer = auth.authenticate(&headers).await;
    if let Authentication::Authenticated(identity) = &answer
        && identity.user().session_token().expose() != text
    {
        // If standard error is closed, the text is lost.
        let _ = writeln!(std::io::stderr(), "{REPLACED}");
    }
    answer
}

fn bad(option: &str, malformed: Malformed) -> Failure {
    Failure::usage(format!("{option} must {}", malformed.rule()))
}

fn accepted(user: &CloudUser) -> Report<'_> {
    Report {
        outcome: "authenticated",
        code: None,
        status: 200,
        user: Some(User {
            id: user.id().as_str(),
            email: user.email(),
            name: user.name(),
            avatar_url: user.avatar_url(),
            created_at: user.created_at().map(|time| time.to_string()),
            roles: user.roles(),
            organization_id: user.organization().map(OrganizationId::as_str),
        }),
    }
}

fn refused<'a>(outcome: &'static str, error: &'a CloudApiError) -> Report<'a> {
    Report {
        outcome,
        code: Some(error.code()),
        status: error.status(),
        user: None,
    }
}
