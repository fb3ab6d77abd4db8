//! Methods that an endpoint does not have, and http where there is https.

use super::super::exchange::Answer;
use super::super::probe::{Probe, Seen};
use super::super::reading::{none, status};
use super::super::rule::{Rule, Severity};
use super::super::verdict::{Judged, holds};
use super::{only, rule};
use crate::args::CheckGroup::{Robustness, Security};
use crate::args::DialectName::V1;
use Severity::{Note, Should};

const SOURCE: &str = "RFC 9110, section 15.5.6";
const MEND: &str = "answer 405 with an Allow header";

#[rustfmt::skip]
pub(super) const RULES: &[Rule] = &[
    rule("robustness.10", Robustness, Should, Probe::LoginWrongMethod,
        ["PUT on the login page is refused", SOURCE, MEND], other_method),
    rule("robustness.11", Robustness, Should, Probe::LogoutWrongMethod,
        ["PUT on the logout page is refused", SOURCE, MEND], other_method),
    rule("robustness.12", Robustness, Should, Probe::DestroyWrongMethod,
        ["GET on the end of a session is refused", SOURCE, MEND], other_method),
    only(V1, rule("robustness.13", Robustness, Should, Probe::UserWrongMethod,
        ["PUT on a user is refused", SOURCE, MEND], other_method)),
    only(V1, rule("robustness.14", Robustness, Should, Probe::PermissionsWrongMethod,
        ["PUT on permissions is refused", SOURCE, MEND], other_method)),
    rule("robustness.15", Robustness, Should, Probe::KeySetWrongMethod,
        ["PUT on the key set is refused", SOURCE, MEND], other_method),
    rule("robustness.16", Robustness, Note, Probe::VerifyWrongMethod,
        ["an answer 405 names the methods that there are", SOURCE, "send the Allow header with every 405"],
        |_, seen| {
            let all = seen.exchanges.iter().filter(|(probe, _)| probe.is_wrong_method());
            let silent = all.filter_map(|(probe, exchange)| {
                let answer = exchange.came.as_ref().ok()?;
                let is_silent = answer.status == 405 && answer.header("allow").is_none();
                is_silent.then(|| (*probe, "it has no Allow header".to_owned()))
            });
            none(silent.collect())
        }),
    rule("security.44", Security, Should, Probe::LoginPage,
        ["over http there is a redirect to https, or nothing", "RFC 6797, section 7.2",
         "redirect to the same address over https, refuse it, or close port 80"],
        |_, seen| match seen.exchanges.get(&Probe::PlainHttp).map(|plain| &plain.came) {
            None => seen.answer(Probe::PlainHttp).map(drop),
            Some(Err(_)) => Ok(()),
            Some(Ok(answer)) => {
                let to = answer.header("location").unwrap_or_default();
                let is_led = (300..400).contains(&answer.status) && to.starts_with("https://");
                let is_closed = (400..500).contains(&answer.status);
                holds(is_led || is_closed, format!("over http the status is {}, and there is no redirect to https", answer.status))
            }
        }),
];

fn other_method(answer: &Answer, _: &Seen) -> Judged {
    let status = status(answer);
    let is_refused = (400..500).contains(&status) || status == 501;
    holds(
        is_refused,
        format!("the status is {status}, not 4xx or 501"),
    )
}
