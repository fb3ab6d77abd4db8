//! A sign-in with a browser: one visit, which is sent from login page to login page until the run has all it needs.

use std::sync::Mutex;
use std::time::Duration;

use reqwest::{Client, Url};
use tokio::time::timeout;

use super::super::exchange::client;
use super::super::plan;
use super::super::sign_in::SignIn;
use super::super::verdict::Verdict;
use super::super::{judge, now};
use super::{OVER_HTTPS, asked_of, local_cloud};
use crate::args::DialectName;

/// A run that waits for a lost browser fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// The browser's last page.
static LAST_PAGE: Mutex<Option<String>> = Mutex::new(None);

/// What a person does: presses the first button of each page, wherever it leads.
async fn browse(client: Client, url: String) {
    let mut next = Url::parse(&url).unwrap();
    for _ in 0..40 {
        let mut answer = client.get(next.clone()).send().await.unwrap();
        if !answer.status().is_redirection() {
            let page = answer.text().await.unwrap();
            let value = |name: &str| {
                let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\""))?;
                rest.split_once('"').map(|(value, _)| value.to_owned())
            };
            if let Some((_, to)) = page.split_once("content=\"0;url=") {
                let to = to.split_once('"').unwrap().0.replace("&amp;", "&");
                next = Url::parse(&to).unwrap();
                continue;
            }
            let Some((number, person)) = value("number").zip(value("person")) else {
                *LAST_PAGE.lock().unwrap() = Some(page);
                return;
            };
            let form = client.post(next.join("/auth/oss").unwrap());
            let form = form.header("content-type", "application/x-www-form-urlencoded");
            let form = form.body(format!("number={number}&person={person}"));
            answer = form.send().await.unwrap();
        }
        let to = answer.headers().get("location").unwrap();
        next = next.join(to.to_str().unwrap()).unwrap();
    }
}

#[tokio::test]
async fn one_visit_signs_in_as_often_as_the_run_needs() {
    let cloud = local_cloud(DialectName::Pkce).await;
    let asked = asked_of(cloud.url(), DialectName::Pkce);
    let sign_in = SignIn::by_browser(|url| {
        // A stray request, as for a picture, is answered and forgotten.
        let url = url.to_owned();
        let stray = Url::parse(&url).unwrap();
        let mut pairs = stray.query_pairs();
        let back = pairs.find(|(name, _)| name == "redirect_uri").unwrap().1;
        let stray = Url::parse(&back).unwrap().join("/favicon.ico").unwrap();
        tokio::spawn(async move {
            let client = client(true).unwrap();
            // Connections that say nothing, as browsers open ahead, hold up no other.
            let host = stray.socket_addrs(|| None).unwrap();
            let idle = [(); 3].map(|()| std::net::TcpStream::connect(&*host).unwrap());
            let forged = stray.join("/callback?code=forged&state=forged").unwrap();
            for stray in [stray, forged] {
                let answer = client
                    .get(stray)
                    .timeout(Duration::from_secs(5))
                    .send()
                    .await;
                assert_eq!(answer.unwrap().status(), 404);
            }
            browse(client, url).await;
            drop(idle);
        });
    });
    let sign_in = sign_in.await.unwrap();
    let client = client(true).unwrap();
    let mut quiet = |_: &str| ();
    let run = plan::run(&asked, &client, sign_in, now(), &mut quiet);
    let seen = timeout(PATIENCE, run).await.unwrap();
    for judged in judge(&seen) {
        let untested = matches!(judged.rule.id, "login.9" | "security.6")
            || OVER_HTTPS.contains(&judged.rule.id);
        let is_fine = match &judged.verdict {
            Verdict::Passed => !untested,
            Verdict::NotTested(_) => untested,
            Verdict::Failed(_) => false,
        };
        assert!(is_fine, "{}: {:?}", judged.rule.id, judged.verdict);
    }
    let shown = async {
        while LAST_PAGE.lock().unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, shown).await.unwrap();
    let page = LAST_PAGE.lock().unwrap().take().unwrap();
    assert!(page.contains("You can close this page"), "{page}");
    cloud.stop().await;
}
