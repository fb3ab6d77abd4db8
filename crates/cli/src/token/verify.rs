//! `mastra-auth token verify`: asks a Cloud who a token belongs to.

use std::process::ExitCode;

use mastra_auth_cloud::{
    Authentication, CloudApiError, CloudUser, Code, MastraCloudAuth, ProjectId,
};
use mastra_auth_cloud_core::malformed::Malformed;
use mastra_auth_cloud_core::url::BaseUrl;
use serde::Serialize;

use crate::args::VerifyArgs;
use crate::dev::ready;
use crate::failure::Failure;
use crate::terminal::{self, LineEnds};

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
}

pub(crate) async fn run(args: VerifyArgs) -> Result<ExitCode, Failure> {
    BaseUrl::parse(&args.base_url).map_err(|malformed| bad("--base-url", malformed))?;
    ProjectId::parse(&args.project_id).map_err(|malformed| bad("--project-id", malformed))?;
    let auth = MastraCloudAuth::builder()
        .base_url(args.base_url)
        .project_id(args.project_id)
        .dialect(args.dialect.of_client())
        .build()
        .map_err(|error| Failure::usage(error.to_string()))?;
    let answer = match super::from_stdin()? {
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
