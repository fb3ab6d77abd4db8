//! Organizations, their members and invitations. What a session's cookie may change needs an admin.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::IntoResponse as _;
use http::header::COOKIE;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};

use super::asked::{
    Answer, Body, by_bearer, by_session, done, members as body_of, session, text, with_session,
};
use super::problem::Problem;
use super::sessions::portrait;
use crate::cloud::{Cloud, iso};
use crate::credentials::BearerOf;
use crate::keys::random_id;
use crate::store::{Invitation, Member, Membership, StoreError};

type Shared = State<Arc<Cloud>>;
type Id = Result<Path<String>, PathRejection>;

/// How long an invitation is good, in milliseconds.
const INVITED_FOR: i64 = 7 * 24 * 3600 * 1000;
const NO_MEMBER: Problem = Problem::not_found("There is no such member.");

fn shown(id: &str, name: &str, role: Option<&str>, is_current: bool) -> Value {
    json!({ "id": id, "name": name, "role": role, "isCurrent": is_current })
}

/// A person's organizations, or an API key's one.
pub(super) async fn list(State(cloud): Shared, headers: HeaderMap) -> Answer {
    let all = |own: &[Membership], current: Option<&str>| {
        own.iter()
            .map(|own| {
                shown(
                    &own.id,
                    &own.name,
                    Some(&own.role),
                    current == Some(&own.id),
                )
            })
            .collect::<Vec<_>>()
    };
    let caller = if headers.contains_key(COOKIE) {
        BearerOf::Person(Box::new(by_session(&cloud, &headers)?))
    } else {
        by_bearer(&cloud, &headers)?
    };
    let list = match caller {
        BearerOf::Person(caller) => all(&caller.organizations, caller.organization_id.as_deref()),
        BearerOf::Key(key) => {
            let name = cloud.store.organization_name(&key.organization_id)?;
            vec![shown(
                &key.organization_id,
                &name.unwrap_or_default(),
                Some(&key.role),
                true,
            )]
        }
    };
    Ok(Json(json!({ "organizations": list })).into_response())
}

/// The session changes over to the new organization, and is rotated for it.
pub(super) async fn create(State(cloud): Shared, headers: HeaderMap, body: Body) -> Answer {
    let (caller, credential) = cloud.sealed(session(&headers)?)??;
    let body = body_of(&headers, body)?;
    let name = text(&body, "name")?;
    let mut created = String::new();
    let newer = cloud.rotate_session(&caller, &credential, || {
        created = cloud
            .store
            .add_organization(name, &caller.user.id, cloud.now())?;
        Ok::<_, StoreError>(Some(created.clone()))
    })??;
    let answer = Json(json!({ "organization": shown(&created, name, Some("admin"), true) }));
    with_session(Some(&newer), (StatusCode::CREATED, answer))
}

pub(super) async fn rename(State(cloud): Shared, headers: HeaderMap, body: Body) -> Answer {
    let own = admin(&cloud, &headers)?;
    let body = body_of(&headers, body)?;
    let name = text(&body, "name")?;
    cloud.store.rename_organization(&own.id, name)?;
    let answer = json!({ "organization": shown(&own.id, name, Some(&own.role), true) });
    Ok(Json(answer).into_response())
}

/// The organization of the request's session.
fn own(cloud: &Cloud, headers: &HeaderMap) -> Result<Membership, Problem> {
    let caller = by_session(cloud, headers)?;
    let own = caller.organization().cloned();
    own.ok_or(Problem::forbidden("No organization is chosen."))
}

/// The organization of the session of an admin.
fn admin(cloud: &Cloud, headers: &HeaderMap) -> Result<Membership, Problem> {
    let own = own(cloud, headers)?;
    match &*own.role {
        "owner" | "admin" => Ok(own),
        _ => Err(Problem::forbidden("Only an admin may do that.")),
    }
}

fn member(cloud: &Cloud, member: &Member) -> Value {
    let mut shown = portrait(cloud, &member.user);
    if let Some(members) = shown.as_object_mut() {
        members.extend([
            ("userId".into(), json!(member.user.id)),
            ("id".into(), json!(member.id)),
            ("role".into(), json!(member.role)),
            ("status".into(), json!("active")),
            ("createdAt".into(), json!(iso(member.created_at))),
        ]);
    }
    shown
}

pub(super) async fn members(State(cloud): Shared, headers: HeaderMap) -> Answer {
    let own = own(&cloud, &headers)?;
    let members = cloud.store.members(&own.id)?;
    let members: Vec<_> = members.iter().map(|one| member(&cloud, one)).collect();
    Ok(Json(json!({ "members": members })).into_response())
}

/// A role that members can be given.
fn role(body: &Map<String, Value>) -> Result<&str, Problem> {
    match text(body, "role")? {
        role @ ("member" | "admin") => Ok(role),
        _ => Err(Problem::field("role", "The role is member or admin.")),
    }
}

pub(super) async fn change_member(
    State(cloud): Shared,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let own = admin(&cloud, &headers)?;
    let id = id.map(|Path(id)| id).unwrap_or_default();
    let body = body_of(&headers, body)?;
    cloud.store.set_member_role(&own.id, &id, role(&body)?)?;
    let members = cloud.store.members(&own.id)?;
    let changed = members.iter().find(|one| one.id == id).ok_or(NO_MEMBER)?;
    Ok(Json(json!({ "member": member(&cloud, changed) })).into_response())
}

pub(super) async fn remove_member(State(cloud): Shared, id: Id, headers: HeaderMap) -> Answer {
    let own = admin(&cloud, &headers)?;
    let id = id.map(|Path(id)| id).unwrap_or_default();
    done(cloud.store.remove_member(&own.id, &id)?, NO_MEMBER)
}

fn invitation(one: &Invitation) -> Value {
    json!({
        "id": one.id, "email": one.email, "state": one.state, "expiresAt": iso(one.expires_at),
        "createdAt": iso(one.created_at),
    })
}

pub(super) async fn invitations(State(cloud): Shared, headers: HeaderMap) -> Answer {
    let own = own(&cloud, &headers)?;
    let all = cloud.store.invitations(&own.id)?;
    let all: Vec<_> = all.iter().map(invitation).collect();
    Ok(Json(json!({ "invitations": all })).into_response())
}

/// The person becomes a member at the next sign-in.
pub(super) async fn invite(State(cloud): Shared, headers: HeaderMap, body: Body) -> Answer {
    let own = admin(&cloud, &headers)?;
    let body = body_of(&headers, body)?;
    let created_at = cloud.now();
    let one = Invitation {
        id: random_id("inv_").map_err(StoreError::from)?,
        email: text(&body, "email")?.to_owned(),
        role: role(&body)?.to_owned(),
        state: "pending".into(),
        created_at,
        expires_at: created_at.saturating_add(INVITED_FOR),
    };
    cloud.store.add_invitation(&own.id, &one)?;
    let answer = Json(json!({ "invitation": invitation(&one) }));
    Ok((StatusCode::CREATED, answer).into_response())
}

pub(super) async fn uninvite(State(cloud): Shared, id: Id, headers: HeaderMap) -> Answer {
    let own = admin(&cloud, &headers)?;
    let id = id.map(|Path(id)| id).unwrap_or_default();
    done(
        cloud.store.remove_invitation(&own.id, &id)?,
        Problem::not_found("There is no such invitation."),
    )
}
