//! The login page, the way back from it, and the logout page.

use reqwest::Url;

use super::super::exchange::Answer;
use super::super::probe::{Probe, Seen};
use super::super::reading::refused;
use super::super::rule::{Rule, Severity};
use super::super::verdict::{Judged, Verdict, failed, holds, not_tested};
use super::{only, rule};
use crate::args::CheckGroup::{Login, Logout, Security};
use crate::args::DialectName::Pkce;
use Severity::{Must, Note, Should};

const REDIRECTS: &str =
    "compare redirect_uri with the project's list to the letter, and show a page where it differs";

#[rustfmt::skip]
pub(super) const RULES: &[Rule] = &[
    rule("login.1", Login, Must, Probe::LoginPage,
        ["the login page answers", "contract: loginPage",
         "serve GET /auth/oss with project_id, redirect_uri and state: a page, or a redirect to redirect_uri"],
        |answer, _| {
            let is_redirect = matches!(answer.status, 302 | 303);
            holds(answer.status == 200 || is_redirect, format!("the status is {}", answer.status))
        }),
    rule("login.2", Login, Must, Probe::LoginPage,
        ["the login page is HTML", "contract: Page", "send content-type: text/html with the page"],
        |answer, _| {
            if answer.status != 200 {
                return not_tested("the login page redirected at once");
            }
            let kind = answer.header("content-type").unwrap_or_default();
            holds(kind.starts_with("text/html"), format!("the content type is {kind:?}"))
        }),
    rule("login.3", Login, Must, Probe::LoginNoProject,
        ["a login without project_id is refused on a page", "contract: loginPage, 400",
         "answer 400 with a page that says what is missing"],
        |answer, seen| page_of_refusal(answer, seen, Probe::LoginPage)),
    rule("login.4", Login, Must, Probe::LoginUnknownProject,
        ["a login for an unknown project is refused on a page", "contract: loginPage, 400",
         "answer 400 with a page: where the browser came from is not known to be right"],
        |answer, seen| page_of_refusal(answer, seen, Probe::LoginPage)),
    rule("login.5", Login, Must, Probe::LoginNoRedirect,
        ["a login without redirect_uri is refused on a page", "contract: loginPage, 400",
         "answer 400 with a page that says what is missing"],
        |answer, seen| page_of_refusal(answer, seen, Probe::LoginPage)),
    rule("login.6", Login, Should, Probe::LoginNoState,
        ["a login without state is refused", "contract: State; RFC 6749, section 10.12",
         "answer 400: an app that sends no state cannot tell its own sign-ins from forged ones"],
        |answer, seen| page_of_refusal(answer, seen, Probe::LoginPage)),
    rule("login.7", Login, Must, Probe::Callback,
        ["the state comes back unchanged", "contract: State; RFC 6749, section 4.1.2",
         "append the state as it came, percent-encoded, whatever characters it holds"],
        |answer, seen| {
            let sent = asked(seen, Probe::Callback, "state");
            match parameter(&callback(answer)?, "state") {
                None => failed("the address that the browser comes back to has no state"),
                state => holds(state == sent, "the state that came back is another one"),
            }
        }),
    rule("login.10", Login, Must, Probe::Callback,
        ["the login page leads back with a code", "contract: loginPage; RFC 6749, section 4.1.2",
         "append code to redirect_uri once the person has signed in"],
        |answer, _| {
            let back = callback(answer)?;
            match (parameter(&back, "code"), parameter(&back, "error")) {
                (Some(code), None) if !code.is_empty() => Ok(()),
                (_, Some(_)) => failed("it leads back with an error"),
                _ => failed("it leads back without a code"),
            }
        }),
    rule("login.8", Login, Must, Probe::Callback,
        ["the browser comes back to redirect_uri itself", "contract: BackToTheApp; RFC 6749, section 4.1.2",
         "redirect to redirect_uri and append only to its query"],
        |answer, seen| {
            let back = callback(answer)?;
            let asked = asked_redirect(seen, Probe::Callback)?;
            let at = |url: &Url| (url.origin().ascii_serialization(), url.path().to_owned());
            holds(at(&back) == at(&asked), "the browser comes back to another address")
        }),
    rule("login.9", Login, Must, Probe::Callback,
        ["the way back is a redirect that turns POST into GET", "RFC 9700, section 4.12",
         "answer 303: with 307 the browser sends the login form's fields to the app"],
        |answer, _| match answer.status {
            0 => not_tested("only the browser saw that answer"),
            302 | 303 => Ok(()),
            other => failed(format!("the status is {other}")),
        }),
    rule("security.1", Security, Must, Probe::LoginForeignRedirect,
        ["the login page never leads to a foreign redirect_uri", "contract: RedirectUri; RFC 9700, section 4.1", REDIRECTS],
        |answer, seen| page_of_refusal(answer, seen, Probe::LoginPage)),
    rule("security.2", Security, Must, Probe::LoginUserinfoRedirect,
        ["a redirect_uri with a name before @ is refused", "contract: RedirectUri; RFC 9700, section 4.1", REDIRECTS],
        |answer, seen| page_of_refusal(answer, seen, Probe::LoginPage)),
    rule("security.3", Security, Must, Probe::LoginSuffixRedirect,
        ["a redirect_uri on a longer host name is refused", "contract: RedirectUri; RFC 9700, section 4.1", REDIRECTS],
        |answer, seen| page_of_refusal(answer, seen, Probe::LoginPage)),
    rule("security.4", Security, Must, Probe::LoginScriptRedirect,
        ["a redirect_uri that is no web address is refused", "contract: RedirectUri; RFC 9700, section 4.1",
         "accept http for loopback hosts, https, and schemes that are listed for the project"],
        |answer, seen| page_of_refusal(answer, seen, Probe::LoginPage)),
    rule("security.5", Security, Should, Probe::LoginFragmentRedirect,
        ["a redirect_uri with a fragment is refused", "RFC 6749, section 3.1.2", "answer 400: what is appended would be lost"],
        |answer, seen| page_of_refusal(answer, seen, Probe::LoginPage)),
    rule("security.6", Security, Must, Probe::Callback,
        ["the way back holds a code and no token", "RFC 9700, section 2.1.2",
         "send the code alone: addresses are kept in histories and logs"],
        |answer, _| {
            if answer.status == 0 {
                return not_tested("no listener sees the fragment of an address");
            }
            let back = callback(answer)?;
            let bad = back.query_pairs().find(|(name, value)| {
                let is_token = matches!(&**name, "token" | "access_token" | "jwt" | "id_token" | "session" | "refresh_token");
                is_token || value.split('.').count() == 3 && value.starts_with("eyJ")
            });
            match bad {
                Some((name, _)) => failed(format!("its query has {name:?}")),
                None => holds(back.fragment().is_none(), "it has a fragment"),
            }
        }),
    rule("security.7", Security, Should, Probe::LoginPage,
        ["the login page cannot be framed", "RFC 9700, section 4.16",
         "send content-security-policy: frame-ancestors 'none', or x-frame-options: DENY"],
        |answer, _| {
            if answer.status != 200 {
                return not_tested("the login page redirected at once");
            }
            let policy = answer.header("content-security-policy").unwrap_or_default();
            let by_policy = policy.contains("frame-ancestors") && !policy.contains("frame-ancestors *");
            let options = answer.header("x-frame-options").unwrap_or_default().to_uppercase();
            let is_closed = by_policy || matches!(options.as_str(), "DENY" | "SAMEORIGIN");
            holds(is_closed, "neither header forbids it")
        }),
    rule("security.8", Security, Should, Probe::LoginPage,
        ["the login page is not cached", "RFC 9111, section 5.2.2.5", "send cache-control: no-store"],
        |answer, _| no_store(answer)),
    only(Pkce, rule("security.9", Security, Must, Probe::LoginNoChallenge,
        ["a login without code_challenge is refused", "contract: loginPage; RFC 9700, section 2.1.1",
         "answer 400, or error=invalid_request: without it a stolen code can be used"],
        no_code)),
    only(Pkce, rule("security.10", Security, Must, Probe::LoginPlainChallenge,
        ["code_challenge_method=plain is refused", "contract: loginPage; RFC 7636, section 7.2",
         "accept S256 alone: the plain form shows the verifier in the address"],
        no_code)),
    rule("logout.1", Logout, Must, Probe::Logout,
        ["the logout page answers", "contract: logoutPage", "serve GET /auth/logout: a page without a redirect address"],
        |answer, _| holds(answer.status == 200, format!("the status is {}", answer.status))),
    rule("logout.2", Logout, Must, Probe::LogoutBack,
        ["the logout page leads back to the app", "contract: logoutPage, 303",
         "redirect to the address where it is a loopback one or listed for a project"],
        |answer, seen| {
            let back = location(answer)?;
            let asked = asked_redirect(seen, Probe::LogoutBack)?;
            holds(back == asked.as_str(), "it leads to another address")
        }),
    rule("logout.3", Logout, Must, Probe::LogoutForeign,
        ["the logout page never leads to a foreign address", "contract: logoutPage, 400; RFC 9700, section 4.11",
         "show a page where the address is neither on a loopback host nor listed"],
        |answer, seen| page_of_refusal(answer, seen, Probe::Logout)),
    rule("login.11", Login, Must, Probe::LoginListed,
        ["a redirect_uri that the project lists is accepted", "contract: RedirectUri", "accept an address that is listed, to the letter"],
        |answer, seen| {
            let page = seen.beside(Probe::LoginPage)?.status;
            if !is_shown(page) {
                return not_tested("the page itself does not answer");
            }
            holds(is_shown(answer.status), format!("the status is {}", answer.status))
        }),
    rule("security.39", Security, Must, Probe::LoginListedPath,
        ["a listed redirect_uri with a longer path is refused", "contract: RedirectUri; RFC 9700, section 2.1", REDIRECTS], not_listed),
    rule("security.40", Security, Must, Probe::LoginListedHost,
        ["a listed redirect_uri with a longer host is refused", "contract: RedirectUri; RFC 9700, section 2.1", REDIRECTS], not_listed),
    rule("security.41", Security, Must, Probe::LoginListedPort,
        ["a listed redirect_uri with another port is refused", "contract: RedirectUri; RFC 9700, section 2.1", REDIRECTS], not_listed),
    rule("security.42", Security, Must, Probe::LoginListedScheme,
        ["a listed redirect_uri with another scheme is refused", "contract: RedirectUri; RFC 9700, section 2.1", REDIRECTS], not_listed),
    rule("security.43", Security, Must, Probe::LoginListedQuery,
        ["a listed redirect_uri with a longer query is refused", "contract: RedirectUri; RFC 9700, section 2.1", REDIRECTS], not_listed),
    only(Pkce, rule("logout.5", Logout, Must, Probe::LogoutHintVerify,
        ["the logout page ends the session of id_token_hint", "contract: logoutPage, id_token_hint",
         "end the session of the token, and refuse the token from then on"],
        |answer, _| refused(answer, &[401]))),
    only(Pkce, rule("logout.6", Logout, Should, Probe::LogoutJunkHint,
        ["a made-up id_token_hint changes nothing", "contract: logoutPage", "lead back all the same, or show a page with 400"],
        |answer, _| holds(answer.status < 500, format!("the status is {}", answer.status)))),
    rule("logout.4", Logout, Note, Probe::LogoutBack,
        ["the way back from the logout page is no 307 or 308", "RFC 9700, section 4.12", "answer 303"],
        |answer, _| holds(!matches!(answer.status, 307 | 308), format!("the status is {}", answer.status))),
];

fn location(answer: &Answer) -> Result<String, Verdict> {
    match answer.header("location") {
        Some(to) if (300..400).contains(&answer.status) || answer.status == 0 => Ok(to),
        _ => failed(format!("the status is {}, and no redirect", answer.status)),
    }
}

fn callback(answer: &Answer) -> Result<Url, Verdict> {
    Url::parse(&location(answer)?).or_else(|_| failed("the way back is no address"))
}

fn parameter(url: &Url, name: &str) -> Option<String> {
    let mut pairs = url.query_pairs();
    let found = pairs.find(|(own, _)| own == name);
    found.map(|(_, value)| value.into_owned())
}

/// A parameter of a request of the plan.
fn asked(seen: &Seen, probe: Probe, name: &str) -> Option<String> {
    let line = &seen.exchanges.get(&probe)?.sent.line;
    let url = Url::parse(line.split_once(' ')?.1).ok()?;
    parameter(&url, name)
}

/// The address that a request of the plan named to come back to.
fn asked_redirect(seen: &Seen, probe: Probe) -> Result<Url, Verdict> {
    let named = asked(seen, probe, "redirect_uri")
        .or_else(|| asked(seen, probe, "post_logout_redirect_uri"));
    let named = named.and_then(|named| Url::parse(&named).ok());
    named.map_or_else(|| not_tested("the request named no address"), Ok)
}

const fn is_shown(status: u16) -> bool {
    matches!(status, 200 | 302 | 303)
}

fn not_listed(answer: &Answer, seen: &Seen) -> Judged {
    page_of_refusal(answer, seen, Probe::LoginListed)
}

/// Refused with a page, and no redirect: the way back is not known to be right.
fn page_of_refusal(answer: &Answer, seen: &Seen, page: Probe) -> Judged {
    let is_there = seen
        .beside(page)
        .is_ok_and(|answer| is_shown(answer.status));
    if !is_there {
        return not_tested("the page itself does not answer");
    }
    holds(
        answer.status == 400,
        format!("the status is {}, not 400", answer.status),
    )
}

/// Refused with a page, or back at the app with an error.
fn no_code(answer: &Answer, seen: &Seen) -> Judged {
    if !(300..400).contains(&answer.status) {
        return page_of_refusal(answer, seen, Probe::LoginPage);
    }
    let back = callback(answer)?;
    let has = |wanted: &str| back.query_pairs().any(|(name, _)| name == wanted);
    holds(
        has("error") && !has("code"),
        "it leads back to the app without an error",
    )
}

fn no_store(answer: &Answer) -> Judged {
    let control = answer.header("cache-control").unwrap_or_default();
    holds(
        control.contains("no-store"),
        format!("cache-control is {control:?}"),
    )
}
