//! `mastra-auth tokens`: the keys of an organization, for programs that no person signs in.

use std::process::ExitCode;

use mastra_auth_cloud::program::{ApiToken, TokenSource};
use mastra_auth_cloud_core::ids::OrganizationId;
use serde_json::json;

use super::{ask, failure, print, say, source};
use crate::args::{OrganizationArgs, PlatformArgs, ProgramFormat, TokensCommand};
use crate::failure::Failure;
use crate::terminal::{LineEnds, escape};

pub(crate) async fn run(command: TokensCommand) -> Result<ExitCode, Failure> {
    match command {
        TokensCommand::List {
            platform,
            organization,
            format,
        } => list(&Asking::new(&platform, organization)?, format).await?,
        TokensCommand::Create {
            name,
            platform,
            organization,
        } => create(&Asking::new(&platform, organization)?, &name).await?,
        TokensCommand::Revoke {
            id,
            platform,
            organization,
        } => {
            if is_secret(&id) {
                // The text is not repeated: this is the secret.
                return Err(Failure::usage(
                    "revoke takes the key's id, and not its secret: `mastra-auth tokens list` shows the ids",
                ));
            }
            revoke(&Asking::new(&platform, organization)?, &id).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The form of a key, or of a signed token.
fn is_secret(text: &str) -> bool {
    text.starts_with("sk_") || text.starts_with("eyJ")
}

/// Who asks, and for which organization. A key of the environment has its own.
struct Asking {
    source: TokenSource,
    organization: Option<OrganizationId>,
}

impl Asking {
    fn new(platform: &PlatformArgs, organization: OrganizationArgs) -> Result<Self, Failure> {
        let source = source(platform)?;
        let organization = match organization.organization {
            None => source
                .organization()
                .map_err(|error| failure(&source, &error))?,
            Some(given) => Some(OrganizationId::parse(&given).map_err(|malformed| {
                Failure::usage(format!("--organization must {}", malformed.rule()))
            })?),
        };
        Ok(Self {
            source,
            organization,
        })
    }

    fn organization(&self) -> Option<&OrganizationId> {
        self.organization.as_ref()
    }
}

async fn list(asking: &Asking, format: ProgramFormat) -> Result<(), Failure> {
    let platform = asking.source.platform();
    let tokens = ask(&asking.source, |token| async move {
        platform.tokens(&token, asking.organization()).await
    });
    let tokens = tokens.await?;
    let text = match format {
        ProgramFormat::Json => {
            let shown = |one: &ApiToken| {
                json!({
                    "id": one.id,
                    "name": one.name,
                    "obfuscatedValue": one.obfuscated_value,
                    "lastUsedAt": one.last_used_at,
                    "createdAt": one.created_at,
                })
            };
            json!({ "tokens": tokens.iter().map(shown).collect::<Vec<_>>() }).to_string()
        }
        ProgramFormat::Table if tokens.is_empty() => "no keys".to_owned(),
        ProgramFormat::Table => table(&tokens),
    };
    print(&text)
}

/// Columns as wide as what stands in them.
fn table(tokens: &[ApiToken]) -> String {
    let heads = ["id", "name", "key", "last used", "made"].map(str::to_owned);
    let row = |one: &ApiToken| {
        let or = |text: &Option<String>, absent: &str| text.clone().unwrap_or(absent.to_owned());
        [
            one.id.clone(),
            one.name.clone(),
            or(&one.obfuscated_value, "-"),
            or(&one.last_used_at, "never"),
            or(&one.created_at, "-"),
        ]
        // One line for each key, whatever its name holds.
        .map(|text| escape(&text, LineEnds::Escape))
    };
    let rows: Vec<_> = std::iter::once(heads)
        .chain(tokens.iter().map(row))
        .collect();
    let mut widths = [0; 5];
    for row in &rows {
        for (width, text) in widths.iter_mut().zip(row) {
            *width = text.chars().count().max(*width);
        }
    }
    let line = |row: &[String; 5]| {
        let cells = row
            .iter()
            .zip(widths)
            .map(|(text, width)| format!("{text:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

async fn create(asking: &Asking, name: &str) -> Result<(), Failure> {
    let platform = asking.source.platform();
    let made = ask(&asking.source, |token| async move {
        platform
            .create_token(&token, asking.organization(), name)
            .await
    });
    let made = made.await?;
    // The one secret that is printed, and nothing beside it.
    print(made.secret.expose())?;
    say(&format!(
        "Made the key {} ({}). Its secret is not shown again.",
        made.token.name, made.token.id
    ));
    Ok(())
}

async fn revoke(asking: &Asking, id: &str) -> Result<(), Failure> {
    let platform = asking.source.platform();
    let revoked = ask(&asking.source, |token| async move {
        platform
            .revoke_token(&token, asking.organization(), id)
            .await
    });
    revoked.await?;
    print(&format!("revoked {id}"))
}
