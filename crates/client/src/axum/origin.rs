//! Checks that a state-changing request comes from a page of this app (cross-site request forgery).
//!
//! Browsers send `Origin` with every POST, and `Sec-Fetch-Site` to every trustworthy address; a page can forge neither. A
//! page without a referrer sends the origin `null`, and then only `Sec-Fetch-Site` shows that it is this app's. Hosts that
//! share a session by the cookie's Domain, such as `www` and apex, may each end it, if the browser says that the page is of
//! the same origin. A request with neither header comes from no browser, so no user can have been tricked into it.

use http::HeaderMap;
use http::header::ORIGIN;
use mastra_auth_cloud_core::cookie::SessionCookies;
use mastra_auth_cloud_core::url::PublicUrl;

pub(crate) fn is_own(headers: &HeaderMap, public_url: &PublicUrl, cookie: &SessionCookies) -> bool {
    let mut sites = headers.get_all("sec-fetch-site").iter().peekable();
    let tells_site = sites.peek().is_some();
    let site_is_own = sites.all(|site| site == "same-origin" || site == "none");
    let origin_is_own = headers
        .get_all(ORIGIN)
        .iter()
        .all(|origin| match origin.to_str() {
            Ok("null") => tells_site,
            Ok(origin) => {
                public_url.is_same_origin(origin) || (tells_site && cookie.is_shared_with(origin))
            }
            Err(_) => false,
        });
    site_is_own && origin_is_own
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use mastra_auth_cloud_core::cookie::{CookieOptions, CookieSpec};

    #[test]
    fn threat_036_only_pages_of_this_origin_change_anything() {
        let own = PublicUrl::parse("https://app.example.com").unwrap();
        let cookie = |domain: Option<&str>| {
            let options = CookieOptions {
                domain: domain.map(str::to_owned),
                ..CookieOptions::default()
            };
            SessionCookies::from(CookieSpec::new(options).unwrap())
        };
        let (alone, shared) = (cookie(None), cookie(Some("example.com")));
        for (origin, site, expect) in [
            (None, None, true),
            (Some("https://app.example.com"), None, true),
            (Some("https://app.example.com"), Some("same-origin"), true),
            (None, Some("none"), true),
            (Some("https://evil.example"), None, false),
            (Some("https://app.example.com.evil.example"), None, false),
            (Some("http://app.example.com"), None, false),
            (Some("https://app.example.com:444"), None, false),
            (Some("null"), None, false),
            (Some("null"), Some("same-origin"), true),
            (Some("null"), Some("cross-site"), false),
            (Some("https://evil.example"), Some("same-origin"), false),
            (None, Some("cross-site"), false),
            (None, Some("same-site"), false),
            (Some("https://app.example.com"), Some("cross-site"), false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(origin) = origin {
                headers.insert(ORIGIN, HeaderValue::from_static(origin));
            }
            if let Some(site) = site {
                headers.insert("sec-fetch-site", HeaderValue::from_static(site));
            }
            for cookie in [&alone, &shared] {
                assert_eq!(
                    is_own(&headers, &own, cookie),
                    expect,
                    "{origin:?} {site:?}"
                );
            }
        }
        // Another host of this app, which shares the session.
        for (origin, site, expect) in [
            ("https://www.example.com", Some("same-origin"), true),
            ("https://example.com", Some("same-origin"), true),
            ("https://www.example.com", Some("same-site"), false),
            ("https://www.example.com", None, false),
            (
                "https://example.com.evil.example",
                Some("same-origin"),
                false,
            ),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ORIGIN, HeaderValue::from_static(origin));
            if let Some(site) = site {
                headers.insert("sec-fetch-site", HeaderValue::from_static(site));
            }
            assert_eq!(is_own(&headers, &own, &shared), expect, "{origin} {site:?}");
            assert!(!is_own(&headers, &own, &alone), "{origin} {site:?}");
        }
    }
}
