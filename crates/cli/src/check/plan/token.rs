//! What can be learned from a token without the Cloud: by its own text, and by the key set.

use mastra_auth_cloud_core::encoding::{base64url, base64url_decode};
use mastra_auth_cloud_core::jwt::{KeySet, KeySetError, Reason, Rules, lint, verify};
use mastra_auth_cloud_core::secret::SessionToken;
use mastra_auth_cloud_core::time::Timestamp;
use serde_json::{Value, json};

use super::super::probe::TokenFacts;

/// The token with another signature, and without one; `None` if it is no JWT.
pub(super) fn tampered(token: &str) -> Option<(String, String)> {
    let mut parts = token.split('.');
    let (_, claims, signature) = (parts.next()?, parts.next()?, parts.next()?);
    let mut bytes = base64url_decode(signature)?;
    let middle = bytes.len() / 2;
    let byte = bytes.get_mut(middle)?;
    *byte ^= 0x55;
    let signed = token.strip_suffix(signature)?;
    let header = base64url(
        json!({ "alg": "none", "typ": "JWT" })
            .to_string()
            .as_bytes(),
    );
    Some((
        format!("{signed}{}", base64url(&bytes)),
        format!("{header}.{claims}."),
    ))
}

/// Whether two tokens are one, or name one session.
pub(super) fn are_of_one_session(one: &str, other: &str) -> bool {
    let session = |token: &str| {
        let claims = base64url_decode(token.split('.').nth(1)?)?;
        let claims: Value = serde_json::from_slice(&claims).ok()?;
        claims.get("sid")?.as_str().map(str::to_owned)
    };
    one == other || session(one).is_some_and(|own| Some(own) == session(other))
}

/// What the key set says of the token at a time in seconds since the Unix epoch.
pub(super) fn facts(token: &str, keys: Option<&[u8]>, project_id: &str, at: i64) -> TokenFacts {
    let part = |place: usize| {
        let bytes = base64url_decode(token.split('.').nth(place)?)?;
        serde_json::from_slice::<Value>(&bytes)
            .ok()
            .filter(Value::is_object)
    };
    let report = keys.map(lint);
    let unusable = report.iter().flat_map(|report| &report.keys);
    let unusable = unusable.filter_map(|key| {
        let refusal = key.usable.err()?;
        let id = key.kid.as_deref().unwrap_or("without an id");
        Some(format!("{id}: {}", refusal.code()))
    });
    TokenFacts {
        header: part(0),
        claims: part(1),
        unusable: unusable.collect(),
        refusal: keys.and_then(|keys| refusal(token, keys, project_id, at)),
    }
}

fn refusal(token: &str, keys: &[u8], project_id: &str, at: i64) -> Option<String> {
    let verdict = (|| {
        let keys = KeySet::parse(keys).map_err(KeySetError::code)?;
        let rules = Rules::new(project_id).map_err(|_| "the project's id is no audience")?;
        let token = SessionToken::parse(token).map_err(|_| "malformed_token")?;
        let now = Timestamp::from_unix_millis(at.saturating_mul(1000));
        verify(&token, &keys, &rules, now)
            .map(drop)
            .map_err(Reason::code)
    })();
    verdict.err().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_signature_has_the_same_length() {
        let (tampered, unsigned) = tampered("aGVhZA.Ym9keQ.c2lnbmF0dXJl").unwrap();
        assert!(tampered.starts_with("aGVhZA.Ym9keQ.c2ln"), "{tampered}");
        assert_eq!(tampered.len(), "aGVhZA.Ym9keQ.c2lnbmF0dXJl".len());
        assert!(unsigned.ends_with(".Ym9keQ."), "{unsigned}");
        assert!(super::tampered("opaque").is_none());
    }
}
