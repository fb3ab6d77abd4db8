//! Forged tokens, and projects that are not the token's, wherever a token goes but to the verification.

use super::super::exchange::Answer;
use super::super::probe::{Probe, Seen};
use super::super::reading::{other_project, refused};
use super::super::rule::{Rule, Severity};
use super::super::verdict::{Judged, holds};
use super::{only, rule};
use crate::args::CheckGroup::{Permissions, Security, Session, User};
use crate::args::DialectName::V1;
use Severity::{Must, Should};

const SIGNATURE: &str = "check the signature before anything that the token says, at each endpoint";
const ALGORITHM: &str = "accept the algorithms of your own keys alone, at each endpoint";
const AUDIENCE: &str = "compare the token's audience with X-Project-ID, at each endpoint";
const HEADER: &str = "require the header on every call";

#[rustfmt::skip]
pub(super) const RULES: &[Rule] = &[
    rule("security.27", Security, Must, Probe::ValidateTampered,
        ["no session is found by a token with another signature", "RFC 8725, section 3.3", SIGNATURE], no_token),
    rule("security.28", Security, Must, Probe::ValidateUnsigned,
        ["no session is found by a token with alg none", "RFC 8725, section 3.1", ALGORITHM], no_token),
    only(V1, rule("security.29", Security, Must, Probe::UserTampered,
        ["no user is shown for a token with another signature", "RFC 8725, section 3.3", SIGNATURE], no_token)),
    only(V1, rule("security.30", Security, Must, Probe::UserUnsigned,
        ["no user is shown for a token with alg none", "RFC 8725, section 3.1", ALGORITHM], no_token)),
    only(V1, rule("security.31", Security, Must, Probe::PermissionsTampered,
        ["no permissions for a token with another signature", "RFC 8725, section 3.3", SIGNATURE], no_token)),
    only(V1, rule("security.32", Security, Must, Probe::PermissionsUnsigned,
        ["no permissions for a token with alg none", "RFC 8725, section 3.1", ALGORITHM], no_token)),
    rule("security.33", Security, Must, Probe::DestroyTampered,
        ["a token with another signature ends no session", "RFC 8725, section 3.3", SIGNATURE], no_token),
    rule("security.34", Security, Must, Probe::DestroyUnsigned,
        ["a token with alg none ends no session", "RFC 8725, section 3.1", ALGORITHM], no_token),
    rule("security.35", Security, Must, Probe::ValidateOtherProject,
        ["no session is found for another project", "RFC 8725, section 3.9", AUDIENCE], foreign),
    only(V1, rule("security.36", Security, Must, Probe::UserOtherProject,
        ["no user is shown to another project", "RFC 8725, section 3.9", AUDIENCE], foreign)),
    only(V1, rule("security.37", Security, Must, Probe::PermissionsOtherProject,
        ["no permissions are shown to another project", "RFC 8725, section 3.9", AUDIENCE], foreign)),
    only(V1, rule("security.38", Security, Must, Probe::DestroyOtherProject,
        ["no session ends for another project", "RFC 8725, section 3.9", AUDIENCE], foreign)),
    only(V1, rule("permissions.6", Permissions, Must, Probe::PermissionsJunk,
        ["permissions are not shown for a made-up token", "contract: getUserPermissions, 401", "answer 401 invalid_token"], no_token)),
    only(V1, rule("permissions.7", Permissions, Must, Probe::PermissionsNoProject,
        ["permissions without X-Project-ID are refused", "contract: ProjectId, 400 missing_project", HEADER],
        |answer, _| refused(answer, &[400]))),
    only(V1, rule("user.7", User, Must, Probe::UserNoProject,
        ["a user without X-Project-ID is refused", "contract: ProjectId, 400 missing_project", HEADER],
        |answer, _| refused(answer, &[400]))),
    only(V1, rule("session.18", Session, Must, Probe::DestroyNoProject,
        ["no session ends without X-Project-ID", "contract: ProjectId, 400 missing_project", HEADER],
        |answer, _| refused(answer, &[400]))),
    rule("session.17", Session, Should, Probe::ExchangeSecond,
        ["two sign-ins of one browser make two sessions", "contract: exchangeCode",
         "make a session for each code: else the end of one ends the other"],
        |_, seen| holds(!seen.is_one_session, "both sign-ins made one session")),
];

fn no_token(answer: &Answer, _: &Seen) -> Judged {
    refused(answer, &[401])
}

fn foreign(answer: &Answer, seen: &Seen) -> Judged {
    other_project(answer, seen.beside(Probe::VerifyUnknownProject)?)?;
    refused(answer, &[401, 403])
}
