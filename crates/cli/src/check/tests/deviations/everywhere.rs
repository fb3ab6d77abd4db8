//! Deviations of envelopes, errors, headers and keys, and what is no deviation.

use serde_json::{Value, json};

use super::{DESTROY, Deviation, EXCHANGE, VALIDATE, VERIFY, after, before, is_fine, pkce};

#[rustfmt::skip]
pub(super) const DEVIATIONS: &[Deviation] = &[
    after("sessions that do not end", &[], |asking, answering, _| {
        if is_fine(asking, answering, EXCHANGE) || is_fine(asking, answering, VALIDATE) {
            answering.set("/data/session/expires_at", &json!("9999-12-31T23:59:59Z"));
        }
    }),
    after("a person whose name is a word of the protocol", &[], |asking, answering, _| {
        if is_fine(asking, answering, EXCHANGE) || is_fine(asking, answering, VERIFY) { answering.set("/data/user/name", &json!("user")); }
    }),
    after("two headers of one name", &[], |asking, answering, _| {
        if is_fine(asking, answering, EXCHANGE) {
            answering.set_header("cache-control", "private");
            answering.headers.append("cache-control", http::HeaderValue::from_static("no-store"));
        }
    }),
    after("refusals without an error", &[], |asking, answering, _| {
        if asking.is("POST", VALIDATE) && asking.is_junk() { answering.set("/error", &Value::Null); }
    }),
    pkce(after("nothing in the answer to an end", &[], |asking, answering, _| {
        if is_fine(asking, answering, DESTROY) {
            answering.body.clear();
            answering.headers.remove("content-type");
        }
    })),
    pkce(after("a fraction of a second", &[], |asking, answering, _| {
        if is_fine(asking, answering, EXCHANGE) { answering.set("/expires_in", &json!(3599.5)); }
    })),
    after("too many requests", &[], |asking, answering, _| {
        if asking.path.starts_with("/api/") { answering.refuse(429); }
    }),
    before("a Cloud below a path", &[], |asking| asking.path = asking.path.replace("/below", "")),
    after("a page in place of a refusal", &["envelope.1", "headers.2"], |asking, answering, _| {
        if asking.is("POST", VALIDATE) && asking.is_junk() {
            answering.body = b"<h1>401</h1>".to_vec();
            answering.set_header("content-type", "text/html");
        }
    }),
    after("a member twice", &["envelope.1"], |asking, answering, _| {
        if asking.is("POST", VALIDATE) && asking.is_junk() { answering.body = br#"{"ok":false,"ok":false}"#.to_vec(); }
    }),
    after("ok as text", &["envelope.2"], |asking, answering, _| {
        if asking.is("POST", VALIDATE) && asking.is_junk() { answering.set("/ok", &json!("false")); }
    }),
    after("ok with a refusal", &["envelope.3"], |asking, answering, _| {
        if asking.is("POST", VALIDATE) && asking.is_junk() { answering.set("/ok", &json!(true)); }
    }),
    after("data beside the envelope", &["envelope.4", "verify.2"], |asking, answering, _| {
        if is_fine(asking, answering, VERIFY) { answering.set("/data", &Value::Null); }
    }),
    after("a refusal without a message", &["errors.1"], |asking, answering, _| {
        if asking.is("POST", VALIDATE) && asking.is_junk() { answering.set("/error/message", &json!("")); }
    }),
    after("a refusal without a code", &["errors.2"], |asking, answering, _| {
        if asking.is("POST", VALIDATE) && asking.is_junk() { answering.set("/error/code", &Value::Null); }
    }),
    after("a refusal without a status", &["errors.3"], |asking, answering, _| {
        if asking.is("POST", VALIDATE) && asking.is_junk() { answering.set("/error/status", &Value::Null); }
    }),
    after("a refusal with the server's inside", &["errors.4"], |asking, answering, _| {
        if asking.is("POST", VALIDATE) && asking.is_junk() { answering.set("/error/message", &json!("thread panicked at src/main.rs:7")); }
    }),
    after("a page for every path", &["errors.5"], |asking, answering, _| {
        if asking.path.ends_with("check-knows-no-such-path") { answering.status = 200; }
    }),
    after("a redirect of the API", &["envelope.3", "headers.1", "session.1"], |asking, answering, _| {
        if is_fine(asking, answering, VALIDATE) { answering.lead(307, "https://elsewhere.invalid/"); }
    }),
    after("an API of text", &["headers.2"], |asking, answering, _| {
        if is_fine(asking, answering, VALIDATE) { answering.set_header("content-type", "text/plain"); }
    }),
    after("an API with cookies", &["headers.3"], |asking, answering, _| {
        if is_fine(asking, answering, VERIFY) { answering.set_header("set-cookie", "visit=1"); }
    }),
    after("a user from a cache", &["headers.4"], |asking, answering, _| {
        if is_fine(asking, answering, VERIFY) { answering.set_header("cache-control", "max-age=60"); }
    }),
    after("no key set", &["keys.1"], |asking, answering, _| {
        if asking.path.ends_with("jwks.json") { answering.status = 404; }
    }),
    after("a key set that is a list", &["keys.2"], |asking, answering, _| {
        if asking.path.ends_with("jwks.json") { answering.body = b"[]".to_vec(); }
    }),
    after("a private key", &["keys.3", "keys.5", "keys.7"], |asking, answering, _| {
        if asking.path.ends_with("jwks.json") { answering.set("/keys/0/d", &json!("AAAA")); }
    }),
    after("a key without an id", &["keys.4", "keys.6", "keys.7"], |asking, answering, _| {
        if asking.path.ends_with("jwks.json") { answering.set("/keys/0/kid", &Value::Null); }
    }),
    after("a key for encryption", &["keys.5", "keys.7"], |asking, answering, _| {
        if asking.path.ends_with("jwks.json") { answering.set("/keys/0/use", &json!("enc")); }
    }),
    after("another key's id", &["keys.6", "keys.7"], |asking, answering, _| {
        if asking.path.ends_with("jwks.json") { answering.set("/keys/0/kid", &json!("key_2")); }
    }),
    after("another key", &["keys.7"], |asking, answering, _| {
        if asking.path.ends_with("jwks.json") { answering.set("/keys/0/x", &json!("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")); }
    }),
];
