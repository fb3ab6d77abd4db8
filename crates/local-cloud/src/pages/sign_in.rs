//! The page that stands for the platform's identity service: pick a person, or deny. The browser goes on to the platform's
//! callback, which makes the session.

use std::sync::Arc;

use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Form, Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use http::StatusCode;
use maud::html;
use serde::Deserialize;

use super::login::{Decision, failed, picker};
use super::refusal;
use crate::cloud::{Cloud, SignIn, WayBack};
use crate::store::User;

/// The page's address, and its form's.
pub(crate) const PATH: &str = "/auth/sign-in";

#[derive(Deserialize)]
pub(super) struct Numbered {
    number: String,
}

pub(super) async fn show(
    State(cloud): State<Arc<Cloud>>,
    asked: Result<Query<Numbered>, QueryRejection>,
) -> Response {
    let number = asked.map(|Query(asked)| asked.number).unwrap_or_default();
    let Some(sign_in) = cloud.sign_ins.get(&number, cloud.now()) else {
        return refused("This page was already used");
    };
    let Ok(users) = cloud.store.users() else {
        return failed();
    };
    let app = match &sign_in.way_back {
        WayBack::App { redirect_uri, .. } => Some(redirect_uri.clone()),
        WayBack::Program { port, .. } => {
            url::Url::parse(&format!("http://127.0.0.1:{port}/callback")).ok()
        }
    };
    let asks = html! {
        @if let Some(id) = &sign_in.organization_id { "for the organization " code { (id) } }
        @else { "for any of your organizations" }
    };
    let organizations = |user: &User| {
        let own = cloud.store.organizations_of(&user.id).unwrap_or_default();
        let own = own
            .iter()
            .map(|own| format!("{}: {}", own.name, own.role))
            .collect::<Vec<_>>();
        if own.is_empty() {
            "no organization".to_owned()
        } else {
            own.join(", ")
        }
    };
    match app {
        Some(app) => picker(&app, "/auth/sign-in", &number, &users, &asks, organizations),
        None => failed(),
    }
}

pub(super) async fn decide(
    State(cloud): State<Arc<Cloud>>,
    form: Result<Form<Decision>, FormRejection>,
) -> Response {
    let Ok(Form(decision)) = form else {
        return refused("This is not the login page's form");
    };
    let Some(sign_in) = cloud.sign_ins.take(&decision.number, cloud.now()) else {
        return refused("This page was already used");
    };
    let person = Some(decision.person).filter(|person| !person.is_empty());
    if let Some(id) = &person {
        match cloud.store.user(id) {
            Ok(Some(_)) => {}
            Ok(None) => return refused("There is no such person"),
            Err(_) => return failed(),
        }
    }
    let decided = SignIn { person, ..sign_in };
    match cloud.sign_ins.add(decided, cloud.now()) {
        Some(code) => Redirect::to(&format!("/v1/auth/callback?code={code}")).into_response(),
        None => failed(),
    }
}

fn refused(why: &str) -> Response {
    refusal(
        StatusCode::BAD_REQUEST,
        why,
        "Go back to the app and sign in again.",
    )
}
