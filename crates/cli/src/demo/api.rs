//! The API that the sample app protects: one agent, three permissions.

use axum::Json;
use mastra_auth_cloud::axum::{Permission, RequirePermission};
use serde_json::{Value, json};

pub(super) struct Read;
pub(super) struct Execute;
pub(super) struct Delete;

impl Permission for Read {
    const NAME: &'static str = "agents:read";
}

impl Permission for Execute {
    const NAME: &'static str = "agents:execute";
}

impl Permission for Delete {
    const NAME: &'static str = "agents:delete";
}

pub(super) async fn list(_: RequirePermission<Read>) -> Json<Value> {
    Json(json!({ "agents": [{ "id": "demo", "name": "Demo agent" }] }))
}

/// The agent greets the user by name, to show whose session the request has.
pub(super) async fn generate(user: RequirePermission<Execute>) -> Json<Value> {
    let name = user.name().unwrap_or("there");
    Json(json!({ "text": format!("Hello {name}. I am the demo agent, and you may run me.") }))
}

/// Pretends to delete: the next visitor of the demo finds the agent again.
pub(super) async fn remove(_: RequirePermission<Delete>) -> Json<Value> {
    Json(json!({ "deleted": "demo", "restored": true }))
}
