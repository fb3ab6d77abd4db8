//! CORS preflights: a browser asks whether a page of another origin may send a request, without a credential.

use axum::body::HttpBody as _;
use axum::extract::Request;
use http::Method;
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, COOKIE, ORIGIN};

/// Whether a request is a preflight as browsers send it (Fetch, "CORS-preflight fetch"): `OPTIONS` with an origin and a
/// requested method, without a credential and without a body. Any other request must authenticate, so only the bare
/// question passes the layer.
pub(super) fn is_preflight(request: &Request) -> bool {
    *request.method() == Method::OPTIONS && {
        let headers = request.headers();
        headers.contains_key(ORIGIN)
            && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
            && !headers.contains_key(COOKIE)
            && !headers.contains_key(AUTHORIZATION)
            && request.body().is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    #[test]
    fn a_preflight_is_the_bare_question() {
        let asks = [
            ("origin", "https://ui.example"),
            ("access-control-request-method", "GET"),
        ];
        let built = |method: &str, pairs: &[(&str, &str)], body: &'static str| {
            let mut request = Request::builder().method(method).uri("/");
            for (name, value) in pairs {
                request = request.header(*name, *value);
            }
            let body = if body.is_empty() {
                Body::empty()
            } else {
                Body::from(body)
            };
            is_preflight(&request.body(body).unwrap())
        };
        assert!(built("OPTIONS", &asks, ""));
        assert!(!built("GET", &asks, ""));
        assert!(!built("OPTIONS", &asks[..1], ""));
        assert!(!built("OPTIONS", &asks[1..], ""));
        assert!(!built("OPTIONS", &asks, "a body"));
        for own in [("cookie", "a=b"), ("authorization", "Bearer x")] {
            assert!(!built("OPTIONS", &[asks[0], asks[1], own], ""), "{own:?}");
        }
    }
}
