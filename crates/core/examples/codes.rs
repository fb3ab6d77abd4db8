//! Prints every error code as JSON, for the reference page and for other languages.
#![allow(clippy::print_stdout)]

use mastra_auth_cloud_core::error::CODES;
use serde_json::json;

fn main() {
    let rows: Vec<_> = CODES
        .iter()
        .map(|row| json!({ "code": row.code, "kind": row.kind.as_str(), "status": row.status, "meaning": row.meaning }))
        .collect();
    println!("{}", serde_json::Value::from(rows));
}
