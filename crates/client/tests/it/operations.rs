//! Each operation has its vectors, and its label in the guide.

use mastra_auth_cloud_core::cloud_call::CloudCall;

use crate::variables::repository;

#[test]
fn each_operation_has_its_vectors_and_its_label_in_the_guide() {
    let guide = repository("docs/guide/observability.md");
    let vectors = [
        repository("vectors/requests.json"),
        repository("vectors/envelopes.json"),
    ];
    for call in CloudCall::ALL {
        let name = call.as_str();
        assert!(guide.contains(&format!("`{name}`")), "{name}: the guide");
        // The key set is read by rules of its own: it has no envelope.
        if call == CloudCall::KeySet {
            continue;
        }
        let operation = name.strip_prefix("get_").unwrap_or(name);
        let case = format!("\"operation\": \"{operation}\"");
        for file in &vectors {
            assert!(file.contains(&case), "{name}: the vectors");
        }
    }
}
