//! What a program does with its bearer, and what a server does with the bearer of a program.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::asked::{Answer, Body, by_bearer, done, members, organization, text};
use super::problem::Problem;
use super::sessions::{ids, person};
use crate::api::asked::object;
use crate::cloud::{Cloud, iso};
use crate::credentials::{BearerOf, Caller};
use crate::store::{ApiKey, Membership};

type Shared = State<Arc<Cloud>>;

const NOT_A_MEMBER: Problem = Problem::forbidden("You are no member of that organization.");

/// The organization that a person's call is for: the header's, else the token's.
fn chosen<'c>(caller: &'c Caller, headers: &HeaderMap) -> Result<&'c Membership, Problem> {
    match organization(headers) {
        None => caller.organization(),
        Some(asked) => caller.organizations.iter().find(|own| own.id == asked),
    }
    .ok_or(NOT_A_MEMBER)
}

/// Whether a key's call is for its own organization.
fn is_own(key: &ApiKey, headers: &HeaderMap) -> Result<(), Problem> {
    match organization(headers) {
        Some(asked) if asked != key.organization_id => Err(NOT_A_MEMBER),
        _ => Ok(()),
    }
}

pub(super) async fn verify(State(cloud): Shared, headers: HeaderMap) -> Answer {
    let answer = match by_bearer(&cloud, &headers)? {
        BearerOf::Person(caller) => {
            let chosen = chosen(&caller, &headers)?;
            json!({
                "user": person(&caller.user), "organizationId": chosen.id, "role": chosen.role, "authType": "user",
                "memberOrgIds": ids(&caller),
            })
        }
        BearerOf::Key(key) => {
            is_own(&key, &headers)?;
            json!({
                "user": { "id": key.id, "email": null, "firstName": null, "lastName": null },
                "organizationId": key.organization_id, "role": key.role, "authType": "api-key",
                "memberOrgIds": [key.organization_id],
            })
        }
    };
    Ok(Json(answer).into_response())
}

pub(super) async fn refresh(State(cloud): Shared, headers: HeaderMap, body: Body) -> Answer {
    let body = members(&headers, body)?;
    let tokens = cloud.refresh_tokens(text(&body, "refreshToken")?)??;
    let answer = json!({ "accessToken": tokens.access, "refreshToken": tokens.refresh });
    Ok(Json(answer).into_response())
}

pub(super) async fn ingest(State(cloud): Shared, headers: HeaderMap, body: Body) -> Answer {
    let BearerOf::Key(key) = by_bearer(&cloud, &headers)? else {
        return Err(Problem::forbidden("An API key is needed."));
    };
    let body = members(&headers, body)?;
    let project = cloud
        .seed
        .project(text(&body, "projectId")?)
        .ok_or(Problem::not_found("There is no such project."))?;
    let answer = json!({ "organizationId": key.organization_id, "projectId": project.id, "authType": "api-key" });
    Ok(Json(answer).into_response())
}

/// The person and the organization of a call about API keys.
fn keeper(cloud: &Cloud, headers: &HeaderMap) -> Result<Membership, Problem> {
    match by_bearer(cloud, headers)? {
        BearerOf::Person(caller) => chosen(&caller, headers).cloned(),
        BearerOf::Key(_) => Err(Problem::forbidden("An API key keeps no API keys.")),
    }
}

/// The endpoints of API keys refuse with a plain text.
fn or_text(result: Answer) -> Response {
    result.unwrap_or_else(|problem| problem.as_text())
}

fn shown(key: &ApiKey) -> Value {
    json!({
        "id": key.id, "name": key.name, "obfuscatedValue": key.obfuscated, "lastUsedAt": key.last_used_at.map(iso),
        "createdAt": iso(key.created_at),
    })
}

pub(super) async fn tokens(State(cloud): Shared, headers: HeaderMap) -> Response {
    or_text(keeper(&cloud, &headers).and_then(|own| {
        let keys = cloud.store.api_keys(&own.id)?;
        let keys: Vec<_> = keys.iter().map(shown).collect();
        Ok(Json(json!({ "tokens": keys })).into_response())
    }))
}

pub(super) async fn create_token(State(cloud): Shared, headers: HeaderMap, body: Body) -> Response {
    or_text(keeper(&cloud, &headers).and_then(|own| {
        let body = object(&headers, body.ok())?;
        let (key, secret) = cloud.issue_api_key(&own.id, &own.role, text(&body, "name")?)?;
        let answer = Json(json!({ "token": shown(&key), "secret": secret }));
        Ok((StatusCode::CREATED, answer).into_response())
    }))
}

pub(super) async fn delete_token(
    State(cloud): Shared,
    id: Result<Path<String>, axum::extract::rejection::PathRejection>,
    headers: HeaderMap,
) -> Response {
    let id = id.map(|Path(id)| id).unwrap_or_default();
    or_text(keeper(&cloud, &headers).and_then(|own| {
        done(
            cloud.store.remove_api_key(&own.id, &id)?,
            Problem::not_found("There is no such token."),
        )
    }))
}
