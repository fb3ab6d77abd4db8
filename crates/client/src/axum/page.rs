//! The error pages of a sign-in: constant text, a code, a reference to quote and a link.
//!
//! They repeat nothing of the request. One script runs, which the policy names by its digest. It removes the code and the
//! state from the address bar and the history: a code that was refused here may still be valid at the Cloud.

use std::sync::Arc;

use axum::response::{Html, IntoResponse, Response};
use http::header::CONTENT_SECURITY_POLICY;
use http::{HeaderMap, HeaderValue, StatusCode};
use mastra_auth_cloud_core::encoding::hex;

use super::response::{guard, harden};
use crate::system;

/// A deployment's own way to render a page.
pub(crate) type RenderPage = Arc<dyn Fn(&ErrorPage<'_>, &HeaderMap) -> Response + Send + Sync>;

/// The content of an error page: constant text, none of it from the request.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ErrorPage<'a> {
    /// The answer's status.
    pub status: StatusCode,
    /// A short heading.
    pub title: &'a str,
    /// What happened, and what to do about it.
    pub text: &'a str,
    /// The stable code.
    pub code: &'a str,
    /// A reference that the log holds too.
    pub reference: &'a str,
    /// The text of the link.
    pub action: &'a str,
    /// The link's target: a path of the app, or empty to retry the same address.
    pub href: &'a str,
    pub(crate) address: Address,
}

/// What happens to the query in the address bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// Kept: it is the app's own.
    Kept,
    /// Removed: it holds the code and the state of a sign-in.
    Cleared,
}

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#17181c;--soft:#5b5f6b;--paper:#fff;--ground:#f4f5f7;--line:#dfe2e8;--accent:#2f6f4f;--on:#fff}\
@media(prefers-color-scheme:dark){:root{--ink:#f1f2f4;--soft:#a6abb8;--paper:#1b1d22;--ground:#101115;--line:#2d3038;--accent:#7fd1a6;--on:#0d1512}}\
*{box-sizing:border-box}body{margin:0;min-height:100vh;display:grid;place-items:center;padding:24px;background:var(--ground);color:var(--ink);font:16px/1.55 system-ui,sans-serif}\
main{max-width:440px;width:100%;background:var(--paper);border:1px solid var(--line);border-radius:14px;padding:36px}\
h1{font-size:1.35rem;line-height:1.25;margin:0 0 12px}p{margin:0 0 24px;color:var(--soft)}\
a{display:inline-block;background:var(--accent);color:var(--on);text-decoration:none;font-weight:600;padding:11px 20px;border-radius:8px}\
a:focus-visible{outline:3px solid var(--accent);outline-offset:3px}\
small{display:block;margin-top:28px;padding-top:16px;border-top:1px solid var(--line);color:var(--soft);overflow-wrap:anywhere}";

const SCRIPT: &str = "history.replaceState(null,\"\",location.pathname)";

const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; \
    script-src 'sha256-8A+3er73YJf04rRHGhbZwZQACPiiipi9EPduIeAAIDk='; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

impl ErrorPage<'_> {
    /// The page as the deployment renders it, or a plain one.
    pub(crate) fn answer(self, render: Option<&RenderPage>, headers: &HeaderMap) -> Response {
        let Some(render) = render else {
            return self.into_response();
        };
        let mut response = render(&self, headers);
        *response.status_mut() = self.status;
        guard(response.headers_mut());
        harden(response.headers_mut());
        response
    }
}

impl IntoResponse for ErrorPage<'_> {
    fn into_response(self) -> Response {
        let script = match self.address {
            Address::Kept => String::new(),
            Address::Cleared => format!("<script>{SCRIPT}</script>"),
        };
        let body = format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>{title}</title>\
             <style>{STYLE}</style>{script}</head><body><main><h1>{title}</h1><p>{text}</p><a href=\"{href}\">{label}</a>\
             <small>Code <code>{code}</code>, reference <code>{reference}</code></small></main></body></html>",
            title = escape(self.title),
            text = escape(self.text),
            href = escape(self.href),
            label = escape(self.action),
            code = escape(self.code),
            reference = escape(self.reference),
        );
        let mut response = (self.status, Html(body)).into_response();
        protect(response.headers_mut());
        response
    }
}

/// A page that navigates on by itself to `href`, which must be of this origin. A browser sends no `SameSite=Strict` cookie along
/// a redirect chain that another site began. A request from this page comes from this site, so the cookie is sent. Needs no
/// script; the page also has a link.
pub(crate) fn refresh_page(href: &str) -> Response {
    let href = escape(href);
    let body = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta http-equiv=\"refresh\" content=\"0;url={href}\"><title>Signing in</title>\
         <style>{STYLE}</style><script>{SCRIPT}</script></head><body><main><h1>Signing in</h1>\
         <p>You are on your way to the app.</p><a href=\"{href}\">Continue</a></main></body></html>"
    );
    let mut response = Html(body).into_response();
    protect(response.headers_mut());
    response
}

/// Sets the headers of every page.
fn protect(headers: &mut HeaderMap) {
    guard(headers);
    harden(headers);
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
}

/// A reference that the page shows and the log holds.
pub(crate) fn reference() -> String {
    hex(&system::jitter().0.to_be_bytes())
        .chars()
        .take(8)
        .collect()
}

/// The text is constant today; escaping keeps it safe if that changes.
fn escape(text: &str) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut out, c| {
            match c {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '"' => out.push_str("&quot;"),
                '\'' => out.push_str("&#39;"),
                c => out.push(c),
            }
            out
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::digest::{SHA256, digest};
    use mastra_auth_cloud_core::encoding::base64url;

    #[test]
    fn the_policy_names_the_script_by_its_digest() {
        let named = POLICY
            .split("'sha256-")
            .nth(1)
            .and_then(|rest| rest.split('\'').next())
            .unwrap();
        let named = named.replace('+', "-").replace('/', "_");
        let digest = digest(&SHA256, SCRIPT.as_bytes());
        assert_eq!(named.trim_end_matches('='), base64url(digest.as_ref()));
    }

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(
            escape("<a href=\"x\">'&"),
            "&lt;a href=&quot;x&quot;&gt;&#39;&amp;"
        );
    }
}
