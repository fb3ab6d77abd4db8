//! `mastra-auth`: a demo of sign-in with Mastra Cloud, a local Cloud, and tools for tokens.
//!
//! Results go to standard output, logs and errors to standard error. Exit status: 0 done, 1 failed, 2 wrong usage or a port
//! in use. `token verify`, `token explain` and `jwks lint` have statuses of their own, which their help lists.

mod args;
mod check;
mod demo;
mod dev;
mod doctor;
mod failure;
mod fetch;
mod jwks;
mod key_set;
mod logs;
mod loopback;
mod program;
mod signal;
mod signing_key;
mod stray_token;
mod table;
mod terminal;
mod token;

use std::io::Write as _;
use std::process::ExitCode;

use clap::CommandFactory as _;

use args::{Args, Command, JwksCommand, TokenCommand};
use failure::Failure;
use terminal::LineEnds;

fn main() -> ExitCode {
    let args = Args::read();
    logs::start(args.verbose);
    match run(args.command) {
        Ok(code) => code,
        Err(failure) => {
            // In one line, whatever a file or the system says. If standard error is closed, the message is lost.
            let message = terminal::escape(&failure.to_string(), LineEnds::Escape);
            let _ = writeln!(std::io::stderr(), "error: {message}");
            failure.exit_code()
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Demo(args) => block_on(demo::run(args)),
        Command::Dev(args) => block_on(dev::run(args)),
        Command::Token {
            command: TokenCommand::New(args),
        } => block_on(token::new::run(args)),
        Command::Token {
            command: TokenCommand::Verify(args),
        } => block_on(token::verify::run(args)),
        Command::Token {
            command: TokenCommand::Explain(args),
        } => block_on(token::explain::run(args)),
        Command::Token {
            command: TokenCommand::Inspect,
        } => token::inspect::run(),
        Command::Jwks {
            command: JwksCommand::Lint(args),
        } => block_on(jwks::lint(args)),
        Command::Check(args) => block_on(check::run(args)),
        Command::Doctor(args) => block_on(doctor::run(args)),
        Command::Login(args) => block_on(program::login::run(args)),
        Command::Logout(args) => block_on(program::logout::run(args)),
        Command::Whoami(args) => block_on(program::whoami::run(args)),
        Command::Tokens { command } => block_on(program::tokens::run(command)),
        Command::Completions { shell } => {
            // Generated into memory first: the generator panics if its output is closed.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "mastra-auth", &mut script);
            std::io::stdout()
                .write_all(&script)
                .map_err(|error| Failure::failed(format!("standard output is closed: {error}")))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn block_on(work: impl Future<Output = Result<ExitCode, Failure>>) -> Result<ExitCode, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("the async runtime does not start: {error}")))?
        .block_on(work)
}
