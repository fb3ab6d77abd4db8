//! Sessions: look-up and end.

use super::super::exchange::Answer;
use super::super::probe::{Probe, Seen};
use super::super::reading::{accepted, data, refused, same, text, time};
use super::super::rule::{Rule, Severity};
use super::super::verdict::{Judged, holds, not_tested};
use super::exchange::{lifetime, session};
use super::{only, rule};
use crate::args::CheckGroup::{Robustness, Session};
use crate::args::DialectName::{Pkce, V1};
use Severity::{Must, Should};

#[rustfmt::skip]
pub(super) const RULES: &[Rule] = &[
    rule("session.1", Session, Must, Probe::Validate,
        ["a session is found by its token", "contract: validateSession, 200", "answer 2xx for a session that is alive"],
        |answer, seen| match data(seen.beside(Probe::Verify)?, seen) {
            Ok(verified) if verified.get("token_type").is_some_and(|kind| kind == "project_api_token") => {
                not_tested("a project API token has no session")
            }
            _ => accepted(answer, seen),
        }),
    only(V1, rule("session.2", Session, Must, Probe::Validate,
        ["the look-up returns the session", "contract: validateSession, data.session",
         "return data.session with id, user_id, created_at and expires_at"],
        |answer, seen| session(&data(answer, seen)?, "/session", seen))),
    only(Pkce, rule("session.3", Session, Must, Probe::Validate,
        ["the look-up returns userId, createdAt and expiresAt", "contract: validateSession",
         "return the user's id and the two times, as RFC 3339 or in milliseconds"],
        |answer, seen| {
            let data = data(answer, seen)?;
            text(&data, "/userId")?;
            lifetime(&data, "/createdAt", "/expiresAt", seen)
        })),
    only(V1, rule("session.4", Session, Must, Probe::Validate,
        ["look-up and exchange name the same session", "contract: validateSession", "return the session that the token belongs to"],
        |answer, seen| {
            let found = data(answer, seen)?;
            let exchanged = data(seen.beside(Probe::Exchange)?, seen)?;
            let (Ok(one), Ok(other)) = (text(&found, "/session/id"), text(&exchanged, "/session/id")) else {
                return not_tested("a member is missing");
            };
            same(one, other, "the sessions' ids")
        })),
    rule("session.5", Session, Must, Probe::Validate,
        ["look-up and verification name the same user", "contract: validateSession", "return the session that the token belongs to"],
        |answer, seen| {
            let found = data(answer, seen)?;
            let verified = data(seen.beside(Probe::Verify)?, seen)?;
            let either = |data: &serde_json::Value, names: [&str; 2]| {
                names.iter().find_map(|name| text(data, name).ok().map(str::to_owned))
            };
            let (Some(one), Some(other)) = (either(&found, ["/session/user_id", "/userId"]), either(&verified, ["/user/id", "/sub"])) else {
                return not_tested("a member is missing");
            };
            same(&one, &other, "the users' ids")
        }),
    rule("session.6", Session, Must, Probe::ValidateJunk,
        ["a look-up with a made-up token is refused", "contract: validateSession, 401", "answer 401 invalid_token"],
        |answer, _| refused(answer, &[401])),
    rule("session.7", Session, Must, Probe::ValidateNoToken,
        ["a look-up without a token is refused", "contract: validateSession, 400 or 401", "answer 401 missing_token"],
        |answer, _| refused(answer, &[400, 401])),
    rule("session.8", Session, Must, Probe::ValidateNoProject,
        ["a look-up without X-Project-ID is refused", "contract: ProjectId, 400 missing_project", "require the header on every call"],
        |answer, _| refused(answer, &[400])),
    rule("session.9", Session, Must, Probe::DestroyJunk,
        ["a made-up token ends no session", "contract: destroySession, 401", "answer 401 invalid_token"],
        |answer, _| refused(answer, &[401])),
    rule("session.10", Session, Must, Probe::DestroyNoToken,
        ["no session ends without a token", "contract: destroySession, 401", "answer 401 missing_token"],
        |answer, _| refused(answer, &[400, 401])),
    only(V1, rule("session.11", Session, Must, Probe::DestroyOthers,
        ["a token ends no session but its own", "contract: destroySession, 403 forbidden",
         "compare sessionId with the token's session"],
        |answer, _| refused(answer, &[403, 404]))),
    rule("session.12", Session, Must, Probe::Destroy,
        ["a session is ended", "contract: destroySession, 200", "answer 2xx; in dialect v1 with ok: true, and data may be absent"],
        ended),
    rule("session.13", Session, Must, Probe::DestroyedVerify,
        ["the token of an ended session is refused", "contract: destroySession", "look the session up at each verification"],
        |answer, seen| match seen.answer(Probe::Destroy).and_then(|answer| ended(answer, seen)) {
            Ok(()) => refused(answer, &[401]),
            Err(_) => not_tested("the session was not ended"),
        }),
    rule("session.14", Session, Must, Probe::DestroyedValidate,
        ["an ended session is not found again", "contract: destroySession", "answer 401 session_ended"],
        |answer, seen| match seen.answer(Probe::Destroy).and_then(|answer| ended(answer, seen)) {
            Ok(()) => refused(answer, &[401]),
            Err(_) => not_tested("the session was not ended"),
        }),
    rule("session.15", Session, Must, Probe::DestroyedOther,
        ["another session of the person goes on", "contract: destroySession", "end the one session, and not the person's others"],
        accepted),
    only(V1, rule("session.16", Session, Should, Probe::Validate,
        ["look-up and exchange agree when the session began", "contract: Session.created_at", "store the time once"],
        |answer, seen| {
            let found = data(answer, seen)?;
            let exchanged = data(seen.beside(Probe::Exchange)?, seen)?;
            let at = "/session/created_at";
            let (Ok(one), Ok(other)) = (time(&found, at, seen), time(&exchanged, at, seen)) else {
                return not_tested("a time cannot be read");
            };
            holds(one == other, "the times differ")
        })),
    rule("robustness.9", Robustness, Should, Probe::ValidateWrongMethod,
        ["GET on the session's look-up is refused", "RFC 9110, section 15.5.6", "answer 405 with an Allow header"],
        |answer, _| refused(answer, &[405, 404])),
];

/// What the body holds matters in one dialect alone.
fn ended(answer: &Answer, seen: &Seen) -> Judged {
    match seen.dialect {
        V1 => accepted(answer, seen),
        _ => holds(
            answer.is_success(),
            format!("the status is {}, not 2xx", answer.status),
        ),
    }
}
