//! `mastra-auth token new`: prints only a local Cloud's token on standard output.
//!
//! Requests it from the local Cloud's admin route, which any program on this machine may use. Never asks another machine.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use mastra_auth_cloud_core::url::BaseUrl;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::args::NewArgs;
use crate::failure::Failure;

const TIMEOUT: Duration = Duration::from_secs(30);
/// More than any answer of a local Cloud.
const MAX_BYTES: usize = 256 * 1024;

pub(crate) async fn run(args: NewArgs) -> Result<ExitCode, Failure> {
    let url = BaseUrl::parse(&args.cloud_url)
        .ok()
        .filter(BaseUrl::is_loopback)
        .ok_or_else(|| {
            Failure::usage(
                "--cloud-url: only a local Cloud gives tokens, and it is on this machine, as http://localhost:4300",
            )
        })?;
    let (status, answer) = ask(url.as_str(), &args).await?;
    let told = |name: &str| answer.get(name).and_then(Value::as_str);
    if let (StatusCode::OK, Some(token)) = (status, told("token")) {
        writeln!(std::io::stdout(), "{token}")
            .map_err(|error| Failure::failed(format!("standard output is closed: {error}")))?;
        return Ok(ExitCode::SUCCESS);
    }
    if let (StatusCode::NOT_FOUND, Some(people)) = (status, answer.get("people")) {
        let people = people.as_array().into_iter().flatten();
        let people: Vec<_> = people.filter_map(Value::as_str).collect();
        let people = people.join(", ");
        return Err(Failure::usage(format!(
            "--as: the local Cloud has no such person; there are {people}"
        )));
    }
    Err(no_local_cloud(
        url.as_str(),
        "what answers there is another program",
    ))
}

async fn ask(url: &str, args: &NewArgs) -> Result<(StatusCode, Value), Failure> {
    let broken = |error: reqwest::Error| {
        let why = if error.is_connect() {
            "nothing listens there"
        } else {
            "no whole answer came"
        };
        no_local_cloud(url, why)
    };
    let client = Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .timeout(TIMEOUT)
        .build()
        .map_err(broken)?;
    let mut asked = json!({ "person": args.person });
    if let (Some(lifetime), Some(members)) = (args.lifetime, asked.as_object_mut()) {
        members.insert("lifetime".into(), lifetime.into());
    }
    let request = client
        .post(format!("{}/admin/api/tokens", url.trim_end_matches('/')))
        .header(CONTENT_TYPE, "application/json")
        .body(asked.to_string());
    let mut answer = request.send().await.map_err(broken)?;
    let status = answer.status();
    let mut text = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(broken)? {
        if text.len().saturating_add(chunk.len()) > MAX_BYTES {
            break;
        }
        text.extend_from_slice(&chunk);
    }
    Ok((status, serde_json::from_slice(&text).unwrap_or_default()))
}

fn no_local_cloud(url: &str, why: &str) -> Failure {
    Failure::failed(format!(
        "no local Cloud answers at {url}: {why}; `mastra-auth dev` starts one, and --cloud-url names another"
    ))
}
