//! A token of a local Cloud: alone on standard output, and a clear word where there is no such Cloud.

use mastra_auth_local_cloud::Dialect;

use super::{DIALECTS, cloud, verify};
use crate::answering::{http, server};
use crate::process::{Finished, command, finish};

fn new(url: &str, args: &[&str]) -> Finished {
    let mut all = vec!["token", "new", "--cloud-url", url];
    all.extend(args);
    finish(command(&all), b"")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_token_stands_alone_and_is_good() {
    for dialect in DIALECTS {
        let cloud = cloud(dialect).await;
        for (person, id) in [("member", "usr_mei"), ("victor@example.com", "usr_victor")] {
            let finished = new(cloud.url(), &["--as", person]);
            assert_eq!((finished.code, &*finished.stderr), (Some(0), ""));
            let token = finished.stdout.strip_suffix('\n').unwrap();
            assert!(!token.contains(char::is_whitespace), "{token}");
            let said = verify(cloud.url(), dialect, token).stdout;
            assert!(said.contains(id), "{said}");
        }
        // With its own lifetime, and at the address that the environment names.
        let mut brief = command(&["token", "new", "--as", "member", "--lifetime", "60"]);
        brief.env("MASTRA_CLOUD_URL", cloud.url());
        let token = finish(brief, b"").stdout;
        let inspected = finish(command(&["token", "inspect"]), token.as_bytes()).stdout;
        let time = |name: &str| {
            let (_, rest) = inspected.split_once(&format!("\"{name}\": ")).unwrap();
            let digits = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap();
            digits.parse::<u64>().unwrap()
        };
        assert_eq!(time("exp") - time("iat"), 60, "{inspected}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_is_not_there_is_wrong_usage() {
    let cloud = cloud(Dialect::V1).await;
    let finished = new(cloud.url(), &["--as", "king"]);
    assert_eq!((finished.code, &*finished.stdout), (Some(2), ""));
    assert_eq!(
        finished.stderr,
        "error: --as: the local Cloud has no such person; there are owner, admin, member, viewer\n"
    );
    assert!(cloud.control().sessions().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_no_local_cloud_that_is_said() {
    // The system hands this port out to no other program.
    let unused = "http://127.0.0.1:1";
    let page = http("200 OK", "text/html", "<h1>hello</h1>");
    let (other, _) = server(page);
    let (json, _) = server(http("404 Not Found", "application/json", r#"{"error":{}}"#));
    for (url, why) in [
        (unused, "nothing listens there"),
        (&other, "what answers there is another program"),
        (&json, "what answers there is another program"),
    ] {
        let finished = new(url, &["--as", "member"]);
        assert_eq!((finished.code, &*finished.stdout), (Some(1), ""), "{url}");
        let expect = format!("error: no local Cloud answers at {url}: {why}; `mastra-auth dev`");
        assert!(finished.stderr.starts_with(&expect), "{}", finished.stderr);
    }
    // No other machine is asked.
    for url in [
        "https://cloud.mastra.ai",
        "http://10.0.0.1",
        "localhost:4300",
        "",
    ] {
        let finished = new(url, &["--as", "member"]);
        assert_eq!((finished.code, &*finished.stdout), (Some(2), ""), "{url}");
        assert!(
            finished.stderr.contains("--cloud-url"),
            "{}",
            finished.stderr
        );
    }
}
