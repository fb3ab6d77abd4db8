//! The API in the chosen dialect only: `contract/`, endpoint by endpoint.

pub(crate) mod asked;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{ConnectInfo, DefaultBodyLimit, MatchedPath, Path, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::Dialect;
use crate::answer::{ApiError, ApiResult, answer};
use crate::cloud::{Bearer, Cloud, PastEnd, iso};
use crate::fault::{FaultKind, after, endpoint_of, endpoints, instead};
use crate::store::{Code, SessionRow, Taken, User};
use crate::wire::{Armed, OfRequests, Place, Waiting, WireFault};
use asked::{authorized, bearer, checked, cookie, member, object, project};

type Shared = State<Arc<Cloud>>;

pub(crate) const MAX_BODY: usize = 64 * 1024;

/// The routes of the dialect's endpoints and of the key set.
pub(crate) fn router(cloud: &Arc<Cloud>) -> Router<Arc<Cloud>> {
    let api = match cloud.dialect {
        Dialect::V1 => Router::new()
            .route(
                "/api/v1/auth/callback",
                endpoint(cloud, "exchange", post(exchange)),
            )
            .route(
                "/api/v1/auth/verify",
                endpoint(cloud, "verify", post(verify)),
            )
            .route(
                "/api/v1/auth/session/validate",
                endpoint(cloud, "validate", post(validate)),
            )
            .route(
                "/api/v1/auth/session/destroy",
                endpoint(cloud, "destroy", post(destroy)),
            )
            .route("/api/v1/users/{id}", endpoint(cloud, "user", get(user)))
            .route(
                "/api/v1/users/{id}/permissions",
                endpoint(cloud, "permissions", get(permissions)),
            ),
        _ => Router::new()
            .route(
                "/auth/callback",
                endpoint(cloud, "exchange", post(exchange)),
            )
            .route("/auth/verify", endpoint(cloud, "verify", post(verify)))
            .route(
                "/auth/session/validate",
                endpoint(cloud, "validate", post(validate)),
            )
            .route(
                "/auth/session/destroy",
                endpoint(cloud, "destroy", post(destroy)),
            ),
    };
    api.layer(DefaultBodyLimit::max(MAX_BODY))
        .merge(key_set(cloud))
}

/// The route of the key set.
pub(crate) fn key_set(cloud: &Arc<Cloud>) -> Router<Arc<Cloud>> {
    Router::new().route("/.well-known/jwks.json", endpoint(cloud, "jwks", get(jwks)))
}

/// A route whose requests are counted under this name, and which faults of this name affect.
pub(crate) fn endpoint(
    cloud: &Arc<Cloud>,
    name: &'static str,
    route: MethodRouter<Arc<Cloud>>,
) -> MethodRouter<Arc<Cloud>> {
    debug_assert!(endpoints(cloud.dialect).contains(&name), "{name}");
    route.layer(from_fn_with_state((Arc::clone(cloud), name), count))
}

/// The faults of the bytes of requests, which are not routed yet.
pub(crate) fn faults_of_requests(cloud: &Arc<Cloud>) -> OfRequests {
    let (one, other) = (Arc::clone(cloud), Arc::clone(cloud));
    OfRequests {
        is_any: Box::new(move || one.faults.is_for_requests()),
        take: Box::new(move |path| {
            let endpoint = endpoint_of(other.dialect, path)?;
            match other.faults.take_for_request(endpoint)? {
                FaultKind::Wire { at, fault } => Some(waiting(&other, at, fault)),
                _ => None,
            }
        }),
    }
}

fn waiting(cloud: &Arc<Cloud>, at: Place, fault: WireFault) -> Waiting {
    let counted = Arc::clone(cloud);
    Waiting {
        at,
        fault,
        struck: Box::new(move || counted.count("wire")),
        cleared: cloud.faults.cleared(),
    }
}

/// Counts the request, lets an active fault answer instead, and logs the result.
async fn count(
    State((cloud, name)): State<(Arc<Cloud>, &'static str)>,
    request: Request,
    next: Next,
) -> Response {
    let begun = Instant::now();
    let method = request.method().to_string();
    let path = request
        .extensions()
        .get::<MatchedPath>()
        .map_or(name, MatchedPath::as_str)
        .to_owned();
    debug_assert_eq!(endpoint_of(cloud.dialect, request.uri().path()), Some(name));
    let connection = request.extensions().get::<ConnectInfo<Armed>>().cloned();
    let response = match cloud.faults.take(name) {
        None => next.run(request).await,
        Some(FaultKind::Wire { at, fault }) => {
            let response = next.run(request).await;
            if let Some(ConnectInfo(armed)) = connection {
                armed.arm(waiting(&cloud, at, fault));
            }
            response
        }
        Some(kind) => {
            let secret = bearer(request.headers()).or_else(|| cookie(request.headers()));
            match instead(&kind, cloud.dialect, secret).await {
                Some(response) => response,
                None => after(&kind, next.run(request).await).await,
            }
        }
    };
    cloud.note(
        name,
        &method,
        response.status().as_u16(),
        begun.elapsed().as_micros(),
    );
    tracing::debug!(method, path, status = response.status().as_u16(), "request");
    response
}

async fn exchange(
    State(cloud): Shared,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Response {
    answer(cloud.dialect, exchange_code(&cloud, &headers, body.ok()))
}

fn exchange_code(cloud: &Cloud, headers: &HeaderMap, body: Option<Bytes>) -> ApiResult {
    let project_id = project(cloud, headers)?;
    let body = object(headers, body)?;
    let code = member(&body, "code")?;
    let with_proof = match cloud.dialect {
        Dialect::V1 => None,
        _ => Some((
            member(&body, "redirect_uri")?,
            member(&body, "code_verifier")?,
        )),
    };
    let time = cloud.now();
    let fits = |kept: &Code| {
        kept.project_id == project_id
            && time < kept.expires_at
            && with_proof.is_none_or(|(redirect_uri, verifier)| {
                kept.redirect_uri == redirect_uri
                    && kept.challenge.as_deref() == Some(&*challenge(verifier))
            })
    };
    let taken = cloud.store.take_code(code, time, |kept| {
        fits(kept)
            .then(|| cloud.new_session(&kept.user_id, &kept.project_id).ok())
            .flatten()
    })?;
    let session = match taken {
        Taken::First(session) => session,
        Taken::Refused(kept) if time >= kept.expires_at => {
            return Err(ApiError::bad(
                "code_expired",
                "The authorization code has expired.",
            ));
        }
        Taken::Again => {
            return Err(ApiError::bad(
                "code_reused",
                "The authorization code was used before.",
            ));
        }
        Taken::Refused(_) | Taken::Unknown => {
            return Err(ApiError::bad(
                "invalid_code",
                "The authorization code is not valid.",
            ));
        }
    };
    let user = cloud.store.user(&session.user_id)?.ok_or(ApiError::bad(
        "invalid_code",
        "The authorization code is not valid.",
    ))?;
    let (token, ends) = cloud.token(&user, &session, time)?;
    Ok(match cloud.dialect {
        Dialect::V1 => {
            json!({ "user": shown(cloud, &user), "session": session_shown(&session), "jwt": token })
        }
        _ => json!({
            "access_token": token, "token_type": "Bearer",
            "expires_in": ends.saturating_sub(time).div_euclid(1000),
        }),
    })
}

async fn verify(
    State(cloud): Shared,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Response {
    let result = authorized(&cloud, &headers, body.ok(), PastEnd::Refused).map(|bearer| match (cloud.dialect, bearer) {
        (Dialect::V1, Bearer::Person { user, .. }) => json!({ "user": shown(&cloud, &user) }),
        (_, Bearer::Person { user, .. }) => json!({
            "sub": user.id, "email": user.email, "name": user.name, "avatar_url": avatar(&cloud, &user), "role": user.role,
        }),
        (_, Bearer::Project { role, .. }) => json!({ "valid": true, "role": role, "token_type": "project_api_token" }),
    });
    answer(cloud.dialect, result)
}

async fn validate(
    State(cloud): Shared,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Response {
    let result = authorized(&cloud, &headers, body.ok(), PastEnd::Renewable)
        .and_then(|bearer| validated(&cloud, bearer));
    answer(cloud.dialect, result)
}

/// The session, with a newer token if the given one is past two thirds of its life.
fn validated(cloud: &Cloud, bearer: Bearer) -> ApiResult {
    let Bearer::Person {
        user,
        session,
        lives: (issued, ends),
    } = bearer
    else {
        return Err(ApiError::unauthorized(
            "invalid_token",
            "The token has no session.",
        ));
    };
    let time = cloud.now();
    let third = ends.saturating_sub(issued).div_euclid(3);
    // A token that expires with its session cannot be renewed.
    let is_time = ends.div_euclid(1000) < session.expires_at.div_euclid(1000)
        && time >= ends.saturating_sub(third);
    let newer = if is_time {
        cloud.note_renewal();
        Some(cloud.token(&user, &session, time)?.0)
    } else {
        None
    };
    let (name, mut shown) = match cloud.dialect {
        Dialect::V1 => ("jwt", json!({ "session": session_shown(&session) })),
        _ => (
            "access_token",
            json!({
                "userId": session.user_id, "createdAt": iso(session.created_at), "expiresAt": iso(session.expires_at),
            }),
        ),
    };
    if let (Some(newer), Some(members)) = (newer, shown.as_object_mut()) {
        members.insert(name.into(), newer.into());
    }
    Ok(shown)
}

async fn destroy(
    State(cloud): Shared,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Response {
    answer(cloud.dialect, destroy_session(&cloud, &headers, body.ok()))
}

fn destroy_session(cloud: &Cloud, headers: &HeaderMap, body: Option<Bytes>) -> ApiResult {
    let (project_id, asked) = match cloud.dialect {
        Dialect::V1 => {
            let project_id = project(cloud, headers)?;
            let body = object(headers, body)?;
            (
                Some(project_id),
                Some(member(&body, "sessionId")?.to_owned()),
            )
        }
        _ => (None, None),
    };
    let Bearer::Person { session, .. } =
        checked(cloud, headers, project_id.as_deref(), PastEnd::Refused)?
    else {
        return Err(ApiError::unauthorized(
            "invalid_token",
            "The token has no session.",
        ));
    };
    if asked.is_some_and(|asked| asked != session.id) {
        return Err(ApiError::forbidden(
            "forbidden",
            "The token is not that session's.",
        ));
    }
    cloud.store.end_session(&session.id, cloud.now())?;
    Ok(json!({}))
}

type Id = Result<Path<String>, PathRejection>;

async fn user(State(cloud): Shared, id: Id, headers: HeaderMap) -> Response {
    let result =
        may_read(&cloud, &headers, id.ok()).map(|user| json!({ "user": shown(&cloud, &user) }));
    answer(cloud.dialect, result)
}

async fn permissions(State(cloud): Shared, id: Id, headers: HeaderMap) -> Response {
    let result = may_read(&cloud, &headers, id.ok())
        .map(|user| json!({ "permissions": cloud.grants(&user.role) }));
    answer(cloud.dialect, result)
}

/// Users may read themselves; owners and admins may read every user. An id that is not text (`%ff`) belongs to no user.
fn may_read(
    cloud: &Cloud,
    headers: &HeaderMap,
    id: Option<Path<String>>,
) -> Result<User, ApiError> {
    let id = id.map(|Path(id)| id).unwrap_or_default();
    let project_id = project(cloud, headers)?;
    let Bearer::Person { user, .. } = checked(cloud, headers, Some(&project_id), PastEnd::Refused)?
    else {
        return Err(ApiError::forbidden(
            "forbidden",
            "This token may not read users.",
        ));
    };
    if user.id == id {
        return Ok(*user);
    }
    if !matches!(user.role.as_str(), "owner" | "admin") {
        return Err(ApiError::forbidden(
            "forbidden",
            "You may read only yourself.",
        ));
    }
    cloud.store.user(&id)?.ok_or(ApiError(
        StatusCode::NOT_FOUND,
        "user_not_found",
        "There is no such user.",
    ))
}

async fn jwks(State(cloud): Shared) -> axum::Json<Value> {
    let keys = cloud
        .keys
        .read()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    axum::Json(json!({ "keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>() }))
}

/// S256 (RFC 7636 section 4.2).
fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(aws_lc_rs::digest::digest(
        &aws_lc_rs::digest::SHA256,
        verifier.as_bytes(),
    ))
}

fn shown(cloud: &Cloud, user: &User) -> Value {
    json!({
        "id": user.id, "email": user.email, "name": user.name, "avatar_url": avatar(cloud, user),
        "created_at": iso(user.created_at), "roles": [user.role],
    })
}

fn avatar(cloud: &Cloud, user: &User) -> String {
    format!("{}/avatars/{}.svg", cloud.url, user.handle)
}

fn session_shown(session: &SessionRow) -> Value {
    json!({
        "id": session.id, "user_id": session.user_id,
        "created_at": iso(session.created_at), "expires_at": iso(session.expires_at),
    })
}
