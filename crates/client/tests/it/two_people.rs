//! Two people at once, over two instances that share no memory: each is who they are, in every tab.

use std::sync::Arc;

use crate::common::{App, Browser, DIALECTS, at_instance, cloud, endpoint};
use mastra_auth_cloud::{Dialect, MastraCloudAuth};
use mastra_auth_local_cloud::LocalCloud;

/// Sign-ins in each dialect with codes; half of them for each of the two.
const LOGINS: usize = 500;
const PAIRS: usize = 5;

/// Two instances of one deployment, behind one public name.
async fn instances(cloud: &LocalCloud, dialect: Dialect) -> [App; 2] {
    let first = App::start(cloud, dialect).await;
    let public = first.url.clone();
    let second = App::with(|_| {
        MastraCloudAuth::builder()
            .project_id("demo")
            .base_url(cloud.url())
            .public_url(public)
            .dialect(dialect)
    });
    let second = second.await;
    [first, second]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threat_046_two_people_signing_in_at_once_never_become_one_another() {
    for dialect in DIALECTS {
        let logins = if dialect == Dialect::Platform {
            LOGINS / 5
        } else {
            LOGINS
        };
        let cloud = Arc::new(cloud(dialect).await);
        let apps = Arc::new(instances(&cloud, dialect).await);
        let pairs = (0..PAIRS).map(|pair| {
            let (cloud, apps) = (Arc::clone(&cloud), Arc::clone(&apps));
            tokio::spawn(async move {
                // Each signs in anew with a browser that is signed in already, and with one that is not.
                let mut people = [
                    (Browser::default(), "owner"),
                    (Browser::default(), "viewer"),
                ];
                for round in 0..logins / PAIRS / 2 {
                    if round % 5 == 0 {
                        for (browser, _) in &mut people {
                            *browser = Browser::default();
                        }
                    }
                    let [(one, a), (other, b)] = &mut people;
                    let (from, to) = (
                        &apps[(pair + round) % 2],
                        &apps[(pair + round + round / 2) % 2],
                    );
                    // Their requests alternate: both begin, both pick, both come back.
                    let (login_a, login_b) =
                        tokio::join!(one.begin(&from.url, "/a"), other.begin(&to.url, "/b"));
                    let (back_a, back_b) = tokio::join!(
                        one.pick(&cloud, &login_a, a),
                        other.pick(&cloud, &login_b, b)
                    );
                    let (back_a, back_b) = (at_instance(&back_a, to), at_instance(&back_b, from));
                    let (done_a, done_b) = tokio::join!(one.open(&back_a), other.open(&back_b));
                    assert_eq!((done_a.location(), done_b.location()), ("/a", "/b"));
                    for app in apps.iter() {
                        let (me_a, me_b) = tokio::join!(one.me(app), other.me(app));
                        assert_eq!((me_a.as_str(), me_b.as_str()), ("usr_olivia", "usr_victor"));
                    }
                }
            })
        });
        for pair in pairs.collect::<Vec<_>>() {
            pair.await.unwrap();
        }
        // The platform exchanges no code: each instance asks who has a session that it sees for the first time.
        let each = if dialect == Dialect::Platform { 2 } else { 1 };
        let asked = usize::try_from(cloud.requests(endpoint(dialect, "exchange")));
        assert_eq!(asked, Ok(logins * each), "{dialect:?}");
    }
}

#[tokio::test]
async fn tabs_of_one_browser_do_not_disturb_one_another() {
    for dialect in DIALECTS {
        let cloud = cloud(dialect).await;
        let apps = instances(&cloud, dialect).await;
        let mut browser = Browser::default();
        let mut tabs = Vec::new();
        for (place, path) in ["/one", "/two", "/three", "/four"].into_iter().enumerate() {
            let login = browser.begin(&apps[place % 2].url, path).await;
            tabs.push((path, browser.pick(&cloud, &login, "member").await));
        }
        // The last one opened is finished first, each on the other instance than it began on.
        for (place, (path, callback)) in tabs.iter().enumerate().rev() {
            let page = browser
                .open(&at_instance(callback, &apps[(place + 1) % 2]))
                .await;
            assert_eq!(
                (page.status.as_u16(), page.location()),
                (303, *path),
                "{dialect:?}"
            );
            assert_eq!(browser.me(&apps[0]).await, "usr_mei");
        }
        assert!(
            browser.cookie("mastra_login").is_none(),
            "no login cookie is left: {:?}",
            browser.jar.names()
        );
    }
}
