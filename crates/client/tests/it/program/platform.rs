//! A platform of one person, whose tokens rotate.

use std::sync::{Arc, Mutex};

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::sync::Notify;

/// What it was asked, and what is good now.
#[derive(Default)]
pub(super) struct Record {
    /// `access-N` and `refresh-N` are good, and no others.
    pub(super) generation: u32,
    pub(super) verifications: u32,
    pub(super) refreshes: u32,
    /// Verifications are refused with this, whatever the token.
    pub(super) outage: Option<StatusCode>,
    /// A verification that was judged is not answered before this.
    pub(super) hold: Option<Arc<Notify>>,
    /// Runs while a refresh is answered; its answer counts, if there is one.
    pub(super) meanwhile: Option<Box<dyn FnMut() -> Option<StatusCode> + Send>>,
}

#[derive(Clone)]
pub(super) struct Platform {
    pub(super) url: String,
    record: Arc<Mutex<Record>>,
}

impl Platform {
    pub(super) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let platform = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            record: Arc::default(),
        };
        platform.record(|record| record.generation = 1);
        let routes = Router::new()
            .route("/v1/auth/verify", get(verify))
            .route("/v1/auth/refresh-token", post(refresh))
            .with_state(platform.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        platform
    }

    pub(super) fn record<T>(&self, work: impl FnOnce(&mut Record) -> T) -> T {
        work(&mut self.record.lock().unwrap())
    }

    /// Lets the access token expire: only what the refresh token gives is good.
    pub(super) fn expire(&self) {
        self.record(|record| record.generation += 1);
    }
}

fn refused(detail: &str) -> (StatusCode, Json<Value>) {
    let problem =
        json!({ "type": "unauthorized", "title": "Unauthorized", "status": 401, "detail": detail });
    (StatusCode::UNAUTHORIZED, Json(problem))
}

async fn verify(State(platform): State<Platform>, headers: HeaderMap) -> (StatusCode, Json<Value>) {
    let (answer, hold) = platform.record(|record| {
        record.verifications += 1;
        let good = format!("Bearer access-{}", record.generation);
        let is_good = headers.get("authorization").is_some_and(|sent| sent == &good);
        let user = json!({ "id": "user_1", "email": "ada@example.com", "firstName": "Ada", "lastName": null });
        let answer = match record.outage {
            Some(status) => (status, Json(json!({}))),
            None if is_good => (StatusCode::OK, Json(json!({ "user": user, "organizationId": "org_1" }))),
            None => refused("The token has expired."),
        };
        (answer, record.hold.clone())
    });
    if let Some(hold) = hold {
        hold.notified().await;
    }
    answer
}

/// The refresh token before the newest access token is good; both are new then.
async fn refresh(
    State(platform): State<Platform>,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    platform.record(|record| {
        record.refreshes += 1;
        if let Some(status) = record.meanwhile.as_mut().and_then(|meanwhile| meanwhile()) {
            return (status, refused("The refresh token was used before.").1);
        }
        let spent = format!("refresh-{}", record.generation - 1);
        if body.get("refreshToken").and_then(Value::as_str) != Some(&spent) {
            return refused("The refresh token was used before.");
        }
        let pair = json!({
            "accessToken": format!("access-{}", record.generation),
            "refreshToken": format!("refresh-{}", record.generation),
        });
        (StatusCode::OK, Json(pair))
    })
}
