//! `mastra-auth demo`: a local Cloud and an app that signs in with it.

mod api;
mod app;
mod page;

use std::process::ExitCode;
use std::time::Duration;

use mastra_auth_cloud::axum::RoutePaths;
use mastra_auth_cloud::{Dialect, MastraCloudAuth, SameSite};
use mastra_auth_cloud_core::cookie::Secure;
use mastra_auth_local_cloud::{Options, listen};

use tokio::net::TcpListener;

use crate::args::{DemoArgs, SameSiteName};
use crate::dev::{not_started, ready, start};
use crate::failure::Failure;
use crate::signal::End;

/// Short, so that who looks on sees a session rotate.
const ROTATES_AFTER: Duration = Duration::from_secs(10);

pub(crate) async fn run(args: DemoArgs) -> Result<ExitCode, Failure> {
    let end = End::listen()?;
    let (port, listeners) = listen(args.port).map_err(|error| not_started(&error, "--port"))?;
    let mut options = Options::default();
    options.port = args.cloud_port;
    options.dialect = args.dialect.of_cloud();
    options.platform.rotate_after = ROTATES_AFTER;
    let cloud = start(options, "--cloud-port").await?;
    let url = format!("http://localhost:{port}");
    let mut cloud_url = cloud.url().to_owned();
    let mut options = MastraCloudAuth::builder();
    if let Some(name) = args.same_site {
        cloud_url = cloud_url.replace("localhost", "127.0.0.1");
        options = match name {
            SameSiteName::Lax => options.same_site(SameSite::Lax),
            SameSiteName::Strict => options.same_site(SameSite::Strict),
            // Browsers accept it from a secure cookie only, and accept a secure cookie from localhost over plain http too.
            SameSiteName::None => options.same_site(SameSite::None).secure(Secure::Yes),
        };
    }
    let dialect = args.dialect.of_client();
    if dialect == Dialect::Platform {
        // Where the platform sends a browser whose sign-in was denied.
        options = options.route_paths(RoutePaths::default().login("/login"));
    }
    let auth = options
        .project_id("demo")
        .base_url(&*cloud_url)
        .public_url(&*url)
        .dialect(dialect)
        // Short, so that changes on the admin page show almost at once.
        .fresh_for(Duration::from_secs(2))
        .build()
        .map_err(|error| Failure::failed(error.to_string()))?;
    let app =
        app::app(&auth, &cloud_url, dialect).map_err(|error| Failure::failed(error.to_string()))?;
    let servers: Vec<_> = listeners
        .into_iter()
        .map(|listener| {
            let app = app.clone();
            tokio::spawn(async move { axum::serve(TcpListener::from_std(listener)?, app).await })
        })
        .collect();
    ready(&format!("ready app={url} cloud={cloud_url}"))?;
    if args.open {
        open(&url);
    }
    end.come().await;
    // Browsers keep connections open: cut them instead of waiting.
    servers.iter().for_each(tokio::task::JoinHandle::abort);
    cloud.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// Opens the browser if this machine can; the address is printed anyway.
pub(crate) fn open(url: &str) {
    if let Err(error) = open::that_detached(url) {
        tracing::warn!(%error, "no browser could be opened");
    }
}
