//! What the platform alone does: its sign-in, sealed sessions, refresh tokens, organizations.

use reqwest::Url;
use serde_json::Value;

use super::super::exchange::Answer;
use super::super::probe::{Probe, Seen, WANTED};
use super::super::reading::{accepted, data, optional_text, refused, refused_4xx, same, text};
use super::super::rule::{Rule, Severity};
use super::super::verdict::{Judged, Verdict, failed, holds, not_tested};
use super::{only, rule};
use crate::args::CheckGroup::{
    self, Exchange, Login, Logout, Robustness, Security, Session, User, Verify,
};
use crate::args::DialectName::Platform;
use Severity::{Must, Should};

const fn own(
    id: &'static str,
    group: CheckGroup,
    severity: Severity,
    probe: Probe,
    texts: [&'static str; 3],
    judge: super::Judge,
) -> Rule {
    only(Platform, rule(id, group, severity, probe, texts, judge))
}

#[rustfmt::skip]
pub(super) const RULES: &[Rule] = &[
    own("login.50", Login, Must, Probe::LoginPage,
        ["a program's sign-in begins with a redirect", "contract: login, 302", "send the browser on to the identity service"],
        |answer, _| leads_on(answer)),
    own("login.51", Login, Must, Probe::LoginApp,
        ["an app on this machine may sign people in", "contract: login, redirect_uri", "allow loopback addresses as redirect_uri"],
        |answer, _| leads_on(answer)),
    own("login.52", Login, Should, Probe::LoginNoProduct,
        ["a sign-in without a product is refused", "contract: login, product", "answer 400: nothing says where to come back to"],
        |answer, _| refused(answer, &[400])),
    own("login.53", Login, Must, Probe::Callback,
        ["a program gets tokens, user and organization", "contract: login, product cli",
         "come back with token, refresh_token, user as JSON, and org"],
        |answer, _| {
            let back = back(answer)?;
            let missing = ["token", "refresh_token", "user"].into_iter().find(|name| told(&back, name).is_none_or(|value| value.is_empty()));
            match missing {
                Some(name) => failed(format!("`{name}` is missing")),
                None => holds(told(&back, "org").is_some(), "`org` is missing"),
            }
        }),
    own("login.54", Login, Must, Probe::Callback,
        ["a program gets its own state back", "contract: login, state; RFC 6749, section 10.12", "send back the state of the login address as it came"],
        |answer, seen| {
            let sent = seen.exchanges.get(&Probe::Callback).and_then(|exchange| Url::parse(exchange.sent.line.strip_prefix("GET ")?).ok());
            let sent = sent.as_ref().and_then(|url| told(url, "state"));
            holds(told(&back(answer)?, "state") == sent, "the state is another one")
        }),
    own("login.55", Login, Must, Probe::AppCallback,
        ["an app gets the session as its code", "contract: login, product deploy", "come back to redirect_uri with code"],
        |answer, _| holds(told(&back(answer)?, "code").is_some_and(|code| !code.is_empty()), "`code` is missing")),
    own("login.56", Login, Must, Probe::AppCallback,
        ["an app gets the path that the person wants", "contract: login, post_login_redirect", "send deploy| and the path as the state"],
        |answer, _| {
            let state = told(&back(answer)?, "state").unwrap_or_default();
            holds(state == format!("deploy|{WANTED}"), format!("the state is {state:?}"))
        }),
    own("security.50", Security, Must, Probe::LoginForeignRedirect,
        ["no sign-in comes back to a foreign host", "contract: login, 400; RFC 9700, section 4.1", "compare the host with those that the platform knows"],
        |answer, _| refused(answer, &[400])),
    own("security.51", Security, Must, Probe::LoginSuffixRedirect,
        ["a host that begins like an allowed one is foreign", "RFC 9700, section 4.1.1", "compare whole hosts, and not how they begin"],
        |answer, _| refused(answer, &[400])),
    own("security.52", Security, Must, Probe::LoginUserinfoRedirect,
        ["a host behind user information is foreign", "RFC 3986, section 7.6", "parse the address, and refuse one with user information"],
        |answer, _| refused(answer, &[400])),
    own("security.53", Security, Must, Probe::LoginScriptRedirect,
        ["no sign-in comes back to a script", "OWASP ASVS 5.0, 1.2.2", "allow https, and http on loopback alone"],
        |answer, _| refused(answer, &[400])),
    own("security.54", Security, Should, Probe::LoginFragmentRedirect,
        ["an address with a fragment is refused", "RFC 6749, section 3.1.2", "refuse a redirect_uri with a fragment"],
        |answer, _| refused(answer, &[400])),
    own("verify.50", Verify, Must, Probe::Verify,
        ["verification names user and organization", "contract: verify, 200", "return user with its id, and organizationId"],
        |answer, seen| {
            let data = data(answer, seen)?;
            text(&data, "/user/id")?;
            text(&data, "/organizationId").map(drop)
        }),
    own("verify.51", Verify, Must, Probe::Verify,
        ["role, kind and memberships have their forms", "contract: verify, 200",
         "return role as text, authType as user or api-key, memberOrgIds as a list of texts; or leave them out"],
        |answer, seen| {
            let data = data(answer, seen)?;
            for name in ["/role", "/user/email", "/user/firstName", "/user/lastName"] {
                optional_text(&data, name)?;
            }
            let kind = data.get("authType").filter(|kind| !kind.is_null());
            if kind.is_some_and(|kind| kind != "user" && kind != "api-key") {
                return failed("`authType` is neither user nor api-key");
            }
            data.get("memberOrgIds").map_or(Ok(()), |ids| texts(ids, "memberOrgIds"))
        }),
    own("verify.52", Verify, Must, Probe::VerifyOtherOrganization,
        ["no token is good in a foreign organization", "contract: verify, 403", "answer 403 where the person is no member of x-organization-id"],
        |answer, _| refused(answer, &[403])),
    own("security.55", Security, Must, Probe::VerifySealed,
        ["a sealed session is no bearer", "contract: verify, security", "read the session from the cookie alone"],
        |answer, _| refused(answer, &[401])),
    own("robustness.50", Robustness, Should, Probe::VerifyWrongMethod,
        ["POST on the verification is refused", "RFC 9110, section 15.5.6", "answer 405 with an Allow header"],
        |answer, _| refused(answer, &[405, 404])),
    own("session.50", Session, Must, Probe::Me,
        ["a session names its person and memberships", "contract: me, 200", "return user with id and email, permissions and memberOrgIds"],
        |answer, seen| {
            accepted(answer, seen)?;
            let data = data(answer, seen)?;
            text(&data, "/user/id")?;
            text(&data, "/user/email")?;
            for name in ["/organizationId", "/role", "/user/firstName", "/user/lastName", "/user/profilePictureUrl"] {
                optional_text(&data, name)?;
            }
            for name in ["permissions", "memberOrgIds"] {
                texts(data.get(name).unwrap_or(&Value::Null), name)?;
            }
            Ok(())
        }),
    own("session.51", Session, Must, Probe::Me,
        ["a session and a token name one person alike", "contract: me and verify, user.id", "give a person the same id in both answers"],
        |answer, seen| {
            let token = data(seen.beside(Probe::Verify)?, seen)?;
            let session = data(answer, seen)?;
            let (Ok(one), Ok(other)) = (text(&session, "/user/id"), text(&token, "/user/id")) else {
                return not_tested("a member is missing");
            };
            same(one, other, "the users' ids")
        }),
    own("session.52", Session, Must, Probe::MeNoSession,
        ["no session is refused with 401", "contract: me, 401", "answer 401: another status is an outage to the plugin"],
        |answer, _| refused(answer, &[401])),
    own("session.53", Session, Must, Probe::MeJunk,
        ["a made-up session is refused with 401", "contract: me, 401", "answer 401: another status is an outage to the plugin"],
        |answer, _| refused(answer, &[401])),
    own("security.56", Security, Must, Probe::MeTampered,
        ["a session that was changed is refused", "contract: me, 401", "seal sessions so that no other text opens"],
        |answer, _| refused(answer, &[401])),
    own("security.57", Security, Must, Probe::MeBearer,
        ["a program's token is no session", "contract: me, security", "open sealed sessions alone"],
        |answer, _| refused(answer, &[401])),
    own("session.54", Session, Must, Probe::Refresh,
        ["a session is renewed into its cookie", "contract: refresh, 200", "answer ok: true, and set the cookie wos-session"],
        |answer, seen| {
            accepted(answer, seen)?;
            holds(data(answer, seen)?.get("ok") == Some(&Value::Bool(true)), "`ok` is not true")?;
            holds(cookie(answer).is_some_and(|cookie| !cookie.starts_with("wos-session=;")), "no session is set")
        }),
    own("session.55", Session, Must, Probe::RefreshedMe,
        ["a renewed session is of the same person", "contract: refresh", "change nothing but the session's parts"],
        |answer, seen| {
            accepted(answer, seen)?;
            let (newer, older) = (data(answer, seen)?, data(seen.beside(Probe::Me)?, seen)?);
            same(text(&newer, "/user/id")?, text(&older, "/user/id")?, "the users' ids")
        }),
    own("session.56", Session, Must, Probe::RefreshNoSession,
        ["a renewal of nothing is refused with 401", "contract: refresh, 401", "answer 401: another status is an outage to the plugin"],
        |answer, _| refused(answer, &[401])),
    own("session.57", Session, Must, Probe::RefreshJunk,
        ["a renewal of a made-up session is refused", "contract: refresh, 401", "answer 401: another status is an outage to the plugin"],
        |answer, _| refused(answer, &[401])),
    own("security.58", Security, Must, Probe::Refresh,
        ["no script reads the session's cookie", "RFC 6265, section 4.1.2.6", "set the cookie with HttpOnly"],
        |answer, _| has_attribute(answer, &["httponly"])),
    own("security.59", Security, Should, Probe::Refresh,
        ["no page of another site sends the cookie along", "RFC 6265bis, section 5.5.7", "set the cookie with SameSite=Lax or Strict"],
        |answer, _| has_attribute(answer, &["samesite=lax", "samesite=strict"])),
    own("exchange.50", Exchange, Must, Probe::RefreshToken,
        ["a refresh token gives both tokens anew", "contract: refreshToken, 200", "return accessToken and refreshToken"],
        |answer, seen| {
            accepted(answer, seen)?;
            let data = data(answer, seen)?;
            text(&data, "/accessToken")?;
            text(&data, "/refreshToken").map(drop)
        }),
    own("exchange.51", Exchange, Must, Probe::RefreshedVerify,
        ["a renewed token is good", "contract: refreshToken", "accept the token that was just given"],
        accepted),
    own("security.60", Security, Must, Probe::RefreshTokenAgain,
        ["a refresh token is good for one use", "contract: refreshToken, 401; RFC 9700, section 4.14.2", "refuse a refresh token that was spent with 401"],
        |answer, _| refused(answer, &[401])),
    own("exchange.52", Exchange, Must, Probe::RefreshTokenJunk,
        ["a made-up refresh token is refused with 401", "contract: refreshToken, 401", "answer 401: programs take no other status for the end"],
        |answer, _| refused(answer, &[401])),
    own("exchange.53", Exchange, Should, Probe::RefreshTokenMissing,
        ["a renewal without a refresh token is refused", "contract: refreshToken, 400", "answer 400: the body is wrong, and no token"],
        |answer, _| refused(answer, &[400])),
    own("robustness.51", Robustness, Must, Probe::RefreshTokenBroken,
        ["a renewal with broken JSON is refused", "contract: refreshToken, 400", "answer 400: a 500 looks like an outage"],
        |answer, _| refused(answer, &[400, 422])),
    own("robustness.52", Robustness, Should, Probe::RefreshTokenNotJson,
        ["a renewal that is not JSON is refused", "contract: refreshToken, 415", "answer 415, so that no page's form can spend a token"],
        |answer, _| refused(answer, &[415, 400])),
    own("robustness.53", Robustness, Must, Probe::RefreshTokenHuge,
        ["a renewal of 96 KiB is refused", "contract: refreshToken, 413", "limit bodies to 64 KiB, and answer 413"],
        |answer, _| refused_4xx(answer)),
    own("user.50", User, Must, Probe::Organizations,
        ["a session lists its person's organizations", "contract: listOrganizations", "return organizations, each with id, name and isCurrent"],
        organizations),
    own("user.51", User, Must, Probe::OrganizationsBearer,
        ["a token lists its person's organizations", "contract: listOrganizations", "return organizations, each with id, name and isCurrent"],
        organizations),
    own("user.52", User, Must, Probe::OrganizationsNobody,
        ["organizations are refused with 401 where no credential comes", "contract: listOrganizations, 401", "ask for a credential"],
        |answer, _| refused(answer, &[401])),
    own("logout.50", Logout, Must, Probe::SignOut,
        ["a sign-out clears the session's cookie", "contract: logout, 200", "answer ok: true, and set wos-session to nothing"],
        |answer, seen| {
            accepted(answer, seen)?;
            holds(data(answer, seen)?.get("ok") == Some(&Value::Bool(true)), "`ok` is not true")?;
            holds(cookie(answer).is_some_and(|cookie| cookie.starts_with("wos-session=;")), "the cookie is not cleared")
        }),
    own("logout.51", Logout, Must, Probe::SignedOutMe,
        ["a session that was signed out is refused", "contract: logout; OWASP ASVS 5.0, 7.4.1", "end the session itself, and not its cookie alone"],
        |answer, _| refused(answer, &[401])),
    own("logout.52", Logout, Should, Probe::SignOutNobody,
        ["a sign-out without a session succeeds, and leads nowhere", "contract: logout", "answer 200 without logoutUrl where there is no session"],
        |answer, seen| {
            accepted(answer, seen)?;
            let data = data(answer, seen)?;
            holds(data.get("logoutUrl").is_none_or(Value::is_null), "it names a page to go on to")
        }),
];

fn leads_on(answer: &Answer) -> Judged {
    let is_redirect = matches!(answer.status, 302 | 303 | 307);
    holds(
        is_redirect && answer.header("location").is_some(),
        format!("the status is {}, and no redirect", answer.status),
    )
}

/// Where the browser is sent back to.
fn back(answer: &Answer) -> Result<Url, Verdict> {
    let location = answer.header("location").unwrap_or_default();
    Url::parse(&location).or_else(|_| failed("the sign-in leads back to no address"))
}

fn told(url: &Url, wanted: &str) -> Option<String> {
    let mut pairs = url.query_pairs();
    let (_, value) = pairs.find(|(name, _)| name == wanted)?;
    Some(value.into_owned())
}

/// The cookie of a session that an answer sets.
fn cookie(answer: &Answer) -> Option<&str> {
    let mut all = answer
        .headers
        .iter()
        .filter(|(name, _)| name == "set-cookie");
    all.find_map(|(_, value)| value.starts_with("wos-session=").then_some(value.as_str()))
}

/// The session's cookie has one of these attributes, in lower case.
fn has_attribute(answer: &Answer, wanted: &[&str]) -> Judged {
    let Some(cookie) = cookie(answer) else {
        return not_tested("no session is set");
    };
    let mut attributes = cookie
        .split(';')
        .map(|part| part.trim().to_ascii_lowercase());
    holds(
        attributes.any(|own| wanted.contains(&&*own)),
        format!("it has no {}", wanted.join(" or ")),
    )
}

fn texts(list: &Value, name: &str) -> Judged {
    let is_list = list
        .as_array()
        .is_some_and(|list| list.iter().all(Value::is_string));
    holds(is_list, format!("`{name}` is no list of texts"))
}

fn organizations(answer: &Answer, seen: &Seen) -> Judged {
    accepted(answer, seen)?;
    let data = data(answer, seen)?;
    let Some(list) = data.get("organizations").and_then(Value::as_array) else {
        return failed("`organizations` is no list");
    };
    for organization in list {
        text(organization, "/id")?;
        text(organization, "/name")?;
        optional_text(organization, "/role")?;
        holds(
            organization.get("isCurrent").is_some_and(Value::is_boolean),
            "`isCurrent` is missing or no boolean",
        )?;
    }
    Ok(())
}
