//! Where a sign-in begins and where it ends: the identity service between them is `pages/sign_in.rs`.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse as _;
use http::header::LOCATION;
use http::{HeaderValue, StatusCode, Uri};
use url::{Host, Url, form_urlencoded};

use super::asked::Answer;
use super::problem::Problem;
use super::sessions::portrait;
use crate::cloud::{Cloud, SignIn, WayBack, lock};
use crate::pages::sign_in::PATH;
use crate::platform_options::{CallbackState, PlatformOptions, RedirectQuery};
use crate::store::{Membership, SessionRow, User};

type Shared = State<Arc<Cloud>>;

const FAILED: Problem = Problem::failed("The session could not be made.");
const NO_ADDRESS: Problem =
    Problem::field("redirect_uri", "The redirect_uri is missing, or is no URL.");
const NO_PORT: Problem = Problem::field("cli_port", "The cli_port is missing, or is no port.");
const NOT_ALLOWED: Problem = Problem::bad("redirect_uri host not allowed");

pub(super) async fn login(State(cloud): Shared, uri: Uri) -> Answer {
    let options = lock(&cloud.platform).clone();
    let sign_in = read(&options, uri.query().unwrap_or_default())?;
    if let Some(id) = &cloud.auto_approve {
        let person = Some(id.clone());
        return land(&cloud, &options, &SignIn { person, ..sign_in });
    }
    let number = cloud.sign_ins.add(sign_in, cloud.now()).ok_or(FAILED)?;
    go(&format!("{PATH}?number={number}"))
}

/// Only the identity service sends a browser here.
pub(super) async fn callback(State(cloud): Shared, uri: Uri) -> Answer {
    let parameters = parameters(uri.query().unwrap_or_default())?;
    let code = parameters
        .get("code")
        .map(String::as_str)
        .unwrap_or_default();
    let sign_in = cloud
        .sign_ins
        .take(code, cloud.now())
        .ok_or(Problem::bad("The code is not valid."))?;
    let options = lock(&cloud.platform).clone();
    land(&cloud, &options, &sign_in)
}

/// Makes the session and sends the browser back with it, or with the refusal.
fn land(cloud: &Cloud, options: &PlatformOptions, sign_in: &SignIn) -> Answer {
    let person = sign_in.person.as_deref();
    let user = match person.map(|id| cloud.store.user(id)).transpose()? {
        None => None,
        Some(user) => Some(user.ok_or(FAILED)?),
    };
    let asked = sign_in.organization_id.as_deref();
    let location = match (&sign_in.way_back, user) {
        (WayBack::App { redirect_uri, .. }, None) => {
            let mut page = redirect_uri.clone();
            page.set_path("/login");
            page.set_query(None);
            denied(&mut page);
            page
        }
        (WayBack::Program { port, state }, None) => {
            let mut page = listener(*port)?;
            denied(&mut page);
            page.query_pairs_mut().append_pair("state", state);
            page
        }
        (
            WayBack::App {
                redirect_uri,
                path,
                state,
            },
            Some(user),
        ) => {
            let (session, _) = session(cloud, &user, asked)?;
            let sealed = cloud.seal(&session, session.organization_id(), session.created_at)?;
            let mut page = redirect_uri.clone();
            if options.redirect_query == RedirectQuery::Drop {
                page.set_query(None);
            }
            let echoed = (state.clone()).filter(|_| options.callback_state == CallbackState::Echo);
            let state = echoed.unwrap_or_else(|| format!("deploy|{path}"));
            page.query_pairs_mut()
                .append_pair("code", &sealed)
                .append_pair("state", &state);
            page
        }
        (WayBack::Program { port, state }, Some(user)) => {
            let (session, own) = session(cloud, &user, asked)?;
            let tokens =
                cloud.program_tokens(&user, &session, own.as_ref(), session.created_at, None)?;
            let mut page = listener(*port)?;
            page.query_pairs_mut()
                .append_pair("state", state)
                .append_pair("token", &tokens.access)
                .append_pair("refresh_token", &tokens.refresh)
                .append_pair("user", &portrait(cloud, &user).to_string())
                .append_pair("org", session.organization_id().unwrap_or_default());
            page
        }
    };
    go(location.as_str())
}

fn denied(page: &mut Url) {
    page.query_pairs_mut()
        .append_pair("error", "access_denied")
        .append_pair("error_description", "The sign-in was denied.");
}

fn session(
    cloud: &Cloud,
    user: &User,
    asked: Option<&str>,
) -> Result<(SessionRow, Option<Membership>), Problem> {
    let (session, own) = cloud
        .platform_session(user, asked)?
        .ok_or(Problem::forbidden(
            "You are no member of that organization.",
        ))?;
    cloud.store.add_session(&session)?;
    Ok((session, own))
}

/// Where a program listens.
fn listener(port: u16) -> Result<Url, Problem> {
    Url::parse(&format!("http://127.0.0.1:{port}/callback")).map_err(|_| FAILED)
}

fn go(location: &str) -> Answer {
    let location = HeaderValue::from_str(location).map_err(|_| FAILED)?;
    Ok((StatusCode::FOUND, [(LOCATION, location)]).into_response())
}

/// A query's parameters, each at most once.
fn parameters(query: &str) -> Result<BTreeMap<String, String>, Problem> {
    let mut parameters = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if parameters
            .insert(name.into_owned(), value.into_owned())
            .is_some()
        {
            return Err(Problem::bad("A parameter appears twice in the address."));
        }
    }
    Ok(parameters)
}

/// What a login address asks for. Parameters that are not known are ignored.
fn read(options: &PlatformOptions, query: &str) -> Result<SignIn, Problem> {
    let mut parameters = parameters(query)?;
    let mut take = |name: &str| parameters.remove(name).filter(|value| !value.is_empty());
    let state = take("state");
    if state.as_ref().is_some_and(|state| state.len() > 8192) {
        return Err(Problem::field(
            "state",
            "The state is longer than 8192 bytes.",
        ));
    }
    // Both are read whichever product it is, so that none is wrong unseen.
    let address = take("redirect_uri").map(|address| Url::parse(&address));
    let address = address.transpose().map_err(|_| NO_ADDRESS)?;
    let port = take("cli_port").map(|port| port.parse::<NonZeroU16>());
    let port = port.transpose().map_err(|_| NO_PORT)?;
    let way_back = match take("product").as_deref() {
        Some("deploy" | "studio") => {
            let address = address.ok_or(NO_ADDRESS)?;
            if !may_redirect(options, &address) {
                return Err(NOT_ALLOWED);
            }
            WayBack::App {
                redirect_uri: address,
                path: take("post_login_redirect").unwrap_or_else(|| "/".to_owned()),
                state,
            }
        }
        Some("cli") => WayBack::Program {
            port: port.ok_or(NO_PORT)?.get(),
            state: state.ok_or(Problem::field("state", "The state is missing."))?,
        },
        _ => {
            return Err(Problem::field(
                "product",
                "The product is studio, deploy or cli.",
            ));
        }
    };
    Ok(SignIn {
        way_back,
        organization_id: take("organization_id"),
        person: None,
    })
}

/// To this machine, or over https to a host of the options.
fn may_redirect(options: &PlatformOptions, address: &Url) -> bool {
    let bare = address.username().is_empty()
        && address.password().is_none()
        && address.fragment().is_none();
    let is_local = match address.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    let is_listed = address.host_str().is_some_and(|host| options.allows(host));
    bare && match address.scheme() {
        "http" => is_local,
        "https" => is_local || is_listed,
        _ => false,
    }
}
