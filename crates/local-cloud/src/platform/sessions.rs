//! What a server does with a browser's sealed session.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse as _;
use http::HeaderMap;
use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

use super::asked::{Answer, Body, by_session, members, session, text, with_session};
use super::problem::Problem;
use crate::cloud::Cloud;
use crate::credentials::Caller;
use crate::store::User;

type Shared = State<Arc<Cloud>>;

/// The platform's own permissions, which are none of Mastra's.
fn permissions(role: &str) -> &'static [&'static str] {
    match role {
        "owner" | "admin" => &["projects:read", "projects:write", "members:manage"],
        "member" => &["projects:read", "projects:write"],
        _ => &["projects:read"],
    }
}

/// A person as answers have them: first name and last name apart.
pub(super) fn person(user: &User) -> Value {
    let (first, last) = match user.name.split_once(' ') {
        Some((first, last)) => (first, Some(last)),
        None => (&*user.name, None),
    };
    json!({ "id": user.id, "email": user.email, "firstName": first, "lastName": last })
}

/// A person with a picture.
pub(super) fn portrait(cloud: &Cloud, user: &User) -> Value {
    let mut person = person(user);
    let picture = format!("{}/avatars/{}.svg", cloud.url, user.handle);
    if let Some(members) = person.as_object_mut() {
        members.insert("profilePictureUrl".into(), picture.into());
    }
    person
}

pub(super) fn ids(caller: &Caller) -> Vec<&str> {
    let own = caller.organizations.iter();
    own.map(|own| own.id.as_str()).collect()
}

pub(super) async fn me(State(cloud): Shared, headers: HeaderMap) -> Answer {
    let (caller, newer) = cloud.by_session_or_rotate(session(&headers)?)??;
    let organization = caller.organization();
    let answer = Json(json!({
        "user": portrait(&cloud, &caller.user),
        "organizationId": organization.map(|own| &own.id),
        "role": organization.map(|own| &own.role),
        "permissions": organization.map(|own| permissions(&own.role)).unwrap_or_default(),
        "memberOrgIds": ids(&caller),
    }));
    match newer {
        None => Ok(answer.into_response()),
        Some(newer) => with_session(Some(&newer), answer),
    }
}

pub(super) async fn refresh(State(cloud): Shared, headers: HeaderMap) -> Answer {
    let (caller, credential) = cloud.sealed(session(&headers)?)??;
    let same = || Ok(caller.organization_id.clone());
    let newer = cloud.rotate_session(&caller, &credential, same)??;
    with_session(Some(&newer), Json(json!({ "ok": true })))
}

pub(super) async fn switch(State(cloud): Shared, headers: HeaderMap, body: Body) -> Answer {
    let (caller, credential) = cloud.sealed(session(&headers)?)??;
    let body = members(&headers, body)?;
    let to = text(&body, "organizationId")?;
    if !ids(&caller).contains(&to) {
        return Err(Problem::unauthorized(
            "You are no member of that organization.",
        ));
    }
    let newer = cloud.rotate_session(&caller, &credential, || Ok(Some(to.to_owned())))??;
    with_session(
        Some(&newer),
        Json(json!({ "ok": true, "organizationId": to })),
    )
}

/// Ends the session, if it stands. Whether it did decides whether there is a page to go on to.
pub(super) async fn logout(State(cloud): Shared, headers: HeaderMap, body: Body) -> Answer {
    let is_empty = body.as_ref().is_ok_and(axum::body::Bytes::is_empty);
    let body = if is_empty {
        serde_json::Map::new()
    } else {
        members(&headers, body)?
    };
    let return_to = match body.get("returnTo") {
        None => None,
        Some(_) => Some(text(&body, "returnTo")?),
    };
    if return_to.is_some_and(|address| url::Url::parse(address).is_err()) {
        return Err(Problem::field("returnTo", "The returnTo is no URL."));
    }
    let answer = match by_session(&cloud, &headers) {
        Err(_) => json!({ "ok": true }),
        Ok(caller) => {
            cloud.store.end_session(&caller.session.id, cloud.now())?;
            let mut page = format!("{}/auth/logout", cloud.url);
            if let Some(return_to) = return_to {
                let query = Serializer::new(String::new())
                    .append_pair("return_to", return_to)
                    .finish();
                page = format!("{page}?{query}");
            }
            json!({ "ok": true, "logoutUrl": page })
        }
    };
    with_session(None, Json(answer))
}
