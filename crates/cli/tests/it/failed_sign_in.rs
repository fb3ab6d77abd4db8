//! What a page after a sign-in that failed is headed with: a refusal is none of the Cloud's failures.

use crate::browser::Browser;
use crate::process::Running;
use reqwest::{Method, StatusCode};

/// The page that the app shows after the callback, with a code that the Cloud did not hand out.
async fn after(wrong_code: &str, app: &str) -> crate::browser::Page {
    let mut browser = Browser::new();
    let page = browser.begin(app, "/").await;
    let callback = browser.pick(&page, "member").await;
    let code = crate::browser::between(&callback, "code=", "&").to_owned();
    let wrong = callback.replace(&code, wrong_code);
    assert_ne!(wrong, callback);
    browser
        .send(Method::GET, &wrong, &[("accept", "text/html")], None)
        .await
}

#[tokio::test]
async fn a_refused_code_is_not_headed_as_an_outage() {
    let demo = Running::start(&["demo", "--port", "0", "--cloud-port", "0"]);
    let (app, cloud) = (demo.url("app"), demo.url("cloud"));
    let refused = after("made-up", &app).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.text.contains("login_rejected"), "{}", refused.text);
    assert!(
        refused.text.contains("Sign-in was not accepted"),
        "{}",
        refused.text
    );
    assert!(!refused.text.contains("not available"), "{}", refused.text);

    let fault = r#"{"kind":"status","status":500}"#;
    let switched = Browser::new()
        .send(
            Method::POST,
            &format!("{cloud}/admin/api/faults"),
            &[("origin", &cloud), ("content-type", "application/json")],
            Some(fault),
        )
        .await;
    assert!(switched.status.is_success(), "{}", switched.text);
    let away = after("another", &app).await;
    assert!(
        away.status.is_server_error(),
        "{} {}",
        away.status,
        away.text
    );
    assert!(
        away.text.contains("Sign-in is not available"),
        "{}",
        away.text
    );
}
