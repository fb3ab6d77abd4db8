//! What is looked at from outside, each with a code that never changes, what holds, and what to do where it does not.

mod cloud;
mod cookies;

use std::time::Duration;

use reqwest::Url;
use serde::Serialize;
use serde_json::Value;

use super::visit::{Seen, base, is_cloud, is_loopback, is_platform, query};
use crate::check::verdict::{Verdict, failed, not_tested};
use cloud::{clock, cloud, cloud_speed, keys, local_cloud, server_to_cloud};
use cookies::{
    cookie_domain, cookie_http_only, cookie_kept, cookie_path, cookie_same_site, cookie_secure,
    login_cookie,
};

/// What was seen where it holds, and why it does not otherwise.
type Judged = Result<String, Verdict>;

/// What a thing that does not hold counts as.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Light {
    /// Sign-in does not work or is not safe.
    Red,
    /// It works, but something is lost.
    Yellow,
}

pub(super) struct Rule {
    pub(super) code: &'static str,
    pub(super) light: Light,
    pub(super) holds: &'static str,
    pub(super) mend: &'static str,
    pub(super) judge: fn(&Seen) -> Judged,
}

const fn rule(
    code: &'static str,
    light: Light,
    holds: &'static str,
    judge: fn(&Seen) -> Judged,
    mend: &'static str,
) -> Rule {
    Rule {
        code,
        light,
        holds,
        mend,
        judge,
    }
}

use Light::{Red, Yellow};

#[rustfmt::skip]
pub(super) const RULES: [Rule; 25] = [
    rule("server", Red, "a Mastra server answers", server, "Give the address of the Mastra server, and its routes' path with --api-prefix where that is not /api. An axum service has no doctor."),
    rule("auth", Red, "the server has sign-in", auth, "Give the server a provider: new Mastra({ server: { auth } })."),
    rule("provider", Yellow, "a login page is offered", provider, "Where people shall sign in, give the server a provider with a login page, such as MastraCloudAuth."),
    rule("login", Red, "a sign-in can begin", login, "Read the server's log: the provider's getLoginUrl or getLoginCookies failed."),
    rule("login-page", Red, "the login page takes the request", login_page, "Use a project id that exists there, and allow the callback's address in the project's settings."),
    rule("platform-host", Red, "the platform sends people back to this host", platform_host, "Serve the app on a host below mastra.cloud or mastra.ai, or ask Mastra to allow your own domain."),
    rule("local-cloud", Red, "production takes no Cloud for tests", local_cloud, "Set baseUrl or MASTRA_CLOUD_URL to Mastra Cloud, and remove localCloudForTests and MASTRA_LOCAL_CLOUD_FOR_TESTS: a local Cloud checks no password."),
    rule("callback-scheme", Red, "the callback has the server's scheme", callback_scheme, "Make the proxy set X-Forwarded-Proto and X-Forwarded-Host where it ends TLS, and leave the latter out where the browser comes by plain http."),
    rule("callback-host", Red, "the callback is where people are", callback_host, "Make the proxy pass the public name on, as Host or X-Forwarded-Host; remove a fixed callback address from the provider."),
    rule("loopback-name", Red, "one name of this machine throughout", loopback_name, "Open the app by the same name that the callback has: browsers keep cookies of localhost and 127.0.0.1 apart."),
    rule("callback-route", Red, "the callback reaches the server", callback_route, "Route the callback's path to the Mastra server, with its query and without a sign-in of the proxy's own before it."),
    rule("callback-id", Red, "only the browser that began a sign-in finishes it", callback_id, "Add authCallbackRoute(auth) to the server's apiRoutes: at the server's own callback a browser takes another person's sign-in for its own."),
    rule("login-cookie", Red, "a cookie ties the sign-in to the browser", login_cookie, "Make the proxy pass Set-Cookie on, and give the provider a synchronous getLoginCookies."),
    rule("cookie-kept", Red, "browsers keep that cookie", cookie_kept, "Remove the fixed secure or cookie prefix from the provider's options, or serve the app over https."),
    rule("cookie-secure", Red, "over https that cookie is Secure", cookie_secure, "Remove secure: false and MASTRA_COOKIE_SECURE=false."),
    rule("cookie-domain", Red, "that cookie is for the server's host", cookie_domain, "Set cookieDomain or MASTRA_COOKIE_DOMAIN to the server's host or a domain above it, or leave it out."),
    rule("cookie-path", Red, "that cookie's Path holds the callback", cookie_path, "Give the login cookie the Path /, and let a proxy that changes a cookie's Path leave the callback's within it."),
    rule("cookie-same-site", Red, "that cookie comes back with the callback", cookie_same_site, "Make the login cookie SameSite=Lax: the callback comes from the Cloud's site, where browsers hold Strict cookies back."),
    rule("cookie-http-only", Yellow, "no script reads that cookie", cookie_http_only, "Make the login cookie HttpOnly."),
    rule("routes-closed", Red, "routes want a signed-in user", routes_closed, "Name the routes' path in the provider's option protected, as protected: ['/mastra/*']."),
    rule("server-to-cloud", Red, "the server reaches its Cloud", server_to_cloud, "Let the server reach the Cloud: check its proxy, firewall, DNS and certificates from that machine."),
    rule("clock", Red, "the clocks agree", clock, "Set the server's clock by NTP: tokens are refused where clocks differ by more than the leeway."),
    rule("cloud", Red, "the Cloud answers from here", cloud, "Check the provider's baseUrl or MASTRA_CLOUD_URL, and whether that address answers from this machine."),
    rule("cloud-speed", Yellow, "the Cloud answers in time", cloud_speed, "Find what slows the Cloud down from here, or raise MASTRA_CALL_TIMEOUT: the plugin waits for 3 s."),
    rule("keys", Yellow, "the Cloud's keys can be fetched", keys, "Where tokens are verified by keys, give verification.jwksUrl an address that serves the Cloud's key set."),
];

fn path_of(seen: &Seen, path: &str) -> String {
    format!("GET {}{path}", seen.api)
}

fn server(seen: &Seen) -> Judged {
    let path = path_of(seen, "/auth/capabilities");
    let status = seen.capabilities.answer()?.status;
    if seen.said().get("enabled").is_some_and(Value::is_boolean) {
        return Ok(seen.server.origin().ascii_serialization());
    }
    failed(match status {
        200..300 => format!("{path} does not answer as a Mastra server does"),
        _ => format!("{path} answers {status}"),
    })
}

fn auth(seen: &Seen) -> Judged {
    match seen.said().get("enabled").and_then(Value::as_bool) {
        Some(true) => Ok(String::new()),
        Some(false) => failed("everyone who reaches the server may use every route"),
        None => not_tested("no Mastra server answers there"),
    }
}

fn provider(seen: &Seen) -> Judged {
    let said = seen.capabilities()?;
    let Some(sso) = said.pointer("/login/sso").filter(|sso| sso.is_object()) else {
        return failed("no login page is offered: programs may have keys, and people a password");
    };
    let text = sso.get("text").and_then(Value::as_str).unwrap_or_default();
    Ok(match seen.login_url() {
        Ok(page) if is_cloud(&page) => {
            let project = query(&page, "project_id").unwrap_or_default();
            format!("\"{text}\" at {}, project {project}", base(&page))
        }
        Ok(page) => format!("\"{text}\" at {}", page.origin().ascii_serialization()),
        Err(_) => format!("\"{text}\""),
    })
}

fn login(seen: &Seen) -> Judged {
    provider(seen).map_err(|_| Verdict::NotTested("no login page is offered".to_owned()))?;
    let status = seen.login.answer()?.status;
    if seen.login_url().is_ok() {
        return Ok(String::new());
    }
    let path = path_of(seen, "/auth/sso/login");
    failed(format!("{path} answers {status}, without a login page"))
}

fn login_page(seen: &Seen) -> Judged {
    let page = seen.login_url()?;
    let Some(Ok(answer)) = seen.page.as_ref().map(|came| &came.answer) else {
        return not_tested("the Cloud does not answer");
    };
    match answer.status {
        200..400 => Ok(String::new()),
        _ if platform_host(seen).is_err() => {
            not_tested("the platform does not send people back to the callback's host")
        }
        status => failed(format!("{} answers {status}", base(&page))),
    }
}

/// Below these names the platform sends people back, and to a machine's own.
const PLATFORM_HOSTS: [&str; 2] = [".mastra.cloud", ".mastra.ai"];

fn platform_host(seen: &Seen) -> Judged {
    let (page, callback) = (seen.login_url()?, seen.redirect()?);
    if !is_platform(&page) {
        return Ok(String::new());
    }
    let host = callback.host_str().unwrap_or_default();
    let answer = (seen.page.as_ref()).and_then(|came| came.answer.as_ref().ok());
    // Its list may have grown.
    let is_taken = answer.is_some_and(|answer| (200..400).contains(&answer.status));
    if is_taken || is_loopback(&callback) || PLATFORM_HOSTS.iter().any(|name| host.ends_with(name))
    {
        return Ok(host.to_owned());
    }
    failed(format!(
        "people come back to {host}, and the platform takes hosts below mastra.cloud and mastra.ai"
    ))
}

fn callback_scheme(seen: &Seen) -> Judged {
    let callback = seen.redirect()?;
    if callback.scheme() == seen.server.scheme() {
        return Ok(callback.scheme().to_owned());
    }
    let (asked, scheme) = (seen.server.scheme(), callback.scheme());
    failed(format!(
        "people come by {asked}, and the server sends them back to {}: {scheme}",
        shown(&callback)
    ))
}

fn callback_host(seen: &Seen) -> Judged {
    let callback = seen.redirect()?;
    let is_here = place(&callback) == place(&seen.server);
    // Names of this machine, and ports that follow from the scheme, have codes of their own.
    let is_loopback = is_loopback(&callback) && is_loopback(&seen.server);
    let is_same_host = callback.host_str() == seen.server.host_str();
    let is_default = callback.port().is_none() && seen.server.port().is_none();
    let is_other_scheme = callback.scheme() != seen.server.scheme();
    let port = |url: &Url| url.port_or_known_default();
    if is_here
        || (is_same_host && is_default)
        || (is_same_host && is_other_scheme)
        || (is_loopback && port(&callback) == port(&seen.server))
    {
        return Ok(shown(&callback));
    }
    failed(format!(
        "people are at {}, and come back to {}",
        seen.server.origin().ascii_serialization(),
        shown(&callback)
    ))
}

fn loopback_name(seen: &Seen) -> Judged {
    let callback = seen.redirect()?;
    let (here, back) = (seen.server.host_str(), callback.host_str());
    let (here, back) = (here.unwrap_or_default(), back.unwrap_or_default());
    if !is_loopback(&callback) || !is_loopback(&seen.server) || here == back {
        return Ok(String::new());
    }
    failed(format!("people are at {here}, and come back to {back}"))
}

fn callback_route(seen: &Seen) -> Judged {
    let callback = seen.redirect()?;
    let Some(came) = &seen.callback else {
        return not_tested("the callback is at another address");
    };
    match came.answer()?.status {
        status @ (401..=405 | 407 | 410 | 500..) => {
            failed(format!("GET {} answers {status}", callback.path()))
        }
        _ => Ok(callback.path().to_owned()),
    }
}

/// The platform replaces the state by its product's name, and the server's own callback passes on nothing else.
fn callback_id(seen: &Seen) -> Judged {
    let (page, callback) = (seen.login_url()?, seen.redirect()?);
    let own = format!("{}/auth/sso/callback", seen.api);
    if is_platform(&page) && callback.path() == own {
        return failed(format!(
            "people come back to {own}, and the platform replaces the state"
        ));
    }
    Ok(callback.path().to_owned())
}

fn routes_closed(seen: &Seen) -> Judged {
    seen.capabilities()?;
    let path = path_of(seen, "/agents");
    match seen.agents.answer()?.status {
        401 => Ok(String::new()),
        200 => failed(format!("{path} answers 200 without a credential")),
        403 => failed(format!("{path} answers 403, and asks for no user before")),
        status => not_tested(format!("{path} answers {status}")),
    }
}

/// An address without its query, which may hold a secret of the app.
fn shown(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

fn place(url: &Url) -> (Option<&str>, Option<u16>) {
    (url.host_str(), url.port_or_known_default())
}

fn time(took: Duration) -> String {
    format!("{} ms", took.as_millis().max(1))
}
