//! Refusals by other names than the contract's.

use serde_json::json;

use super::{Answering, Deviation, VALIDATE, VERIFY, after, before, pkce};

fn rename(answering: &mut Answering, name: &str) {
    if answering.is_refused_with(name) {
        answering.set("/error/code", &json!("another_name"));
    }
}

#[rustfmt::skip]
pub(super) const DEVIATIONS: &[Deviation] = &[
    after("another name than missing_project", &["errors.6"], |_, answering, _| rename(answering, "missing_project")),
    after("another name than unknown_project", &["errors.7"], |_, answering, _| rename(answering, "unknown_project")),
    after("another name than missing_token", &["errors.8"], |_, answering, _| rename(answering, "missing_token")),
    after("another name than invalid_token", &["errors.9"], |_, answering, _| rename(answering, "invalid_token")),
    before("a token that is read from the body", &[], |asking| {
        let is_read = asking.is("POST", VERIFY) || asking.is("POST", VALIDATE);
        let told = asking.json()["token"].as_str().map(|token| format!("Bearer {token}"));
        if let Some(told) = told.filter(|_| is_read && asking.header("authorization").is_none()) {
            asking.set_header("authorization", &told);
        }
    }),
    after("another name than session_ended", &["errors.10"], |_, answering, _| rename(answering, "session_ended")),
    after("another name than invalid_code", &["errors.11"], |_, answering, _| rename(answering, "invalid_code")),
    after("another name than code_reused", &["errors.12"], |_, answering, _| rename(answering, "code_reused")),
    after("another name than invalid_body", &["errors.13"], |_, answering, _| rename(answering, "invalid_body")),
    after("another name than token_mismatch", &["errors.14"], |_, answering, _| rename(answering, "token_mismatch")),
    after("another name than unsupported_media_type", &["errors.15"], |_, answering, _| rename(answering, "unsupported_media_type")),
    after("another name than body_too_large", &["errors.16"], |_, answering, _| rename(answering, "body_too_large")),
    after("another name than forbidden", &["errors.17"], |_, answering, _| rename(answering, "forbidden")),
    pkce(after("another name than session_ended, in pkce", &["errors.10"], |_, answering, _| {
        if answering.is_refused_with("session_ended") { answering.set("/code", &json!("another_name")); }
    })),
];
