//! The arguments of `mastra-auth check`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};
use mastra_auth_cloud_core::config::DEFAULT_LOGIN_PATH;

#[derive(ClapArgs)]
#[command(after_help = "\
Makes at most 110 requests and eight sign-ins, and reports each rule: passed, failed, or not tested
and why. Says first what it will do. It goes through the local Cloud's login page by itself. At any
other Cloud a person signs in: --interactive opens the browser, which comes back to this machine. Or
--token-stdin takes a token, and what needs a code is not tested. Gives up after four requests
without a whole answer in 20 seconds, or five minutes of waiting for answers.

It ends no session, except with --destroy-session: then three of those that it made itself.
In the dialect platform it signs in twice, for a program's tokens and for a browser's session. It
spends the refresh tokens of both. A browser on this machine gets the tokens alone; a session is
taken from --token-stdin, and is not renewed or ended.
Tokens, codes and personal data are masked in everything that it shows or keeps.

Exit status:
  0  no rule that must hold is broken
  1  one is, or standard output cannot be used
  2  wrong usage
  4  unreachable  nothing answered at that address

Examples:
  mastra-auth check --base-url http://localhost:4300 --project-id demo --destroy-session
  mastra-auth check --base-url https://cloud.mastra.ai --project-id ID --interactive
  mastra-auth check --dialect platform --interactive
  mastra-auth check --list
  mastra-auth check --explain exchange.2")]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is an option that a person writes"
)]
pub(crate) struct CheckArgs {
    /// The Cloud's address; default: the dialect's, which is Mastra Cloud's with `auto`.
    #[arg(long, value_name = "URL", env = "MASTRA_CLOUD_URL")]
    pub(crate) base_url: Option<String>,
    /// The project to sign in to. The dialect platform has none, the others need it.
    #[arg(long, value_name = "ID", env = "MASTRA_PROJECT_ID")]
    pub(crate) project_id: Option<String>,
    /// A second project of the same Cloud, to see that codes and tokens are good for their own alone.
    #[arg(long, value_name = "ID")]
    pub(crate) other_project_id: Option<String>,
    /// An address that the project lists, and not on this machine: others like it must be refused.
    #[arg(long, value_name = "URL")]
    pub(crate) redirect_uri: Option<String>,
    /// The path before the API's own; default the dialect's: `/api/v1`, none, or `/v1`.
    #[arg(long, value_name = "PATH", env = "MASTRA_CLOUD_API_PREFIX")]
    pub(crate) api_prefix: Option<String>,
    /// The login page's path.
    #[arg(long, value_name = "PATH", env = "MASTRA_CLOUD_AUTH_PATH", default_value = DEFAULT_LOGIN_PATH)]
    pub(crate) auth_path: String,
    /// Which form of the Cloud's API is spoken; `auto` asks the Cloud.
    #[arg(long, value_enum, default_value_t = CheckDialect::Auto)]
    pub(crate) dialect: CheckDialect,
    /// Take a session's token from standard input.
    #[arg(long, conflicts_with = "interactive")]
    pub(crate) token_stdin: bool,
    /// Sign in with a browser.
    #[arg(long)]
    pub(crate) interactive: bool,
    /// Also end sessions: three of those that this run makes.
    #[arg(long)]
    pub(crate) destroy_session: bool,
    /// Report this group of rules alone; may be given more than once.
    #[arg(long, value_enum, value_name = "GROUP")]
    pub(crate) only: Vec<CheckGroup>,
    /// The form of the report.
    #[arg(long, value_enum, default_value_t = CheckFormat::Table)]
    pub(crate) format: CheckFormat,
    /// Write what was seen to this file, masked.
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// List the rules, and ask no Cloud.
    #[arg(long)]
    pub(crate) list: bool,
    /// Explain one rule, and ask no Cloud.
    #[arg(long, value_name = "RULE", conflicts_with = "list")]
    pub(crate) explain: Option<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum CheckDialect {
    V1,
    Pkce,
    Platform,
    /// The one whose addresses the Cloud knows.
    Auto,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum CheckFormat {
    /// For people: a line for each rule, more where it is broken.
    Table,
    /// One object with all rules.
    Json,
    /// For CI: a test case for each rule.
    Junit,
    /// For an issue or a pull request.
    Markdown,
}

/// Rules that speak of one thing.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CheckGroup {
    Login,
    Exchange,
    Verify,
    Session,
    User,
    Permissions,
    Logout,
    Envelope,
    Headers,
    Errors,
    Security,
    Keys,
    Claims,
    Robustness,
}

impl CheckGroup {
    /// The name that rules begin with.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Exchange => "exchange",
            Self::Verify => "verify",
            Self::Session => "session",
            Self::User => "user",
            Self::Permissions => "permissions",
            Self::Logout => "logout",
            Self::Envelope => "envelope",
            Self::Headers => "headers",
            Self::Errors => "errors",
            Self::Security => "security",
            Self::Keys => "keys",
            Self::Claims => "claims",
            Self::Robustness => "robustness",
        }
    }
}
