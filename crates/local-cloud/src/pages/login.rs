//! The login page: pick a person, or deny. Viewing it signs no one in; submitting its form does, which has a number valid
//! once.

use std::sync::Arc;

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::response::{IntoResponse as _, Response};
use http::header::{CONTENT_SECURITY_POLICY, LOCATION};
use http::{HeaderValue, StatusCode, Uri};
use maud::{Markup, html};
use serde::Deserialize;
use url::form_urlencoded;

use super::{frame, policy, refusal};
use crate::Dialect;
use crate::cloud::{Cloud, PendingLogin, millis};
use crate::keys::random_secret;
use crate::store::{Code, User};

pub(super) async fn show(State(cloud): State<Arc<Cloud>>, uri: Uri) -> Response {
    cloud.note("login", "GET", 200, 0);
    let asked = match read(&cloud, uri.query().unwrap_or_default()) {
        Ok(asked) => asked,
        Err(why) => return refusal(StatusCode::BAD_REQUEST, "This sign-in cannot begin", why),
    };
    let Ok(users) = cloud.store.users() else {
        return failed();
    };
    if let Some(id) = &cloud.auto_approve {
        return match users.iter().find(|user| user.id == *id) {
            Some(user) => approve(&cloud, &asked, user),
            None => failed(),
        };
    }
    let Some(number) = cloud.pending.add(asked.clone(), cloud.now()) else {
        return failed();
    };
    let Ok(app) = url::Url::parse(&asked.redirect_uri) else {
        return failed();
    };
    let asks = html! { "for the project " code { (asked.project_id) } };
    let role = |user: &User| user.role.clone();
    picker(&app, "/auth/oss", &number, &users, &asks, role)
}

/// A page to pick a person from. `asks` goes on with "ORIGIN asks who you are, ".
pub(super) fn picker(
    app: &url::Url,
    action: &str,
    number: &str,
    users: &[User],
    asks: &Markup,
    role: impl Fn(&User) -> String,
) -> Response {
    let origin = match app.origin() {
        url::Origin::Opaque(_) => format!("{}:", app.scheme()),
        known @ url::Origin::Tuple(..) => known.ascii_serialization(),
    };
    let page = html! {
        section.card {
            h1 { "Sign in with Mastra Cloud" }
            p { strong { (origin) } " asks who you are, " (asks) "." }
            form method="post" action=(action) {
                input type="hidden" name="number" value=(number);
                ul.people aria-label="People" {
                    @for user in users {
                        li { button.person type="submit" name="person" value=(user.id) data-person=(user.handle) {
                            img src=(format!("/avatars/{}.svg", user.handle)) alt="" width="44" height="44";
                            span.who { strong { (user.name) } span { (user.email) } }
                            span.chip { (role(user)) }
                        } }
                    }
                }
                p.actions { button.quiet type="submit" name="person" value="" { "Deny" } }
            }
        }
    };
    let mut response = frame("Sign in", "narrow", &page).into_response();
    response.headers_mut().insert(
        CONTENT_SECURITY_POLICY,
        policy(&format!("'self' {}", target(app, &origin))),
    );
    response
}

/// The return address as a policy source. Policies have no IPv6 addresses, so those are listed by scheme.
fn target(app: &url::Url, origin: &str) -> String {
    match app.host() {
        Some(url::Host::Ipv6(_)) => format!("{}:", app.scheme()),
        _ => origin.to_owned(),
    }
}

#[derive(Deserialize)]
pub(super) struct Decision {
    pub(super) number: String,
    pub(super) person: String,
}

pub(super) async fn decide(
    State(cloud): State<Arc<Cloud>>,
    form: Result<Form<Decision>, FormRejection>,
) -> Response {
    let Ok(Form(decision)) = form else {
        return refusal(
            StatusCode::BAD_REQUEST,
            "This is not the login page's form",
            "Go back to the app and sign in again.",
        );
    };
    let Some(asked) = cloud.pending.take(&decision.number, cloud.now()) else {
        return refusal(
            StatusCode::BAD_REQUEST,
            "This page was already used",
            "Go back to the app and sign in again.",
        );
    };
    if decision.person.is_empty() {
        return go_back(&asked, "error", "access_denied");
    }
    match cloud.store.user(&decision.person) {
        Ok(Some(user)) => approve(&cloud, &asked, &user),
        Ok(None) => refusal(
            StatusCode::BAD_REQUEST,
            "There is no such person",
            "Go back to the app and sign in again.",
        ),
        Err(_) => failed(),
    }
}

fn approve(cloud: &Cloud, asked: &PendingLogin, user: &User) -> Response {
    let Ok(code) = random_secret("code_") else {
        return failed();
    };
    let kept = Code {
        project_id: asked.project_id.clone(),
        redirect_uri: asked.redirect_uri.clone(),
        challenge: asked.challenge.clone(),
        user_id: user.id.clone(),
        expires_at: cloud.now().saturating_add(millis(cloud.code_lifetime)),
    };
    match cloud.store.add_code(&code, &kept) {
        Ok(()) => go_back(asked, "code", &code),
        Err(_) => failed(),
    }
}

/// Redirects back to the app, whose address was checked before. Keeps the address's own query.
fn go_back(asked: &PendingLogin, name: &str, value: &str) -> Response {
    let Ok(mut url) = url::Url::parse(&asked.redirect_uri) else {
        return failed();
    };
    url.query_pairs_mut()
        .append_pair(name, value)
        .append_pair("state", &asked.state);
    let Ok(location) = HeaderValue::from_str(url.as_str()) else {
        return failed();
    };
    (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
}

pub(super) fn failed() -> Response {
    refusal(
        StatusCode::INTERNAL_SERVER_ERROR,
        "The local Cloud failed",
        "Its log says more.",
    )
}

/// The page's parameters, each at most once.
fn read(cloud: &Cloud, query: &str) -> Result<PendingLogin, &'static str> {
    let mut parameters = std::collections::BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if parameters
            .insert(name.into_owned(), value.into_owned())
            .is_some()
        {
            return Err("A parameter appears twice in the address.");
        }
    }
    let mut take = |name: &str| parameters.remove(name).filter(|value| !value.is_empty());
    let project_id = take("project_id").ok_or("The address names no project (project_id).")?;
    cloud
        .seed
        .project(&project_id)
        .ok_or("There is no project of that id here.")?;
    let redirect_uri = take("redirect_uri")
        .ok_or("The address does not say where to go back to (redirect_uri).")?;
    if !cloud.may_redirect(Some(&project_id), &redirect_uri) {
        return Err(
            "The way back (redirect_uri) is neither on this machine nor listed for the project.",
        );
    }
    let state = take("state")
        .filter(|state| state.len() <= 8192)
        .ok_or("The address has no state of 1 to 8192 bytes.")?;
    let (challenge, method) = (take("code_challenge"), take("code_challenge_method"));
    let challenge = match cloud.dialect {
        Dialect::V1 => None,
        Dialect::Pkce | Dialect::Platform => {
            let is_digest = |text: &String| {
                text.len() == 43
                    && text
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
            };
            if method.as_deref() != Some("S256") {
                return Err("The code_challenge_method must be S256.");
            }
            Some(
                challenge
                    .filter(is_digest)
                    .ok_or("The code_challenge must be 43 base64url characters.")?,
            )
        }
    };
    Ok(PendingLogin {
        project_id,
        redirect_uri,
        state,
        challenge,
    })
}
