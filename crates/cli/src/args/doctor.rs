//! The arguments of `mastra-auth doctor`.

use clap::Args as ClapArgs;

#[derive(ClapArgs)]
#[command(after_help = "\
Asks a running Mastra server what a browser would ask, and where that leads: at most seven
requests, without a person and without a credential. Reports each thing as red, yellow or green,
with what was seen and what to do about it. It makes no sign-in and changes nothing.

Give the address that people open. What cannot be seen from outside, such as roles and routes,
`npx @mastra/auth-cloud doctor` finds in the app itself. An axum service has no doctor: the guide
docs/guide/doctor.md says what to ask its routes.

Exit status:
  0  nothing is red
  1  something is, or standard output cannot be used
  2  wrong usage
  4  unreachable  nothing answered at that address

Examples:
  mastra-auth doctor --server http://localhost:4111
  mastra-auth doctor --server https://app.example.com --api-prefix /mastra --json
  mastra-auth doctor --list")]
pub(crate) struct DoctorArgs {
    /// The server's address, as people open it.
    #[arg(long, value_name = "URL", required_unless_present = "list")]
    pub(crate) server: Option<String>,
    /// The path of the server's own routes.
    #[arg(long, value_name = "PATH", default_value = "/api")]
    pub(crate) api_prefix: String,
    /// Report one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    /// List what is looked at, and ask no server.
    #[arg(long)]
    pub(crate) list: bool,
}
