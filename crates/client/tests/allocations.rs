//! A service that knows who asks allocates nothing to say so: headers, clocks and all. A binary of its own, for its allocator
//! counts.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what a test does not expect fails it"
)]
#![cfg(all(feature = "axum", feature = "reqwest"))]

mod common;

use allocation_counter::measure;
use futures_util::FutureExt as _;
use mastra_auth_cloud::Authentication;

use common::{Browser, desk, headers, id};

#[tokio::test]
async fn a_warm_hit_allocates_nothing() {
    let (cloud, app) = desk().await;
    let mut browser = Browser::default();
    browser.sign_in(&app, &cloud, "member").await;
    let cookie = format!("theme=dark; {}; visited=1", browser.cookie_header());
    let bearer = format!("Bearer {}", browser.session().unwrap());
    for pairs in [
        [("cookie", cookie.as_str()), ("accept", "*/*")],
        [("cookie", "theme=dark"), ("authorization", bearer.as_str())],
    ] {
        let headers = headers(&pairs);
        let who = || app.auth.authenticate(&headers).now_or_never().unwrap();
        // What is set up once, as a thread's share of the randomness, is set up before.
        assert_eq!(id(&who()), "usr_mei");
        let counted = measure(|| {
            for _ in 0..1000 {
                assert!(matches!(who(), Authentication::Authenticated(_)));
            }
        });
        assert_eq!(counted.count_total, 0, "{:?}", pairs[1].0);
    }
}
