//! Runs `vectors/permissions.json`: grants over requirements, and role mappings.

use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::rbac::pattern::matches;
use mastra_auth_cloud_core::rbac::roles::RoleMapping;
use serde_json::{Value, json};

#[test]
fn vectors_permissions() {
    let file: Value =
        serde_json::from_str(include_str!("../../../../vectors/permissions.json")).unwrap();
    for case in file["cases"].as_array().unwrap() {
        let result = match case["grant"].as_str() {
            Some(grant) => Ok(matches(grant, case["required"].as_str().unwrap()).into()),
            None => mapped(case),
        };
        let (key, outcome) = match result {
            Ok(value) => ("expect", value),
            Err(error) => ("error", json!(error.code())),
        };
        assert_eq!(case.get(key), Some(&outcome), "{}", case["name"]);
    }
}

fn mapped(case: &Value) -> Result<Value, CloudApiError> {
    let mapping = match case["mapping"].as_str() {
        Some(text) => RoleMapping::from_json(text)?,
        None => RoleMapping::default_roles(),
    };
    let roles = case["roles"].as_array().into_iter().flatten();
    let roles: Vec<String> = roles.filter_map(Value::as_str).map(str::to_owned).collect();
    Ok(mapping
        .permissions(&roles)
        .iter()
        .collect::<Vec<_>>()
        .into())
}
