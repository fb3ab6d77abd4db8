//! The command line. The doc comments of commands and options are their help.

mod check;
mod dev;
mod doctor;
mod program;

use clap::builder::Resettable;
use clap::{
    Args as ClapArgs, Command as ClapCommand, CommandFactory as _, FromArgMatches as _, Parser,
    Subcommand, ValueEnum,
};

use crate::stray_token;
pub(crate) use check::{CheckArgs, CheckDialect, CheckFormat, CheckGroup};
pub(crate) use dev::{DevArgs, LocalDialect};
pub(crate) use doctor::DoctorArgs;
pub(crate) use program::{
    LoginArgs, LogoutArgs, OrganizationArgs, PlatformArgs, ProgramFormat, TokensCommand, WhoamiArgs,
};

/// Sign in with Mastra Cloud: a demo, a local Cloud, a check of any Cloud, and tools for tokens.
#[derive(Parser)]
#[command(
    name = "mastra-auth",
    version,
    max_term_width = 100,
    after_help = "\
Exit status: 0 done, 1 failed, 2 wrong usage; each command's help says more.

Examples:
  mastra-auth demo                     a protected app and a local Cloud, ready to sign in to
  mastra-auth dev --port 4300          the local Cloud alone, for the app you are building
  mastra-auth check --list             the rules that a Cloud is held to
  mastra-auth token inspect < token    what a token says of itself
  mastra-auth completions zsh          a completion script for your shell"
)]
pub(crate) struct Args {
    /// Log more to standard error: -v what happens, -vv every call; RUST_LOG, if set, overrides it.
    #[arg(short, long, global = true, action = clap::ArgAction::Count, display_order = 100)]
    pub(crate) verbose: u8,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Args {
    /// Reads the command line and the environment. Exits with help or an error if the arguments ask for it or are wrong.
    pub(crate) fn read() -> Self {
        let mut command = without_empty(Self::command());
        let matches = command
            .try_get_matches_from_mut(std::env::args_os())
            .unwrap_or_else(|error| stray_token::unsaid(error, std::env::args_os()).exit());
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut command).exit())
    }
}

/// Treats an empty variable as unset, as the library does.
fn without_empty(command: ClapCommand) -> ClapCommand {
    command
        .mut_args(|arg| {
            let value = arg.get_env().and_then(std::env::var_os);
            if value.is_some_and(|value| value.is_empty()) {
                arg.env(Resettable::Reset)
            } else {
                arg
            }
        })
        .mut_subcommands(without_empty)
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run a protected sample app and a local Cloud to sign in to.
    Demo(DemoArgs),
    /// Run the local Cloud alone, for people who build an app.
    Dev(DevArgs),
    /// Get a token of a local Cloud, look at tokens, or ask a Cloud about one.
    #[command(after_help = "\
Tokens come on standard input, never as an argument, where other processes could read them:
the token alone, without \"Bearer\" before it.

Exit status: 0 done, 1 failed, 2 wrong usage; `token verify` and `token explain` have their own,
which their help tells.

Examples:
  mastra-auth token new --as member
  mastra-auth token inspect < token
  mastra-auth token verify --base-url http://localhost:4300 --project-id demo < token")]
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// Look at key sets, which tokens are checked with.
    #[command(after_help = "\
Exit status: 0 done, 1 failed, 2 wrong usage; `jwks lint` has its own, which its help tells.

Example:
  mastra-auth jwks lint https://cloud.mastra.ai/.well-known/jwks.json")]
    Jwks {
        #[command(subcommand)]
        command: JwksCommand,
    },
    /// Hold a Cloud to the contract, rule by rule.
    Check(CheckArgs),
    /// Find out why sign-in at a Mastra server does not work.
    Doctor(DoctorArgs),
    /// Sign in at Mastra's platform, for programs on this machine.
    Login(LoginArgs),
    /// Sign out of this machine, and revoke what the platform lets a program revoke.
    Logout(LogoutArgs),
    /// Say who is signed in, as the platform knows it.
    Whoami(WhoamiArgs),
    /// List, make and revoke the keys of an organization, for programs that no person signs in.
    #[command(after_help = "\
Exit status: 0 done, 1 failed, 2 wrong usage, 3 refused or not signed in, 4 unreachable.

Examples:
  mastra-auth tokens list
  mastra-auth tokens create ci
  mastra-auth tokens revoke ID")]
    Tokens {
        #[command(subcommand)]
        command: TokensCommand,
    },
    /// Print a completion script for a shell.
    #[command(after_help = "\
Exit status: 0 printed, 1 standard output is closed, 2 wrong usage.

Example:
  mastra-auth completions bash > /etc/bash_completion.d/mastra-auth")]
    Completions {
        /// The shell to complete in.
        shell: clap_complete::Shell,
    },
}

#[derive(ClapArgs)]
#[command(after_help = "\
Prints one line when both answer:
  ready app=http://localhost:4111 cloud=http://localhost:4300

Open the app's address, press \"Sign in with Mastra Cloud\", and pick one of four people: owner,
admin, member or viewer. Ctrl-C ends both.

In the dialect platform there are two people more: `outsider` is a member of another organization,
and `newcomer` of none. The app's login route is /login there, and /auth/login in the others.

To call the app as a program, in another terminal:
  curl -H \"Authorization: Bearer $(mastra-auth token new --as member)\" \\
    http://localhost:4111/api/agents

Exit status:
  0  ended by Ctrl-C
  1  failed
  2  wrong usage, or a port in use

Examples:
  mastra-auth demo
  mastra-auth demo --port 0 --cloud-port 0    any two free ports
  mastra-auth demo --dialect platform --open")]
pub(crate) struct DemoArgs {
    /// Port of the sample app; 0 picks a free one.
    #[arg(long, default_value_t = 4111)]
    pub(crate) port: u16,
    /// Port of the local Cloud; 0 picks a free one.
    #[arg(long, default_value_t = 4300)]
    pub(crate) cloud_port: u16,
    /// Which form of the Cloud's API is spoken.
    #[arg(long, value_enum, default_value_t = LocalDialect::V1)]
    pub(crate) dialect: LocalDialect,
    /// `SameSite` of the session cookie. Where it is given, browsers reach the Cloud at 127.0.0.1: to them another site than the app's
    /// localhost, as in production.
    #[arg(long, value_enum, hide = true)]
    pub(crate) same_site: Option<SameSiteName>,
    /// Open the app in the browser.
    #[arg(long)]
    pub(crate) open: bool,
}

#[derive(Subcommand)]
pub(crate) enum TokenCommand {
    /// Sign a person in at a running local Cloud, and print the token.
    New(NewArgs),
    /// Ask a Cloud who a token on standard input belongs to.
    Verify(VerifyArgs),
    /// Check a token on standard input against a key set, and tell each check.
    Explain(ExplainArgs),
    /// Show header and claims of a token on standard input. VERIFIES NOTHING.
    #[command(after_help = "\
Exit status:
  0  shown
  1  not a JWT, or too long for one
  2  wrong usage, or nothing on standard input

Example:
  mastra-auth token inspect < token")]
    Inspect,
}

#[derive(ClapArgs)]
#[command(after_help = "\
Prints the token and nothing else, so that a call can be made with it:
  curl -H \"Authorization: Bearer $(mastra-auth token new --as member)\" \\
    http://localhost:4111/api/agents

The Cloud is one that `mastra-auth dev` or `mastra-auth demo` runs on this machine. The session
shows on its admin page and can be ended there.

Exit status:
  0  printed
  1  failed       no local Cloud answers at that address
  2  wrong usage  also a person that the Cloud does not know

Examples:
  mastra-auth token new --as member
  mastra-auth token new --as viewer --lifetime 60        a token that ends in a minute
  mastra-auth token new --as owner --cloud-url http://localhost:4301")]
pub(crate) struct NewArgs {
    /// The person to sign in, by handle, id, e-mail address or role.
    #[arg(long = "as", value_name = "PERSON")]
    pub(crate) person: String,
    /// The local Cloud's address.
    #[arg(
        long,
        value_name = "URL",
        env = "MASTRA_CLOUD_URL",
        default_value = "http://localhost:4300"
    )]
    pub(crate) cloud_url: String,
    /// How long the token lasts; default: as long as every token there.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    pub(crate) lifetime: Option<u64>,
}

#[derive(ClapArgs)]
#[command(after_help = "\
Prints one JSON object, never the token:
  {\"outcome\":\"authenticated\",\"code\":null,\"status\":200,\"user\":{\"id\":\"usr_1\",...}}

Input without the form of a token is rejected without a call. `code` says more:
`unknown_project` speaks of the project, not of the token, and `invalid_response` often of a Cloud
in another dialect.

In the dialect platform a bearer token is asked about at /auth/verify. A sealed session, as the
cookie wos-session has it, is asked about at /auth/me. The platform may answer with a newer session
and refuse the old one from then on. The newer one is thrown away here, so do not ask about a
session that a browser still needs.

Exit status:
  0  authenticated  the Cloud knows whose it is
  1  failed         standard input or output cannot be used
  2  wrong usage    also where standard input is empty
  3  rejected       the Cloud refuses it: a 4xx other than 408, 425 and 429
  4  unavailable    it could not be found out

Examples:
  mastra-auth token verify --base-url http://localhost:4300 --project-id demo < token
  mastra-auth token verify --dialect platform < token")]
pub(crate) struct VerifyArgs {
    /// The Cloud's address; default: the dialect's.
    #[arg(long, value_name = "URL", env = "MASTRA_CLOUD_URL")]
    pub(crate) base_url: Option<String>,
    /// The project the token is for. The dialect platform has none, the others need it.
    #[arg(long, value_name = "ID", env = "MASTRA_PROJECT_ID")]
    pub(crate) project_id: Option<String>,
    /// Which form of the Cloud's API is spoken.
    #[arg(
        long,
        value_enum,
        env = "MASTRA_CLOUD_DIALECT",
        default_value_t = LocalDialect::V1
    )]
    pub(crate) dialect: LocalDialect,
}

#[derive(ClapArgs)]
#[command(after_help = "\
Prints a line for each check, in the order they are made, and never the token:
  form       passed
  header     passed
  algorithm  passed
  key        failed  token_key_unknown: The token names a key that is not in the key set.
  signature  not looked at
  claims     not looked at

The claims follow where every check passed. Clocks may differ by 30 s, so a token counts that
long past its end. Whether the session still lives only the Cloud knows.

Exit status:
  0  every check passed
  1  failed       standard input or output cannot be used
  2  wrong usage, a file that cannot be read, or nothing on standard input
  3  refused      a check failed
  4  unavailable  the key set could not be fetched or has no usable key

Example:
  mastra-auth token explain --audience demo \\
    --jwks http://localhost:4300/.well-known/jwks.json < token")]
pub(crate) struct ExplainArgs {
    /// The key set: a file, or an address.
    #[arg(long, value_name = "FILE|URL")]
    pub(crate) jwks: String,
    /// The audience that the token must have (`aud`): the project.
    #[arg(long, value_name = "ID", env = "MASTRA_PROJECT_ID")]
    pub(crate) audience: String,
    /// The issuer it must have (`iss`); default: any.
    #[arg(long, value_name = "TEXT")]
    pub(crate) issuer: Option<String>,
}

#[derive(Subcommand)]
pub(crate) enum JwksCommand {
    /// Say of each key whether it can be used and for what, or why not.
    Lint(LintArgs),
}

#[derive(ClapArgs)]
#[command(after_help = "\
Prints two lines for each key, more where something about it is odd:
  kid=key_1 kty=RSA alg=RS256
    usable   RS256
  kid=key_2 kty=oct alg=HS256
    refused  symmetric: It is a shared secret, which never comes from a key set.

Exit status:
  0  every key can be used
  1  failed       standard output cannot be used
  2  wrong usage, or a file that cannot be read
  3  refused      a key cannot be used, or it is no key set
  4  unavailable  the key set could not be fetched

Examples:
  mastra-auth jwks lint https://cloud.mastra.ai/.well-known/jwks.json
  mastra-auth jwks lint keys.json")]
pub(crate) struct LintArgs {
    /// The key set: a file, or an address.
    #[arg(value_name = "FILE|URL")]
    pub(crate) source: String,
}

/// Values of the session cookie's `SameSite`.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum SameSiteName {
    Lax,
    Strict,
    None,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DialectName {
    /// `/api/v1` paths and `{ok, data, error}` envelopes.
    V1,
    /// Bare JSON, with proof key for code exchange.
    Pkce,
    /// The hosted sign-in below `/v1`: sealed sessions that rotate, bearers, organizations.
    Platform,
}

impl DialectName {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::Pkce => "pkce",
            Self::Platform => "platform",
        }
    }

    #[cfg(test)]
    pub(crate) const fn of_cloud(self) -> mastra_auth_local_cloud::Dialect {
        match self {
            Self::V1 => mastra_auth_local_cloud::Dialect::V1,
            Self::Pkce => mastra_auth_local_cloud::Dialect::Pkce,
            Self::Platform => mastra_auth_local_cloud::Dialect::Platform,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Args::command().debug_assert();
    }

    /// A command that clap breaks across lines cannot be copied.
    #[test]
    fn no_line_after_a_help_is_broken() {
        fn look(command: &clap::Command) {
            let text = command.get_after_help().map(ToString::to_string);
            for line in text.unwrap_or_default().lines() {
                assert!(line.len() <= 100, "{}: {line}", command.get_name());
            }
            command.get_subcommands().for_each(look);
        }
        look(&super::Args::command());
    }
}
