//! Deviations with forged tokens, other projects and no project, wherever a token goes but to the verification.

use serde_json::json;

use super::{
    Answering, Asking, DESTROY, Deviation, VALIDATE, VERIFY, after, before, default_header,
    is_user, pkce, user,
};

fn is_unsigned(asking: &Asking) -> bool {
    asking.bearer().ends_with('.')
}

fn is_tampered(asking: &Asking, answering: &Answering) -> bool {
    let is_ours = asking.header("x-project-id") != Some("shop");
    is_ours
        && !is_unsigned(asking)
        && !asking.is_junk()
        && answering.is_refused_with("invalid_token")
}

fn is_permissions(asking: &Asking) -> bool {
    asking.is("GET", "/permissions")
}

/// A Cloud that does not look at the project: its own stands in for the other one.
fn is_foreign(asking: &Asking, answering: &Answering) -> bool {
    asking.header("x-project-id") == Some("shop") && answering.is_refused_with("invalid_token")
}

#[rustfmt::skip]
pub(super) const DEVIATIONS: &[Deviation] = &[
    after("a look-up by any signature", &["security.27"], |asking, answering, _| {
        if asking.is("POST", VALIDATE) && is_tampered(asking, answering) { answering.succeed(&json!({ "session": {} })); }
    }),
    pkce(after("a look-up by any signature, in pkce", &["security.27"], |asking, answering, _| {
        if asking.is("POST", VALIDATE) && is_tampered(asking, answering) { answering.succeed(&json!({})); }
    })),
    after("a look-up without a signature", &["security.28"], |asking, answering, _| {
        if asking.is("POST", VALIDATE) && is_unsigned(asking) { answering.succeed(&json!({ "session": {} })); }
    }),
    after("a user by any signature", &["security.29"], |asking, answering, _| {
        if is_user(asking) && is_tampered(asking, answering) { answering.succeed(&user()); }
    }),
    after("a user without a signature", &["security.30"], |asking, answering, _| {
        if is_user(asking) && is_unsigned(asking) { answering.succeed(&user()); }
    }),
    after("permissions by any signature", &["security.31"], |asking, answering, _| {
        if is_permissions(asking) && is_tampered(asking, answering) { answering.succeed(&json!({ "permissions": [] })); }
    }),
    after("permissions without a signature", &["security.32"], |asking, answering, _| {
        if is_permissions(asking) && is_unsigned(asking) { answering.succeed(&json!({ "permissions": [] })); }
    }),
    after("an end by any signature", &["security.33"], |asking, answering, _| {
        if asking.is("POST", DESTROY) && is_tampered(asking, answering) { answering.succeed(&json!({})); }
    }),
    pkce(after("an end by any signature, in pkce", &["security.33"], |asking, answering, _| {
        if asking.is("POST", DESTROY) && is_tampered(asking, answering) { answering.succeed(&json!({})); }
    })),
    after("an end without a signature", &["security.34"], |asking, answering, _| {
        if asking.is("POST", DESTROY) && is_unsigned(asking) { answering.succeed(&json!({})); }
    }),
    after("a look-up for any project", &["security.35"], |asking, answering, _| {
        if asking.is("POST", VALIDATE) && is_foreign(asking, answering) { answering.succeed(&json!({ "session": {} })); }
    }),
    after("a user for any project", &["security.36"], |asking, answering, _| {
        if is_user(asking) && is_foreign(asking, answering) { answering.succeed(&user()); }
    }),
    after("permissions for any project", &["security.37"], |asking, answering, _| {
        if is_permissions(asking) && is_foreign(asking, answering) { answering.succeed(&json!({ "permissions": [] })); }
    }),
    after("an end for any project", &["security.38"], |asking, answering, _| {
        if asking.is("POST", DESTROY) && is_foreign(asking, answering) { answering.succeed(&json!({})); }
    }),
    after("permissions for a made-up token", &["permissions.6"], |asking, answering, _| {
        if is_permissions(asking) && asking.is_junk() { answering.succeed(&json!({ "permissions": [] })); }
    }),
    after("a message with a session's token", &["security.24"], |asking, answering, _| {
        if asking.is("POST", VERIFY) && answering.is_refused_with("unknown_project") {
            answering.set("/error/message", &json!(format!("{} is for another project", asking.bearer())));
        }
    }),
    before("permissions without a project", &["permissions.7"], |asking| default_header(asking, "/permissions", "x-project-id", "demo")),
    before("a user without a project", &["user.7"], |asking| {
        if is_user(asking) && asking.header("x-project-id").is_none() { asking.set_header("x-project-id", "demo"); }
    }),
    after("an end without a project", &["session.18"], |asking, answering, _| {
        if asking.is("POST", DESTROY) && answering.is_refused_with("missing_project") { answering.succeed(&json!({})); }
    }),
];
