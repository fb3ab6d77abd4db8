//! A page that goes on by itself. A browser sends no `SameSite=Strict` cookie along a chain of redirects that another site began;
//! what this page asks for, this site asks for, and the cookie comes along. No script is needed, and a link stands by.

use axum::response::{Html, IntoResponse as _, Response};

use super::page::{SCRIPT, STYLE, escape, protect};

/// The page that goes to `href`, which is of this origin.
pub(crate) fn onward(href: &str) -> Response {
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
