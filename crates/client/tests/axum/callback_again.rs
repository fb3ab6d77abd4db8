//! One address requested more than once: a user who is signed in goes on, and a prefetch uses up no code.

use crate::common::{
    App, Browser, DIALECTS, Page, at_instance, cloud, desk, endpoint, headers, until,
    with_parameter,
};
use mastra_auth_cloud::{Dialect, MastraCloudAuth, SameSite};
use mastra_auth_local_cloud::{Fault, FaultKind, LocalCloud};
use reqwest::Method;

const DEEP: &str = "/?deep=1";

/// A browser that is signed in, with the Cloud's page and the callback that it came by.
async fn inside(app: &App, cloud: &LocalCloud, person: &str) -> (Browser, String, String) {
    let mut browser = Browser::default();
    let login = browser.begin(&app.url, "%2F%3Fdeep%3D1").await;
    let callback = browser.pick(cloud, &login, person).await;
    assert_eq!(browser.open(&callback).await.location(), DEEP);
    (browser, login, callback)
}

#[track_caller]
fn goes_on(page: &Page, to: &str) {
    assert_eq!(page.status, 303, "{page:?}");
    assert_eq!(page.location(), to);
    assert_eq!(page.headers["cache-control"], "no-store");
    for cookie in page.cookies() {
        assert!(cookie.starts_with("mastra_login_") && cookie.contains("; Max-Age=0"));
    }
}

#[tokio::test]
async fn who_is_signed_in_goes_on_from_a_callback_that_cannot_be_finished() {
    for dialect in DIALECTS {
        let cloud = cloud(dialect).await;
        let app = App::start(&cloud, dialect).await;
        let (mut browser, login, callback) = inside(&app, &cloud, "member").await;
        let outside = browser.clone();
        // Back to the Cloud's page, and another person picked there; reload; a code that cannot be one; another person's callback,
        // also where a sign-in of this browser is under way; a state of no sign-in; the sign-in was declined.
        let pressed = browser.pick(&cloud, &login, "owner").await;
        let foreign = {
            let mut other = Browser::default();
            let login = other.begin(&app.url, "%2F%3Fdeep%3D1").await;
            other.pick(&cloud, &login, "owner").await
        };
        let unknown = app.at("/auth/callback?code=c&state=nobody%7C%252F%253Fdeep%253D1");
        let declined = app.at("/auth/callback?error=access_denied&state=s%7C%252F%253Fdeep%253D1");
        let before = cloud.requests(endpoint(dialect, "exchange"));
        for url in [
            &pressed,
            &callback,
            &with_parameter(&callback, "code", "a b"),
            &foreign,
            &unknown,
            &declined,
        ] {
            goes_on(&browser.open(url).await, DEEP);
        }
        let under_way = browser.almost(&app, &cloud, "member").await;
        goes_on(&browser.open(&foreign).await, DEEP);
        // A page that failed took its parameters out of the address; a path that leads elsewhere leads home.
        for query in ["", "?state=a&state=b", "?state=x%7C%252F%252Fevil.example"] {
            let page = browser
                .open(&app.at(&format!("/auth/callback{query}")))
                .await;
            goes_on(&page, "/");
        }
        assert_eq!(
            cloud.requests(endpoint(dialect, "exchange")),
            before,
            "nothing was exchanged"
        );
        assert_eq!(browser.me(&app).await, "usr_mei");
        // What was under way is not lost by any of it.
        assert_eq!(browser.open(&under_way).await.status, 303);
        assert_eq!(cloud.requests(endpoint(dialect, "exchange")), before + 1);

        if dialect == Dialect::Platform {
            // There a sign-in of the same user ends no earlier session.
            outside.clone().sign_out(&app).await;
        }
        // Whose session ended, and who never had one, gets the page.
        for mut nobody in [outside, Browser::default()] {
            let page = nobody.open(&callback).await;
            assert_eq!(
                (page.status.as_u16(), page.code().as_str()),
                (400, "callback_replayed")
            );
        }
    }
}

#[tokio::test]
async fn a_fresh_callback_of_who_is_signed_in_switches_the_account() {
    let (cloud, app) = desk().await;
    let (mut browser, ..) = inside(&app, &cloud, "member").await;
    let callback = browser.almost(&app, &cloud, "owner").await;
    let page = browser.open(&callback).await;
    assert_eq!((page.status.as_u16(), page.cookies().len()), (303, 2));
    assert_eq!(browser.me(&app).await, "usr_olivia");
}

#[tokio::test]
async fn an_outage_is_told_also_to_who_is_signed_in() {
    let (cloud, app) = desk().await;
    let (mut browser, ..) = inside(&app, &cloud, "member").await;
    let callback = browser.almost(&app, &cloud, "owner").await;
    let fault = Fault::new(FaultKind::Status { status: 500 });
    cloud.control().set_fault(fault.on("exchange"));
    let page = browser.open(&callback).await;
    assert_eq!(
        (page.status.as_u16(), page.code().as_str()),
        (502, "cloud_error")
    );
    assert_eq!(browser.me(&app).await, "usr_mei");
}

#[tokio::test]
async fn a_duplicate_at_another_instance_goes_on() {
    for dialect in DIALECTS {
        let cloud = cloud(dialect).await;
        let app = App::start(&cloud, dialect).await;
        let other = App::with(|_| {
            MastraCloudAuth::builder()
                .project_id("demo")
                .base_url(cloud.url())
                .public_url(app.url.as_str())
                .dialect(dialect)
        })
        .await;
        let (mut browser, _, callback) = inside(&app, &cloud, "member").await;
        goes_on(&browser.open(&at_instance(&callback, &other)).await, DEEP);
        // The other instance asks the platform who it is at the same endpoint as the sign-in does.
        let asked = if dialect == Dialect::Platform { 2 } else { 1 };
        assert_eq!(cloud.requests(endpoint(dialect, "exchange")), asked);
        assert_eq!(browser.me(&other).await, "usr_mei");
    }
}

#[tokio::test]
async fn a_look_ahead_spends_nothing_and_begins_nothing() {
    let (cloud, app) = desk().await;
    let mut browser = Browser::default();
    let callback = browser.almost(&app, &cloud, "member").await;
    for (method, name, value, status) in [
        (Method::HEAD, "accept", "*/*", 204),
        (Method::GET, "sec-purpose", "prefetch", 503),
        (Method::GET, "sec-purpose", "prefetch;prerender", 503),
        (Method::GET, "purpose", "prefetch", 503),
        (Method::GET, "x-moz", "prefetch", 503),
    ] {
        for url in [callback.clone(), app.at("/auth/login?return_to=%2Fagents")] {
            let headers = headers(&[("sec-fetch-mode", "navigate"), (name, value)]);
            let page = browser.send(method.clone(), &url, headers, &[]).await;
            assert_eq!(page.status, status, "{method} {name}: {value}");
            assert!(page.cookies().is_empty() && page.headers.get("location").is_none());
            assert_eq!(page.headers["cache-control"], "no-store");
            assert!(page.headers.get("retry-after").is_none());
        }
    }
    assert_eq!(cloud.requests("exchange"), 0);
    assert_eq!(browser.open(&callback).await.status, 303);
    assert_eq!(browser.me(&app).await, "usr_mei");
}

#[tokio::test]
async fn six_restored_tabs_all_arrive_whichever_is_finished_first() {
    for first in [0, 5] {
        let (cloud, app) = desk().await;
        let mut browser = Browser::default();
        let mut tabs = Vec::new();
        for tab in 0..6 {
            let login = browser.begin(&app.url, &format!("%2F%3Ftab%3D{tab}")).await;
            tabs.push((login, format!("/?tab={tab}")));
        }
        tabs.swap(0, first);
        for (login, path) in tabs {
            let callback = browser.pick(&cloud, &login, "member").await;
            assert_eq!(browser.open(&callback).await.location(), path);
        }
        assert_eq!(browser.me(&app).await, "usr_mei");
    }
}

/// Where the page goes by itself; its link goes there too.
#[track_caller]
fn onward(page: &Page) -> String {
    assert_eq!(page.status, 200, "{page:?}");
    assert!(page.headers.get("location").is_none());
    assert_eq!(page.headers["cache-control"], "no-store");
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let after = page.body.split("content=\"0;url=").nth(1).unwrap();
    let to = after.split('"').next().unwrap();
    assert!(page.body.contains(&format!("<a href=\"{to}\">")));
    to.replace("&amp;", "&")
}

/// A service whose session cookie browsers do not send along with what the Cloud's page asks for.
async fn strict(cloud: &LocalCloud) -> App {
    App::with(|url| {
        MastraCloudAuth::builder()
            .project_id("demo")
            .base_url(cloud.url())
            .public_url(url)
            .same_site(SameSite::Strict)
    })
    .await
}

#[tokio::test]
async fn with_strict_a_page_of_our_own_goes_on() {
    let cloud = cloud(Dialect::V1).await;
    let app = strict(&cloud).await;
    let mut browser = Browser::default();
    let login = browser.begin(&app.url, "%2F%3Fa%3D%2522%26b%3D1").await;
    let callback = browser.pick(&cloud, &login, "member").await;
    let page = browser.open(&callback).await;
    assert_eq!(onward(&page), "/?a=%22&b=1");
    assert!(
        page.cookies()
            .iter()
            .any(|one| one.contains("SameSite=Strict"))
    );
    assert!(!page.body.contains("code="), "{}", page.body);
    assert_eq!(browser.me(&app).await, "usr_mei");
}

#[tokio::test]
async fn with_strict_a_callback_that_comes_again_asks_once_more_and_no_more() {
    let cloud = cloud(Dialect::V1).await;
    let app = strict(&cloud).await;
    let mut browser = Browser::default();
    let login = browser.begin(&app.url, "%2Fagents").await;
    let callback = browser.pick(&cloud, &login, "member").await;
    onward(&browser.open(&callback).await);
    for (url, code) in [
        (callback.clone(), "callback_replayed"),
        (
            with_parameter(&callback, "state", "x|%2Fagents"),
            "login_cookie_missing",
        ),
        (
            app.at("/auth/callback?state=s%7C%252Fagents&error=access_denied"),
            "access_denied",
        ),
    ] {
        // Without the cookie, as it comes from another site.
        let page = Browser::default().open(&url).await;
        let again = app.at(&format!("/auth/callback{}", onward(&page)));
        assert!(!again.contains("code="), "{again}");
        let page = browser.open(&again).await;
        assert_eq!(page.location(), "/agents");
        // Who is not signed in gets the page with the first code, and is not sent on once more.
        let page = Browser::default().open(&again).await;
        assert_eq!(page.code(), code);
        assert!(page.status.is_client_error());
    }
    let page = Browser::default()
        .open(&app.at("/auth/callback?state=s&again=anything"))
        .await;
    assert_eq!(page.code(), "state_malformed");
    // A program is told at once.
    let page = Browser::default().fetch(&callback).await;
    assert_eq!(page.code(), "callback_replayed");
    assert_eq!(cloud.requests("exchange"), 1);
}

/// The exchange takes a while: long enough for a second request.
fn slow(cloud: &LocalCloud, dialect: Dialect) {
    let fault = Fault::new(FaultKind::Delay { ms: 1_000 });
    cloud
        .control()
        .set_fault(fault.on(endpoint(dialect, "exchange")));
}

/// A navigation that is under way: the code is spent, and the Cloud has not answered.
async fn in_mid_exchange(browser: &Browser, callback: &str) -> tokio::task::JoinHandle<Page> {
    let (mut browser, url) = (browser.clone(), callback.to_owned());
    let first = tokio::spawn(async move { browser.open(&url).await });
    // Others are told by then that it was used.
    until("the exchange is under way", || async {
        Browser::default().open(callback).await.code() == "callback_replayed"
    })
    .await;
    first
}

#[tokio::test]
async fn a_reload_in_mid_exchange_signs_in_though_the_first_request_is_gone() {
    for dialect in DIALECTS {
        let cloud = cloud(dialect).await;
        let app = App::start(&cloud, dialect).await;
        let mut browser = Browser::default();
        let login = browser.begin(&app.url, "%2F%3Fdeep%3D1").await;
        let callback = browser.pick(&cloud, &login, "member").await;
        slow(&cloud, dialect);
        let first = in_mid_exchange(&browser, &callback).await;
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());
        let page = browser.open(&callback).await;
        assert_eq!((page.status.as_u16(), page.location()), (303, DEEP));
        assert_eq!(cloud.requests(endpoint(dialect, "exchange")), 1);
        assert_eq!(browser.me(&app).await, "usr_mei");
    }
}

#[tokio::test]
async fn two_callbacks_at_once_get_one_session_and_end_the_old_one_once() {
    for dialect in DIALECTS {
        let cloud = cloud(dialect).await;
        let app = App::start(&cloud, dialect).await;
        let (mut browser, ..) = inside(&app, &cloud, "member").await;
        let callback = browser.almost(&app, &cloud, "owner").await;
        slow(&cloud, dialect);
        let first = in_mid_exchange(&browser, &callback).await;
        let (lost, mut stranger) = (browser.clone(), Browser::default());
        // The first code counts, whatever the second brings.
        let other_code = with_parameter(&callback, "code", "another");
        let (second, refused) = tokio::join!(browser.open(&other_code), stranger.open(&callback));
        let first = first.await.unwrap();
        assert_eq!((first.status.as_u16(), second.status.as_u16()), (303, 303));
        assert_eq!(first.cookies(), second.cookies());
        assert_eq!(first.location(), second.location());
        assert_eq!(refused.code(), "callback_replayed");
        // The answer may have been lost: a moment later it is the same.
        let third = lost.clone().open(&callback).await;
        assert_eq!(first.cookies(), third.cookies());
        assert_eq!(
            cloud.requests(endpoint(dialect, "exchange")),
            2,
            "one of each sign-in"
        );
        let ended = "the old one is ended at the Cloud";
        until(ended, async || {
            cloud.requests(endpoint(dialect, "destroy")) > 0
        })
        .await;
        assert_eq!(browser.me(&app).await, "usr_olivia");
        assert_eq!(cloud.requests(endpoint(dialect, "destroy")), 1);
        // Not of a session that ended meanwhile.
        browser.sign_out(&app).await;
        let page = lost.clone().open(&callback).await;
        assert_eq!(page.code(), "callback_replayed");
    }
}

#[tokio::test]
async fn two_callbacks_of_one_exchange_fail_alike() {
    let (cloud, app) = desk().await;
    let mut browser = Browser::default();
    let callback = browser.almost(&app, &cloud, "member").await;
    let mut other = browser.clone();
    let fault = Fault::new(FaultKind::Status { status: 500 });
    cloud.control().set_fault(fault.on("exchange"));
    let (first, second) = tokio::join!(browser.open(&callback), other.open(&callback));
    for page in [first, second] {
        assert_eq!(
            (page.status.as_u16(), page.code().as_str()),
            (502, "cloud_error")
        );
    }
    assert_eq!(cloud.requests("exchange"), 1);
}
