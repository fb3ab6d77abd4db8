//! A page that navigates on by itself. A browser sends no `SameSite=Strict` cookie along a redirect chain that another site
//! began. A request from this page comes from this site, so the cookie is sent. Needs no script; the page also has a link.

use axum::response::{Html, IntoResponse as _, Response};

use super::page::{SCRIPT, STYLE, escape, protect};

/// The page that navigates to `href`, which must be of this origin.
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
