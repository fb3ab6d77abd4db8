//! The admin API as JSON. Answers hold no token but the one that was just requested.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::Dialect;
use crate::cloud::{Cloud, iso, lock};
use crate::control::Control;
use crate::fault::{Fault, FaultKind, endpoints};
use crate::issue::{Asked, Issued};
use crate::seed::Person;
use crate::store::StoreError;

type Shared = State<Arc<Cloud>>;
type Answer = Result<Json<Value>, (StatusCode, Json<Value>)>;

#[allow(clippy::needless_pass_by_value, reason = "map_err hands it over")]
fn failed(error: StoreError) -> (StatusCode, Json<Value>) {
    tracing::error!(%error, "the store failed");
    refuse(StatusCode::INTERNAL_SERVER_ERROR, "The local Cloud failed.")
}

fn refuse(status: StatusCode, message: &str) -> (StatusCode, Json<Value>) {
    (status, Json(json!({ "error": { "message": message } })))
}

fn bad(message: &str) -> (StatusCode, Json<Value>) {
    refuse(StatusCode::BAD_REQUEST, message)
}

fn unknown(message: &str) -> (StatusCode, Json<Value>) {
    refuse(StatusCode::NOT_FOUND, message)
}

/// Everything that the page shows.
pub(super) async fn state(State(cloud): Shared) -> Answer {
    let people: Vec<Value> = cloud
        .people()
        .map_err(failed)?
        .into_iter()
        .map(|user| json!({ "id": user.id, "role": user.role }))
        .collect();
    let log = lock(&cloud.log).clone();
    Ok(Json(json!({
        "sessions": session_rows(&cloud)?, "keys": key_rows(&cloud), "faults": cloud.faults.all(), "log": log, "people": people,
        "projects": cloud.seed.projects.iter().map(|project| &*project.id).collect::<Vec<_>>(),
    })))
}

pub(super) async fn sessions(State(cloud): Shared) -> Answer {
    Ok(Json(json!({ "sessions": session_rows(&cloud)? })))
}

fn session_rows(cloud: &Cloud) -> Result<Vec<Value>, (StatusCode, Json<Value>)> {
    let users = cloud.store.users().map_err(failed)?;
    let name = |id: &str| {
        users
            .iter()
            .find(|user| user.id == id)
            .map(|user| user.name.clone())
    };
    let rows = cloud
        .store
        .sessions()
        .map_err(failed)?
        .into_iter()
        .map(|row| {
            let over = row.ended_at.is_some() || cloud.now() >= row.expires_at;
            json!({
                "id": row.id, "userId": row.user_id, "name": name(&row.user_id), "projectId": row.project_id,
                "createdAt": iso(row.created_at), "expiresAt": iso(row.expires_at), "endedAt": row.ended_at.map(iso), "alive": !over,
            })
        })
        .collect();
    Ok(rows)
}

pub(super) async fn end_session(State(cloud): Shared, Path(id): Path<String>) -> Answer {
    if cloud.store.end_session(&id, cloud.now()).map_err(failed)? {
        Ok(Json(json!({ "ended": 1 })))
    } else {
        Err(unknown("There is no such session alive."))
    }
}

/// The id of a user by any name of the person: handle, id, e-mail address, role in the seed, or name.
fn user_id(cloud: &Cloud, name: &str) -> Result<String, (StatusCode, Json<Value>)> {
    if let Some(user) = cloud.store.user(name).map_err(failed)? {
        return Ok(user.id);
    }
    let person = cloud.seed.find(name).map(Person::id);
    person.ok_or_else(|| no_person(cloud))
}

fn no_person(cloud: &Cloud) -> (StatusCode, Json<Value>) {
    let people = cloud.seed.people.iter().map(|person| &*person.handle);
    let people: Vec<_> = people.collect();
    let error = json!({ "message": "There is no such person." });
    (
        StatusCode::NOT_FOUND,
        Json(json!({ "error": error, "people": people })),
    )
}

pub(super) async fn end_sessions_of(State(cloud): Shared, Path(id): Path<String>) -> Answer {
    let id = user_id(&cloud, &id)?;
    Ok(Json(
        json!({ "ended": cloud.store.end_sessions_of(&id, cloud.now()).map_err(failed)? }),
    ))
}

#[derive(Deserialize)]
pub(super) struct Role {
    role: String,
}

pub(super) async fn set_role(
    State(cloud): Shared,
    Path(id): Path<String>,
    Json(asked): Json<Role>,
) -> Answer {
    if !cloud.has_role(&asked.role) {
        return Err(bad("There is no such role."));
    }
    let id = user_id(&cloud, &id)?;
    if cloud.set_role(&id, &asked.role).map_err(failed)? {
        Ok(Json(json!({ "role": asked.role })))
    } else {
        Err(unknown("There is no such user."))
    }
}

/// A name of a person, and the role to give.
pub(super) async fn add_member(
    State(cloud): Shared,
    Path((organization, id)): Path<(String, String)>,
    Json(asked): Json<Role>,
) -> Answer {
    if !cloud.has_role(&asked.role) {
        return Err(bad("There is no such role."));
    }
    let id = user_id(&cloud, &id)?;
    let joined = cloud
        .store
        .join(&organization, &id, &asked.role, cloud.now());
    if joined.map_err(failed)? {
        Ok(Json(json!({ "role": asked.role })))
    } else {
        Err(unknown("There is no such organization."))
    }
}

pub(super) async fn remove_member(
    State(cloud): Shared,
    Path((organization, id)): Path<(String, String)>,
) -> Answer {
    let id = user_id(&cloud, &id)?;
    let removed = cloud.store.leave(&organization, &id);
    if removed.map_err(failed)? {
        Ok(Json(json!({ "removed": 1 })))
    } else {
        Err(unknown("There is no such member."))
    }
}

pub(super) async fn platform(State(cloud): Shared) -> Json<Value> {
    Json(json!(*lock(&cloud.platform)))
}

/// Changes the options that the body names.
pub(super) async fn change_platform(
    State(cloud): Shared,
    Json(asked): Json<Map<String, Value>>,
) -> Answer {
    let mut options = lock(&cloud.platform);
    let mut changed = json!(*options);
    if let Some(members) = changed.as_object_mut() {
        members.extend(asked);
    }
    *options = serde_json::from_value(changed.clone())
        .map_err(|error| bad(&format!("These are no options of the platform: {error}.")))?;
    Ok(Json(changed))
}

pub(super) async fn keys(State(cloud): Shared) -> Json<Value> {
    Json(json!({ "keys": key_rows(&cloud) }))
}

fn key_rows(cloud: &Cloud) -> Vec<Value> {
    let keys = cloud.keys.read().unwrap_or_else(PoisonError::into_inner);
    let row = |(place, key): (usize, &Arc<crate::keys::SigningKey>)| json!({ "kid": key.kid, "alg": key.algorithm.as_str(), "signs": place == 0 });
    keys.iter().enumerate().map(row).collect()
}

pub(super) async fn rotate(State(cloud): Shared) -> Answer {
    cloud.rotate().map_err(failed)?;
    Ok(keys(State(cloud)).await)
}

pub(super) async fn faults(State(cloud): Shared) -> Json<Value> {
    Json(json!({ "faults": cloud.faults.all() }))
}

pub(super) async fn set_fault(State(cloud): Shared, Json(asked): Json<Value>) -> Answer {
    let no_fault = || bad("There is no such fault.");
    let fault: Fault = serde_json::from_value(asked.clone()).map_err(|_| no_fault())?;
    // Reject an unknown member: `time` instead of `times` would leave the fault on.
    let read = json!(fault);
    let has = |name: &String| read.get(name).is_some();
    if !asked.as_object().is_some_and(|asked| asked.keys().all(has)) {
        return Err(no_fault());
    }
    if !endpoints(cloud.dialect).contains(&fault.endpoint.as_str()) {
        return Err(bad("There is no such endpoint."));
    }
    let usable = match &fault.kind {
        FaultKind::Status { status }
        | FaultKind::BareError { status }
        | FaultKind::TextError { status } => (400..=599).contains(status),
        FaultKind::Redirect { status, .. } => matches!(status, 301 | 302 | 303 | 307 | 308),
        FaultKind::Wire { at, fault } => at.can(*fault),
        _ => true,
    };
    if !usable || fault.times == Some(0) {
        return Err(bad(
            "The fault's status, place or number of times cannot be used.",
        ));
    }
    cloud.faults.set(fault);
    Ok(faults(State(cloud)).await)
}

pub(super) async fn clear_faults(State(cloud): Shared) -> Json<Value> {
    cloud.faults.clear();
    faults(State(cloud)).await
}

pub(super) async fn clear_fault(State(cloud): Shared, Path(id): Path<u64>) -> Answer {
    if cloud.faults.remove(id) {
        Ok(faults(State(cloud)).await)
    } else {
        Err(unknown("That fault is not on."))
    }
}

pub(super) async fn requests(State(cloud): Shared) -> Json<Value> {
    let counts = lock(&cloud.counts).clone();
    let log = lock(&cloud.log).clone();
    Json(json!({ "counts": counts, "log": log }))
}

pub(super) async fn project_token(State(cloud): Shared, Json(asked): Json<Role>) -> Answer {
    if cloud.dialect == Dialect::V1 {
        return Err(bad(
            "Project API tokens belong to the dialect pkce, and API keys to platform.",
        ));
    }
    if !cloud.has_role(&asked.role) {
        return Err(bad("There is no such role."));
    }
    if cloud.dialect == Dialect::Platform {
        let organization = cloud.store.first_organization().map_err(failed)?;
        let organization = organization.ok_or_else(|| unknown("There is no organization."))?;
        let (key, secret) = cloud
            .issue_api_key(&organization, &asked.role, "admin page")
            .map_err(failed)?;
        return Ok(Json(json!({
            "token": secret, "id": key.id, "organizationId": organization, "role": asked.role,
        })));
    }
    let project = cloud
        .seed
        .projects
        .first()
        .map(|project| project.id.clone())
        .unwrap_or_default();
    let token = cloud
        .issue_project_token(&project, &asked.role)
        .map_err(failed)?;
    Ok(Json(
        json!({ "token": token, "projectId": project, "role": asked.role }),
    ))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Advance {
    /// In seconds.
    seconds: u32,
}

/// Moves the clock forward, and tells the time in milliseconds since the Unix epoch.
pub(super) async fn advance(State(cloud): Shared, Json(asked): Json<Advance>) -> Json<Value> {
    Control::new(Arc::clone(&cloud)).advance(Duration::from_secs(asked.seconds.into()));
    Json(json!({ "now": cloud.now() }))
}

pub(super) async fn reset(State(cloud): Shared) -> Answer {
    cloud.reset().map_err(failed)?;
    Ok(Json(json!({ "now": cloud.now() })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenAsked {
    person: String,
    /// The token's age, in seconds.
    #[serde(default)]
    age: u64,
    /// The token's lifetime from its issue, in seconds; default: as for every token here.
    #[serde(default)]
    lifetime: Option<u64>,
}

/// Creates a session of a person, and returns its token.
pub(super) async fn token(State(cloud): Shared, Json(asked): Json<TokenAsked>) -> Answer {
    let asked = Asked {
        age: Duration::from_secs(asked.age),
        token_lifetime: asked.lifetime.map(Duration::from_secs),
        ..Asked::of(&asked.person)
    };
    let issued = cloud.issue(&asked).map_err(failed)?;
    let Some(Issued {
        token,
        ends,
        user,
        session,
        platform,
    }) = issued
    else {
        return Err(no_person(&cloud));
    };
    let mut shown = json!({
        "token": token, "expiresAt": iso(ends), "userId": user.id, "sessionId": session.id,
    });
    let more = match platform {
        None => json!({ "projectId": session.project_id }),
        Some(more) => json!({
            "session": more.sealed, "refreshToken": more.refresh, "organizationId": session.organization_id(),
        }),
    };
    if let (Some(shown), Value::Object(more)) = (shown.as_object_mut(), more) {
        shown.extend(more);
    }
    Ok(Json(shown))
}
