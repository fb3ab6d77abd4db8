//! `mastra-auth whoami`: who is signed in, as the platform knows it.

use std::process::ExitCode;

use mastra_auth_cloud::program::TokenOrigin;
use serde_json::json;

use super::{ask, print, source};
use crate::args::{ProgramFormat, WhoamiArgs};
use crate::failure::Failure;

pub(crate) async fn run(args: WhoamiArgs) -> Result<ExitCode, Failure> {
    let source = source(&args.platform)?;
    let platform = source.platform();
    let verify = |token| async move { platform.verify(&token).await };
    let user = ask(&source, verify).await?;
    let path = source.file().path().display().to_string();
    let from = match source.origin() {
        TokenOrigin::Environment => "MASTRA_API_TOKEN",
        TokenOrigin::File => &path,
    };
    let text = match args.format {
        ProgramFormat::Json => json!({
            "user": { "id": user.user_id, "email": user.email, "name": user.name },
            "organizationId": user.organization_id,
            "role": user.role,
            "authType": user.auth_type,
            "from": from,
        })
        .to_string(),
        ProgramFormat::Table => {
            let rows = [
                ("user", Some(&*user.user_id)),
                ("e-mail", user.email.as_deref()),
                ("name", user.name.as_deref()),
                ("organization", user.organization_id.as_deref()),
                ("role", user.role.as_deref()),
                ("kind", user.auth_type.as_deref()),
                ("token from", Some(from)),
            ];
            let rows = rows.iter().filter_map(|(name, value)| {
                Some(format!("{name:14}{}", value.as_ref()?.replace('\n', " ")))
            });
            rows.collect::<Vec<_>>().join("\n")
        }
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}
