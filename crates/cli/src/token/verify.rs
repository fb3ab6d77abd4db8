//! `mastra-auth token verify`: ask a Cloud who a token belongs to.

use std::process::ExitCode;

use mastra_auth_cloud::{Answer, CloudApiError, CloudUser, Code, MastraCloudAuth};
use serde_json::{Value, json};

use crate::args::VerifyArgs;
use crate::dev::ready;
use crate::failure::Failure;
use crate::terminal::{self, LineEnds};

pub(crate) async fn run(args: VerifyArgs) -> Result<ExitCode, Failure> {
    let auth = MastraCloudAuth::builder()
        .base_url(args.base_url)
        .project_id(args.project_id)
        .dialect(args.dialect.of_client())
        .build()
        .map_err(|error| Failure::usage(error.to_string()))?;
    let answer = match super::from_stdin()? {
        Some(token) => auth.authenticate_token(&token).await,
        None => Answer::Rejected(CloudApiError::new(Code::InvalidToken)),
    };
    let (report, code) = match answer {
        Answer::Authenticated(identity) => {
            let report = json!({ "outcome": "authenticated", "code": null, "status": 200, "user": shown(identity.user()) });
            (report, 0)
        }
        Answer::Anonymous => (
            refused("rejected", &CloudApiError::new(Code::InvalidToken)),
            3,
        ),
        Answer::Rejected(error) => (refused("rejected", &error), 3),
        Answer::Unavailable(error) => (refused("unavailable", &error), 4),
    };
    ready(&terminal::escape(&report.to_string(), LineEnds::Escape))?;
    Ok(ExitCode::from(code))
}

fn refused(outcome: &str, error: &CloudApiError) -> Value {
    json!({ "outcome": outcome, "code": error.code(), "status": error.status(), "user": null })
}

fn shown(user: &CloudUser) -> Value {
    json!({
        "id": user.id().as_str(),
        "email": user.email(),
        "name": user.name(),
        "avatarUrl": user.avatar_url(),
        "createdAt": user.created_at().map(|time| time.to_string()),
        "roles": user.roles(),
    })
}
