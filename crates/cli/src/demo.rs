//! `mastra-auth demo`: a local Cloud and an app whose sign-in it is.

mod api;
mod app;
mod page;

use std::process::ExitCode;
use std::time::Duration;

use mastra_auth_cloud::MastraCloudAuth;
use mastra_auth_local_cloud::Options;

use crate::args::DemoArgs;
use crate::dev::{ready, start};
use crate::failure::Failure;
use crate::listen;
use crate::signal::End;

pub(crate) async fn run(args: DemoArgs) -> Result<ExitCode, Failure> {
    let end = End::listen()?;
    let (port, listeners) = listen::loopback(args.port).await?;
    let mut options = Options::default();
    options.port = args.cloud_port;
    options.dialect = args.dialect.of_cloud();
    let cloud = start(options, "--cloud-port").await?;
    let url = format!("http://localhost:{port}");
    let auth = MastraCloudAuth::builder()
        .project_id("demo")
        .base_url(cloud.url())
        .public_url(&*url)
        .dialect(args.dialect.of_client())
        // So that what is done on the admin page shows at once, as nearly as a person can tell.
        .fresh_for(Duration::from_secs(2))
        .build()
        .map_err(|error| Failure::failed(error.to_string()))?;
    let app = app::app(&auth, cloud.url()).map_err(|error| Failure::failed(error.to_string()))?;
    let servers: Vec<_> = listeners
        .into_iter()
        .map(|listener| {
            let app = app.clone();
            tokio::spawn(async move { axum::serve(listener, app).await })
        })
        .collect();
    ready(&format!("ready app={url} cloud={}", cloud.url()))?;
    if args.open {
        open(&url);
    }
    end.come().await;
    // Connections that browsers keep open are cut, not waited for.
    servers.iter().for_each(tokio::task::JoinHandle::abort);
    cloud.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// Opens the browser if this machine has a way to; the address is printed anyway.
fn open(url: &str) {
    let (program, arguments): (_, &[&str]) = match std::env::consts::OS {
        "macos" => ("open", &[]),
        "windows" => ("cmd", &["/C", "start", ""]),
        _ => ("xdg-open", &[]),
    };
    if let Err(error) = std::process::Command::new(program)
        .args(arguments)
        .arg(url)
        .spawn()
    {
        tracing::warn!(%error, "no browser could be opened");
    }
}
