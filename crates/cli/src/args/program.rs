//! The arguments of the commands that sign a program in: `login`, `logout`, `whoami`, `tokens`.

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use mastra_auth_cloud::program::DEFAULT_PLATFORM_URL;

#[derive(ClapArgs)]
pub(crate) struct PlatformArgs {
    /// The platform's address.
    #[arg(long, value_name = "URL", env = "MASTRA_PLATFORM_API_URL", default_value = DEFAULT_PLATFORM_URL)]
    pub(crate) base_url: String,
}

#[derive(ClapArgs)]
pub(crate) struct OrganizationArgs {
    /// The organization; default: the one of the sign-in.
    #[arg(long, value_name = "ID", env = "MASTRA_ORG_ID")]
    pub(crate) organization: Option<String>,
}

#[derive(ClapArgs)]
#[command(after_help = "\
Opens the platform's sign-in in the browser, which comes back to this machine, and waits for five
minutes. In CI and where no person is at a terminal, it prints the address and opens nothing.
The browser has to run on this machine, or come back to it through a forwarded port.

The sign-in is kept in ~/.mastra/credentials.json, as Mastra's own command line keeps it: each of
the two finds the sign-in of the other. Programs use it until `mastra-auth logout`.

Exit status:
  0  signed in
  1  failed       also interrupted, or no one signed in; the file is as it was
  2  wrong usage
  3  refused      the platform ended the sign-in, or the account has no organization
  4  unreachable  the platform did not answer

Examples:
  mastra-auth login
  mastra-auth login --no-browser")]
pub(crate) struct LoginArgs {
    #[command(flatten)]
    pub(crate) platform: PlatformArgs,
    /// Print the address to sign in at, and open no browser.
    #[arg(long)]
    pub(crate) no_browser: bool,
}

#[derive(ClapArgs)]
#[command(after_help = "\
Removes the sign-in from ~/.mastra/credentials.json, and prints what became of its tokens. The
platform has no call with which a program revokes them for sure. So the refresh token is spent, and
its successor thrown away; the access token may be accepted until it expires, within minutes.
A token in MASTRA_API_TOKEN is not touched.

Exit status:
  0  signed out, or there was no sign-in
  1  failed       the file could not be changed
  2  wrong usage
  4  unreachable  signed out of this machine alone: the platform did not answer

Example:
  mastra-auth logout")]
pub(crate) struct LogoutArgs {
    #[command(flatten)]
    pub(crate) platform: PlatformArgs,
}

#[derive(ClapArgs)]
#[command(after_help = "\
Asks the platform about the token in MASTRA_API_TOKEN, else about the sign-in of this machine,
which is refreshed where it has expired. Never prints the token.

Exit status:
  0  signed in
  1  failed       also a credentials file that cannot be read
  2  wrong usage
  3  refused or not signed in
  4  unreachable  the platform did not answer

Examples:
  mastra-auth whoami
  mastra-auth whoami --format json")]
pub(crate) struct WhoamiArgs {
    #[command(flatten)]
    pub(crate) platform: PlatformArgs,
    /// The form of the output.
    #[arg(long, value_enum, default_value_t = ProgramFormat::Table)]
    pub(crate) format: ProgramFormat,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum ProgramFormat {
    /// For people: a line for each thing.
    Table,
    /// For scripts: JSON in one line.
    Json,
}

#[derive(Subcommand)]
pub(crate) enum TokensCommand {
    /// List the keys of an organization, without their secrets.
    #[command(after_help = "\
Exit status: 0 listed, 1 failed, 2 wrong usage, 3 refused or not signed in, 4 unreachable.

Examples:
  mastra-auth tokens list
  mastra-auth tokens list --format json")]
    List {
        #[command(flatten)]
        platform: PlatformArgs,
        #[command(flatten)]
        organization: OrganizationArgs,
        /// The form of the output.
        #[arg(long, value_enum, default_value_t = ProgramFormat::Table)]
        format: ProgramFormat,
    },
    /// Make a key, and print its secret, once.
    #[command(after_help = "\
Prints the secret and nothing else on standard output; name and id go to standard error. The
platform never shows the secret again.

Exit status: 0 made, 1 failed, 2 wrong usage, 3 refused or not signed in, 4 unreachable.

Example:
  mastra-auth tokens create ci > secret")]
    Create {
        /// A name for people, as `ci`.
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        platform: PlatformArgs,
        #[command(flatten)]
        organization: OrganizationArgs,
    },
    /// Revoke a key by its id.
    #[command(after_help = "\
Exit status: 0 revoked, 1 failed, 2 wrong usage, 3 refused or not signed in, 4 unreachable.

Example:
  mastra-auth tokens revoke ID")]
    Revoke {
        /// The key's id, which `mastra-auth tokens list` shows; never its secret.
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        platform: PlatformArgs,
        #[command(flatten)]
        organization: OrganizationArgs,
    },
}
