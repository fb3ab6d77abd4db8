//! Logs of this project's crates, or as `RUST_LOG` says, on standard error. Coloured only on a terminal without `NO_COLOR`.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

pub(crate) fn start(verbose: u8) {
    let default = match verbose {
        0 => "warn",
        1 => "warn,mastra_auth=info",
        2 => "warn,mastra_auth=debug",
        _ => "warn,mastra_auth=trace",
    };
    let filter = std::env::var(EnvFilter::DEFAULT_ENV)
        .ok()
        .filter(|asked| !asked.is_empty())
        .and_then(|asked| EnvFilter::try_new(asked).ok())
        .unwrap_or_else(|| EnvFilter::new(default));
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal() && !no_color)
        .with_writer(std::io::stderr)
        .init();
}
