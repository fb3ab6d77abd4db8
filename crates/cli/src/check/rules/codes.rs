//! The names of refusals: the contract lists them, and apps read them.

use super::super::probe::{Probe, Seen};
use super::super::reading::{reason, status};
use super::super::rule::{Rule, Severity};
use super::super::verdict::{Judged, failed, not_tested};
use super::{only, rule};
use crate::args::CheckGroup::Errors;
use crate::args::DialectName::V1;
use Probe as P;
use Severity::Should;

#[rustfmt::skip]
pub(super) const RULES: &[Rule] = &[
    rule("errors.6", Errors, Should, P::VerifyNoProject,
        ["the code without a project is missing_project", "contract: BadRequest", "name it missing_project"],
        |_, seen| named(seen, (400, "missing_project"), &[P::VerifyNoProject, P::ValidateNoProject,
            P::UserNoProject, P::PermissionsNoProject, P::DestroyNoProject])),
    rule("errors.7", Errors, Should, P::VerifyUnknownProject,
        ["the code for an unknown project is unknown_project", "contract: Forbidden", "name it unknown_project"],
        |_, seen| named(seen, (403, "unknown_project"), &[P::ExchangeUnknownProject, P::VerifyUnknownProject])),
    rule("errors.8", Errors, Should, P::VerifyNoToken,
        ["the code without a token is missing_token", "contract: Unauthorized", "name it missing_token"],
        |_, seen| named(seen, (401, "missing_token"), &[P::VerifyNoToken, P::ValidateNoToken, P::DestroyNoToken, P::UserNoToken,
            P::PermissionsNoToken])),
    rule("errors.9", Errors, Should, P::VerifyJunk,
        ["the code for a forged token is invalid_token", "contract: Unauthorized", "name it invalid_token"],
        |_, seen| named(seen, (401, "invalid_token"), &[P::VerifyJunk, P::ValidateJunk, P::DestroyJunk, P::UserJunk,
            P::PermissionsJunk, P::VerifyTampered, P::VerifyUnsigned, P::ValidateTampered, P::ValidateUnsigned, P::DestroyTampered,
            P::DestroyUnsigned, P::UserTampered, P::UserUnsigned, P::PermissionsTampered, P::PermissionsUnsigned])),
    rule("errors.10", Errors, Should, P::DestroyedVerify,
        ["the code after a session's end is session_ended", "contract: Unauthorized", "name it session_ended"],
        |_, seen| named(seen, (401, "session_ended"), &[P::DestroyedVerify, P::DestroyedValidate, P::ExchangeAgainVerify,
            P::LogoutHintVerify])),
    rule("errors.11", Errors, Should, P::ExchangeUnknownCode,
        ["the code for an unknown code is invalid_code", "contract: BadRequest", "name it invalid_code"],
        |_, seen| named(seen, (400, "invalid_code"), &[P::ExchangeUnknownCode, P::ExchangeOtherProject, P::ExchangeWrongVerifier,
            P::ExchangeOtherRedirect])),
    rule("errors.12", Errors, Should, P::ExchangeAgain,
        ["the code for a used code is code_reused", "contract: BadRequest", "name it code_reused"],
        |_, seen| named(seen, (400, "code_reused"), &[P::ExchangeAgain])),
    rule("errors.13", Errors, Should, P::ExchangeNoCode,
        ["the code for a wrong body is invalid_body", "contract: BadRequest", "name it invalid_body"],
        |_, seen| named(seen, (400, "invalid_body"), &[P::ExchangeNoCode, P::ExchangeBroken, P::ExchangeNoVerifier, P::VerifyBroken])),
    only(V1, rule("errors.14", Errors, Should, P::VerifyTwoTokens,
        ["the code for two tokens is token_mismatch", "contract: BadRequest", "name it token_mismatch"],
        |_, seen| named(seen, (400, "token_mismatch"), &[P::VerifyTwoTokens]))),
    rule("errors.15", Errors, Should, P::ExchangeNotJson,
        ["the code for no JSON is unsupported_media_type", "contract: NotJson", "name it unsupported_media_type"],
        |_, seen| named(seen, (415, "unsupported_media_type"), &[P::ExchangeNotJson, P::VerifyNotJson])),
    rule("errors.16", Errors, Should, P::ExchangeHuge,
        ["the code for a huge body is body_too_large", "contract: TooLarge", "name it body_too_large"],
        |_, seen| named(seen, (413, "body_too_large"), &[P::ExchangeHuge, P::VerifyHuge])),
    only(V1, rule("errors.17", Errors, Should, P::DestroyOthers,
        ["the code for what is not one's own is forbidden", "contract: Forbidden", "name it forbidden"],
        |_, seen| named(seen, (403, "forbidden"), &[P::DestroyOthers, P::UserUnknown, P::PermissionsUnknown]))),
];

/// Refusals of this status have this code. Other rules judge the status, and whether there is a code.
fn named(seen: &Seen, (wanted, name): (u16, &str), probes: &[Probe]) -> Judged {
    let mut is_tested = false;
    for probe in probes {
        let answer = seen.answer(*probe).ok();
        let answer = answer.filter(|answer| status(answer) == wanted);
        let Some(code) = answer.and_then(reason) else {
            continue;
        };
        // The body of these holds a token in dialect v1, and a Cloud may read it there.
        let is_of_body =
            seen.dialect == V1 && matches!(probe, P::VerifyNoToken | P::ValidateNoToken);
        if is_of_body && code == "invalid_token" {
            continue;
        }
        is_tested = true;
        if code != name {
            return failed(format!("{probe:?}: the code is {code:?}"));
        }
    }
    if is_tested {
        Ok(())
    } else {
        not_tested(format!("no refusal came with {wanted} and a code"))
    }
}
