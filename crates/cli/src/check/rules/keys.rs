//! The key set, and the token checked by it: what a plugin needs that verifies without a call.

use serde_json::Value;

use super::super::exchange::Answer;
use super::super::probe::{Probe, Seen, TokenFacts};
use super::super::reading::json;
use super::super::rule::{Rule, Severity};
use super::super::verdict::{Verdict, failed, holds, not_tested};
use super::rule;
use crate::args::CheckGroup::Keys;
use Severity::{Must, Note, Should};

/// Members that only a private or a symmetric key has (RFC 7518, sections 6.2.2, 6.3.2 and 6.4).
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "k"];

#[rustfmt::skip]
pub(super) const RULES: &[Rule] = &[
    rule("keys.1", Keys, Should, Probe::KeySet,
        ["the key set is there", "contract: keySet; RFC 7517, section 5", "serve the public keys at /.well-known/jwks.json"],
        |answer, _| holds(answer.status == 200, format!("the status is {}", answer.status))),
    rule("keys.2", Keys, Must, Probe::KeySet,
        ["the key set is a list of keys", "RFC 7517, section 5", "return an object whose keys is a list of objects"],
        |answer, _| {
            if answer.status != 200 {
                return not_tested("there is no key set");
            }
            keys(answer).map(drop).or_else(|_| failed("it is no object whose `keys` is a list of objects"))
        }),
    rule("keys.3", Keys, Must, Probe::KeySet,
        ["the key set holds no private key", "RFC 7517, section 9.2", "publish the public members alone, and replace the keys at once"],
        |answer, _| {
            let keys = keys(answer)?;
            let bad = keys.iter().find_map(|key| PRIVATE.iter().find(|name| key.get(**name).is_some()));
            match bad {
                Some(name) => failed(format!("a key has the member {name:?}")),
                None => Ok(()),
            }
        }),
    rule("keys.4", Keys, Must, Probe::KeySet,
        ["each key has an id of its own", "contract: KeySet.kid; RFC 7517, section 4.5", "give each key a kid that no other key has"],
        |answer, _| {
            let keys = keys(answer)?;
            let ids: Vec<_> = keys.iter().filter_map(|key| key.get("kid")?.as_str()).collect();
            let mut unique = ids.clone();
            unique.sort_unstable();
            unique.dedup();
            holds(ids.len() == keys.len() && unique.len() == ids.len(), "a kid is missing, or there twice")
        }),
    rule("keys.5", Keys, Should, Probe::KeySet,
        ["each key can be used", "RFC 7518, section 6; `mastra-auth jwks lint`", "say kty, use: sig and alg, and publish keys that plugins know"],
        |answer, seen| {
            keys(answer)?;
            let facts = facts(seen)?;
            holds(facts.unusable.is_empty(), facts.unusable.join("; "))
        }),
    rule("keys.6", Keys, Should, Probe::KeySet,
        ["the token's key is in the set", "RFC 7515, section 4.1.4", "publish a key before it signs, and until its last token has ended"],
        |answer, seen| {
            let keys = keys(answer)?;
            let header = header(seen)?;
            let Some(id) = header.get("kid").and_then(Value::as_str) else {
                return failed("the token's header has no kid");
            };
            let is_there = keys.iter().any(|key| key.get("kid").and_then(Value::as_str) == Some(id));
            holds(is_there, "the token names a key that is not in the set")
        }),
    rule("keys.7", Keys, Must, Probe::KeySet,
        ["the key set verifies the token", "RFC 7515, section 5.2; RFC 7519, section 7.2",
         "run `mastra-auth token explain` on the token: it names the check that fails"],
        |answer, seen| {
            keys(answer)?;
            header(seen)?;
            match &facts(seen)?.refusal {
                Some(code) => failed(format!("it is refused: {code}")),
                None => Ok(()),
            }
        }),
    rule("keys.8", Keys, Must, Probe::KeySet,
        ["the token's header names a signature algorithm", "RFC 8725, section 3.1", "sign with EdDSA, ES256 or RS256"],
        |_, seen| {
            let header = header(seen)?;
            let name = header.get("alg").and_then(Value::as_str).unwrap_or_default();
            holds(matches!(name, "EdDSA" | "Ed25519" | "ES256" | "RS256"), format!("alg is {name:?}"))
        }),
    rule("claims.1", crate::args::CheckGroup::Claims, Must, Probe::KeySet,
        ["the token has a subject", "RFC 7519, section 4.1.2", "put the user's id into sub"],
        |_, seen| claim(seen, "sub").map(drop)),
    rule("claims.2", crate::args::CheckGroup::Claims, Must, Probe::KeySet,
        ["the token is for this project", "RFC 7519, section 4.1.3; RFC 8725, section 3.9", "put the project's id into aud"],
        |_, seen| {
            let claims = claims(seen)?;
            let is_ours = match claims.get("aud") {
                Some(Value::String(one)) => *one == seen.project_id,
                Some(Value::Array(all)) => all.iter().any(|one| one.as_str() == Some(&seen.project_id)),
                _ => false,
            };
            holds(is_ours, "aud does not name the project")
        }),
    rule("claims.3", crate::args::CheckGroup::Claims, Must, Probe::KeySet,
        ["the token ends", "RFC 7519, section 4.1.4", "put the end into exp, in seconds"],
        |_, seen| {
            let end = claims(seen)?.get("exp").and_then(Value::as_f64).unwrap_or_default();
            #[allow(clippy::cast_precision_loss, clippy::as_conversions, reason = "seconds since 1970 are exact")]
            let at = seen.at as f64;
            // The year 10000: milliseconds, taken for seconds, end later.
            holds(end > at && end < 253_402_300_800.0, "exp is no number of seconds in the future")
        }),
    rule("claims.4", crate::args::CheckGroup::Claims, Should, Probe::KeySet,
        ["the token says when it was issued", "RFC 7519, section 4.1.6", "put the time into iat: a maximum age needs it"],
        |_, seen| holds(claims(seen)?.get("iat").is_some_and(Value::is_number), "iat is missing or no number")),
    rule("claims.5", crate::args::CheckGroup::Claims, Should, Probe::KeySet,
        ["the token names its session", "OpenID Connect Front-Channel Logout 1.0, section 3 (sid)",
         "put the session's id into sid: a sign-out then spares a call, and reaches other instances"],
        |_, seen| claim(seen, "sid").map(drop)),
    rule("claims.6", crate::args::CheckGroup::Claims, Should, Probe::KeySet,
        ["the token names its issuer", "RFC 7519, section 4.1.1; RFC 8725, section 3.8", "put the Cloud's address into iss"],
        |_, seen| claim(seen, "iss").map(drop)),
    rule("claims.7", crate::args::CheckGroup::Claims, Must, Probe::KeySet,
        ["the token's subject is the verified user", "contract: verifyToken", "issue the token for the user of the session"],
        |_, seen| {
            let subject = claim(seen, "sub")?;
            let verified = seen.beside(Probe::Verify)?;
            let body = json(verified).ok();
            let user = body.as_ref().and_then(|body| body.pointer("/data/user/id").or_else(|| body.get("sub"))?.as_str());
            match user {
                Some(user) => holds(user == subject, "the subject is another user"),
                None => not_tested("the verification named no user"),
            }
        }),
    rule("claims.8", crate::args::CheckGroup::Claims, Note, Probe::KeySet,
        ["the token carries the person's role", "contract: User.role", "put role or roles into the token where plugins verify by keys"],
        |_, seen| {
            let claims = claims(seen)?;
            holds(claims.get("role").or_else(|| claims.get("roles")).is_some(), "it has neither role nor roles")
        }),
];

/// The keys of a set that `keys.2` finds to be one.
fn keys(answer: &Answer) -> Result<Vec<Value>, Verdict> {
    let set = json(answer).ok().filter(|_| answer.status == 200);
    match set.as_ref().and_then(|set| set.get("keys")) {
        Some(Value::Array(keys)) if keys.iter().all(Value::is_object) => Ok(keys.clone()),
        _ => not_tested("there is no key set"),
    }
}

fn facts(seen: &Seen) -> Result<&TokenFacts, Verdict> {
    seen.token
        .as_ref()
        .map_or_else(|| not_tested("there is no token"), Ok)
}

fn header(seen: &Seen) -> Result<&Value, Verdict> {
    facts(seen)?
        .header
        .as_ref()
        .map_or_else(|| not_tested("the token is no JWT"), Ok)
}

fn claims(seen: &Seen) -> Result<&Value, Verdict> {
    if seen.answer(Probe::KeySet)?.status != 200 {
        return not_tested("there is no key set");
    }
    facts(seen)?
        .claims
        .as_ref()
        .map_or_else(|| not_tested("the token is no JWT"), Ok)
}

fn claim<'s>(seen: &'s Seen, name: &str) -> Result<&'s str, Verdict> {
    let text = claims(seen)?.get(name).and_then(Value::as_str);
    match text {
        Some(text) if !text.is_empty() => Ok(text),
        _ => failed(format!("{name} is missing, or no text")),
    }
}
