//! Arguments of `mastra-auth dev`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};
use mastra_auth_local_cloud::{CallbackState, Dialect, PlatformOptions, RedirectQuery};

#[derive(ClapArgs)]
#[command(after_help = "\
Prints one line when it answers:
  ready cloud=http://localhost:4300

Point your app at it with MASTRA_CLOUD_URL=http://localhost:4300 and MASTRA_PROJECT_ID=demo.
An app that serves the sign-in routes itself, as with axum, also needs MASTRA_PUBLIC_URL: where
browsers reach it, as http://localhost:4111.
The address itself shows what there is; /admin shows sessions and has the switches.
Not for production: it checks no password. It listens on this machine only, unless --bind lets
others in: for tests in containers, in a network of their own.

Exit status:
  0  ended by Ctrl-C
  1  failed
  2  wrong usage, a port in use, or a seed, database, key or person that cannot be used

Examples:
  mastra-auth dev
  mastra-auth dev --db cloud.sqlite --seed examples/seed.toml
  mastra-auth dev --auto-approve member       sign-ins without a click, for scripts
  mastra-auth dev --token-lifetime 60         tokens that an app has to renew
  mastra-auth dev --dialect platform --rotate-after 1
  mastra-auth dev --signing-key key.pem --create-signing-key
  mastra-auth dev --bind 0.0.0.0 --i-know-this-checks-no-password --allow-host cloud")]
pub(crate) struct DevArgs {
    /// Port of the local Cloud; 0 picks a free one.
    #[arg(long, default_value_t = 4300)]
    pub(crate) port: u16,
    /// Keep sessions and keys in this SQLite file; default: in memory.
    #[arg(long, value_name = "FILE")]
    pub(crate) db: Option<PathBuf>,
    /// People, roles and projects, in TOML; default: four people, in the dialect platform six, and the project `demo`.
    #[arg(long, value_name = "FILE")]
    pub(crate) seed: Option<PathBuf>,
    /// Which form of the API is spoken.
    #[arg(long, value_enum, default_value_t = LocalDialect::V1)]
    pub(crate) dialect: LocalDialect,
    /// Sign this person in without asking, by handle, id, e-mail address or role.
    #[arg(long, value_name = "PERSON")]
    pub(crate) auto_approve: Option<String>,
    /// How long sessions last.
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400, value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    pub(crate) session_lifetime: u64,
    /// How long tokens last before they are renewed; default: as long as their session, or 300 in the dialect platform.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    pub(crate) token_lifetime: Option<u64>,
    #[command(flatten)]
    pub(crate) platform: PlatformArgs,
    /// Sign tokens with this private key, PEM or JWK: Ed25519, P-256 or RSA; default: a key of its own.
    #[arg(long, value_name = "FILE")]
    pub(crate) signing_key: Option<PathBuf>,
    /// Write a new Ed25519 key to the file of --signing-key where there is none, readable for its owner alone.
    #[arg(long, requires = "signing_key")]
    pub(crate) create_signing_key: bool,
    /// Answer by this host name too; repeatable. The first one stands in tokens and in the ready line, as `http://NAME:PORT`.
    #[arg(long, value_name = "NAME")]
    pub(crate) allow_host: Vec<String>,
    /// Listen at this address in place of loopback, and answer by it; 0.0.0.0 is every one, and needs --allow-host. Other
    /// machines can then sign in as any person.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) bind: Option<IpAddr>,
    /// Goes with --bind: the network holds tests alone.
    #[arg(long, requires = "bind")]
    pub(crate) i_know_this_checks_no_password: bool,
    /// End where standard input ends: with the program that started it.
    #[arg(long)]
    pub(crate) end_with_stdin: bool,
}

/// What only the dialect platform has.
#[derive(ClapArgs)]
pub(crate) struct PlatformArgs {
    /// Dialect platform: how long a sealed session is good before it is rotated; 0 rotates it each time.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(0..=31_536_000))]
    rotate_after: u64,
    /// Dialect platform: how long after its rotation a sealed session may be rotated again.
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=31_536_000))]
    rotation_leeway: u64,
    /// Dialect platform: leave out the query of `redirect_uri` where a sign-in comes back.
    #[arg(long)]
    drop_redirect_query: bool,
    /// Dialect platform: a sign-in comes back with the `state` of its login address.
    #[arg(long)]
    echo_state: bool,
    /// Dialect platform: a host that a sign-in may come back to, besides loopback, `*.mastra.ai` and `*.mastra.cloud`; repeatable.
    #[arg(long, value_name = "HOST")]
    redirect_host: Vec<String>,
}

impl PlatformArgs {
    pub(crate) fn into_options(self) -> PlatformOptions {
        let mut options = PlatformOptions::default();
        options.rotate_after = Duration::from_secs(self.rotate_after);
        options.rotation_leeway = Duration::from_secs(self.rotation_leeway);
        if self.drop_redirect_query {
            options.redirect_query = RedirectQuery::Drop;
        }
        if self.echo_state {
            options.callback_state = CallbackState::Echo;
        }
        options.redirect_hosts.extend(self.redirect_host);
        options
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum LocalDialect {
    /// `/api/v1` paths and `{ok, data, error}` envelopes.
    V1,
    /// Bare JSON, with proof key for code exchange.
    Pkce,
    /// The hosted sign-in below `/v1`: sealed sessions that rotate, bearers, organizations.
    Platform,
}

impl LocalDialect {
    pub(crate) const fn of_cloud(self) -> Dialect {
        match self {
            Self::V1 => Dialect::V1,
            Self::Pkce => Dialect::Pkce,
            Self::Platform => Dialect::Platform,
        }
    }

    pub(crate) const fn of_client(self) -> mastra_auth_cloud::Dialect {
        match self {
            Self::V1 => mastra_auth_cloud::Dialect::V1,
            Self::Pkce => mastra_auth_cloud::Dialect::Pkce,
            Self::Platform => mastra_auth_cloud::Dialect::Platform,
        }
    }
}
