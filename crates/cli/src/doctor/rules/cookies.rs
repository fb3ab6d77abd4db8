//! What is looked at of the cookies that a login sets.

use super::Judged;
use crate::check::verdict::{Verdict, failed, not_tested};
use crate::doctor::cookie::Cookie;
use crate::doctor::visit::Seen;

pub(super) fn login_cookie(seen: &Seen) -> Judged {
    seen.login_url()?;
    match seen.cookies() {
        Ok(cookies) => {
            let names: Vec<_> = cookies.iter().map(|one| &*one.name).collect();
            Ok(names.join(", "))
        }
        Err(_) => failed("the login sets no cookie of its own"),
    }
}

/// Judges the cookies where the callback has the scheme that people use: they follow the callback.
fn cookies(seen: &Seen) -> Result<Vec<Cookie>, Verdict> {
    let cookies = seen.cookies()?;
    if seen.redirect()?.scheme() != seen.server.scheme() {
        return not_tested("cookies follow the callback's scheme, which is wrong");
    }
    Ok(cookies)
}

pub(super) fn cookie_kept(seen: &Seen) -> Judged {
    let is_https = seen.server.scheme() == "https";
    for cookie in cookies(seen)? {
        if let Some(why) = cookie.dropped(is_https) {
            return failed(format!("{} {why}", cookie.name));
        }
    }
    Ok(String::new())
}

pub(super) fn cookie_secure(seen: &Seen) -> Judged {
    if seen.server.scheme() != "https" {
        return not_tested("people come by plain http");
    }
    for cookie in cookies(seen)? {
        if !cookie.is_secure && cookie.dropped(true).is_none() {
            return failed(format!("{} is not Secure", cookie.name));
        }
    }
    Ok(String::new())
}

pub(super) fn cookie_domain(seen: &Seen) -> Judged {
    let host = seen.server.host_str().unwrap_or_default();
    for cookie in seen.cookies()? {
        if !cookie.is_for(host) {
            let domain = cookie.domain.unwrap_or_default();
            return failed(format!("{} is for {domain}, and not {host}", cookie.name));
        }
    }
    Ok(String::new())
}

pub(super) fn cookie_path(seen: &Seen) -> Judged {
    let callback = seen.redirect()?;
    if callback.origin() != seen.server.origin() {
        return not_tested("the callback is at another address");
    }
    let is_https = seen.server.scheme() == "https";
    let (path, set_by) = (callback.path(), format!("{}/auth/sso/login", seen.api));
    for cookie in seen.cookies()? {
        if cookie.dropped(is_https).is_none() && !cookie.comes_with(path, &set_by) {
            let own = cookie.path.unwrap_or_default();
            return failed(format!("{} is for {own}, and not {path}", cookie.name));
        }
    }
    Ok(String::new())
}

pub(super) fn cookie_same_site(seen: &Seen) -> Judged {
    for cookie in seen.cookies()? {
        if cookie.same_site.as_deref() == Some("strict") {
            return failed(format!("{} is SameSite=Strict", cookie.name));
        }
    }
    Ok(String::new())
}

pub(super) fn cookie_http_only(seen: &Seen) -> Judged {
    for cookie in seen.cookies()? {
        if !cookie.is_http_only {
            return failed(format!("{} is not HttpOnly", cookie.name));
        }
    }
    Ok(String::new())
}
