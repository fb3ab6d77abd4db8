//! What is looked at of the Cloud: from the server, and from here.

use std::time::Duration;

use jiff::fmt::rfc2822;
use mastra_auth_cloud_core::error::{CODES, Kind};
use reqwest::Url;
use serde_json::Value;

use super::{Judged, path_of, time};
use crate::check::verdict::{failed, not_tested};
use crate::doctor::visit::{Came, Seen, base, is_cloud, is_private, query};

/// The plugin's longest wait for an answer of the Cloud, by default.
const CALL_TIMEOUT: Duration = Duration::from_secs(3);
/// How far clocks may differ, by default.
const LEEWAY: u64 = 30;
/// What a Mastra server says of a failed sign-in by itself.
const OF_THE_SERVER: [&str; 2] = ["sso_not_configured", "Unknown error"];

/// How the title of the local Cloud's pages ends.
const OF_THE_LOCAL_CLOUD: &str = "· Local Cloud</title>";

pub(super) fn local_cloud(seen: &Seen) -> Judged {
    let page = seen.login_url()?;
    if !is_cloud(&page) {
        return not_tested("the login page is not Mastra Cloud's");
    }
    if seen.server.scheme() != "https" || is_private(&seen.server) {
        return not_tested("the server's address is not a public one with https");
    }
    let answer = seen
        .page
        .as_ref()
        .and_then(|came| came.answer.as_ref().ok());
    let is_named = answer.is_some_and(|answer| answer.body.contains(OF_THE_LOCAL_CLOUD));
    let leads = answer.and_then(|answer| Url::parse(&answer.header("location")?).ok());
    let why = if is_named {
        "it is the local Cloud"
    } else if leads.is_some_and(|to| query(&to, "code").is_some()) {
        "it asks for no one's name"
    } else if is_private(&page) {
        "its address is not public"
    } else if page.scheme() != "https" {
        "it is not https"
    } else {
        return Ok(base(&page));
    };
    failed(format!("people sign in at {}: {why}", base(&page)))
}

/// A refusal of the made-up token proves nothing: it may come without a call. A refusal of the made-up code comes from the Cloud.
pub(super) fn server_to_cloud(seen: &Seen) -> Judged {
    seen.login_url()?;
    let path = path_of(seen, "/auth/me");
    if seen.me.answer()?.status == 503 {
        return failed(format!("{path} answers 503 to a made-up token"));
    }
    let Some((why, took)) = (seen.callback.as_ref()).and_then(|came| refusal(seen, came)) else {
        return not_tested("no answer shows whether the server asked its Cloud");
    };
    match CODES.iter().find(|own| own.meaning == why) {
        Some(own) if own.kind == Kind::Network => {
            failed(format!("the callback answers a made-up code: {why}"))
        }
        Some(_) => not_tested(format!("the callback answers a made-up code: {why}")),
        None if OF_THE_SERVER.contains(&&*why) => {
            not_tested("the callback does not say why it refuses a made-up code")
        }
        None => Ok(format!("a made-up code is refused in {}", time(took))),
    }
}

/// Why a callback failed, as a Mastra server puts it into the address to which it sends the browser on. A route of the app's own may
/// name the path alone.
fn refusal(seen: &Seen, callback: &Came) -> Option<(String, Duration)> {
    let answer = callback.answer.as_ref().ok()?;
    let location = (answer.header("location")).filter(|_| (300..400).contains(&answer.status))?;
    let why = query(&seen.server.join(&location).ok()?, "error")?;
    Some((why, callback.took))
}

pub(super) fn clock(seen: &Seen) -> Judged {
    let Some(server) = lead(&seen.capabilities) else {
        return not_tested("the server's answer has no date of its own");
    };
    let mut cloud = [&seen.page, &seen.keys].into_iter().flatten();
    let (of, apart) = match cloud.find_map(lead) {
        Some(cloud) => ("the Cloud's", server.abs_diff(cloud)),
        None => ("this machine's", server.unsigned_abs()),
    };
    if apart > LEEWAY {
        return failed(format!("the server's clock is {apart} s off {of}"));
    }
    Ok(format!("within {} s of {of}", apart.max(1)))
}

/// By how many seconds an answer's clock is ahead of the one here. An answer with an age comes from a cache, and its date is when it
/// was kept (RFC 9111, section 5.1).
fn lead(came: &Came) -> Option<i64> {
    let answer = (came.answer.as_ref().ok()).filter(|answer| answer.header("age").is_none())?;
    let date = answer.header("date")?;
    let date = rfc2822::DateTimeParser::new().parse_timestamp(&date).ok()?;
    Some(date.as_second().saturating_sub(came.at))
}

pub(super) fn cloud(seen: &Seen) -> Judged {
    let page = seen.login_url()?;
    match seen.page.as_ref().map(|came| &came.answer) {
        Some(Ok(_)) => Ok(base(&page)),
        Some(Err(why)) => failed(format!("{}: {why}", base(&page))),
        None => not_tested("it was not asked"),
    }
}

pub(super) fn cloud_speed(seen: &Seen) -> Judged {
    seen.login_url()?;
    let answered = [&seen.page, &seen.keys].into_iter().flatten();
    let slowest = answered
        .filter(|came| came.answer.is_ok())
        .map(|came| came.took)
        .max();
    match slowest {
        Some(took) if took > CALL_TIMEOUT => failed(format!("an answer took {}", time(took))),
        Some(took) => Ok(time(took)),
        None => not_tested("the Cloud does not answer"),
    }
}

/// A Cloud needs no key set: tokens are verified by the Cloud itself, unless the provider is told otherwise.
pub(super) fn keys(seen: &Seen) -> Judged {
    let page = seen.login_url()?;
    if seen.page.as_ref().is_none_or(|came| came.answer.is_err()) {
        return not_tested("the Cloud does not answer");
    }
    let Some(came) = &seen.keys else {
        return not_tested("the login page is not Mastra Cloud's");
    };
    let answer = came.answer()?;
    let set: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let count = match set.get("keys").and_then(Value::as_array).map(Vec::len) {
        Some(count) if answer.status == 200 => count,
        _ if answer.status < 500 => {
            return not_tested("the Cloud publishes no key set, which verification by keys needs");
        }
        _ => 0,
    };
    if count == 0 {
        let status = answer.status;
        return failed(format!(
            "{}/.well-known/jwks.json answers {status} with {count} keys",
            base(&page)
        ));
    }
    Ok(format!("{count} in {}", time(came.took)))
}
