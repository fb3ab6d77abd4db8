//! Whether a request that changes something comes from a page of our own (cross-site request forgery).
//!
//! Browsers send `Origin` with every POST, and `Sec-Fetch-Site` to every trustworthy address; a page cannot forge either. A
//! page that sends no referrer sends the origin `null`, and only its site tells then that it is ours. A request with
//! neither comes from no browser, and so from nobody who could be tricked.

use http::HeaderMap;
use http::header::ORIGIN;
use mastra_auth_cloud_core::url::PublicUrl;

pub(crate) fn is_own(headers: &HeaderMap, public_url: &PublicUrl) -> bool {
    let mut sites = headers.get_all("sec-fetch-site").iter().peekable();
    let tells_site = sites.peek().is_some();
    let site_is_own = sites.all(|site| site == "same-origin" || site == "none");
    let origin_is_own = headers
        .get_all(ORIGIN)
        .iter()
        .all(|origin| match origin.to_str() {
            Ok("null") => tells_site,
            Ok(origin) => public_url.is_same_origin(origin),
            Err(_) => false,
        });
    site_is_own && origin_is_own
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn threat_036_only_pages_of_this_origin_change_anything() {
        let own = PublicUrl::parse("https://app.example.com").unwrap();
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
            assert_eq!(is_own(&headers, &own), expect, "{origin:?} {site:?}");
        }
    }
}
