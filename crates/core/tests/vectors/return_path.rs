//! Runs `vectors/return_path.json`.

use mastra_auth_cloud_core::url::ReturnPath;
use serde_json::Value;

#[test]
fn vectors_return_path() {
    let file: Value =
        serde_json::from_str(include_str!("../../../../vectors/return_path.json")).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert!(cases.len() >= 40);
    for case in cases {
        let (input, expect) = (
            case["input"].as_str().unwrap(),
            case["expect"].as_str().unwrap(),
        );
        let path = ReturnPath::sanitize(input, case["origin"].as_str());
        assert_eq!(path.as_str(), expect, "{}", case["name"]);
    }
}
