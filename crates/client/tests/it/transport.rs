//! The transport against servers that misbehave, over real sockets: every way to fail ends in time, in bounds, as an error.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mastra_auth_cloud::login::{AuthorizationCode, RedirectUri, Verifier};
use mastra_auth_cloud::transport::{BaseUrl, ReqwestTransport};
use mastra_auth_cloud::{
    Authentication, CloudApiError, Dialect, MastraCloudAuth, MastraCloudClient, Policy,
    SessionToken,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::common::headers;

/// A server that does one thing to every connection, after having read a whole request.
async fn server<F, W>(misbehave: F) -> (String, Arc<AtomicUsize>)
where
    F: Fn(TcpStream, usize) -> W + Send + Sync + 'static,
    W: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    let misbehave = Arc::new(misbehave);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (misbehave, seen) = (Arc::clone(&misbehave), Arc::clone(&seen));
            tokio::spawn(async move {
                let mut request = vec![0; 16 * 1024];
                if stream.read(&mut request).await.unwrap_or(0) > 0 {
                    let nth = seen.fetch_add(1, Ordering::SeqCst);
                    misbehave(stream, nth).await;
                }
            });
        }
    });
    (url, count)
}

/// Long enough for what has an end, on any machine.
const PATIENCE: Duration = Duration::from_secs(30);

fn client(url: &str) -> MastraCloudClient {
    client_that_waits(url, PATIENCE)
}

fn client_that_waits(url: &str, timeout: Duration) -> MastraCloudClient {
    let mut policy = Policy::default();
    policy.call_timeout = timeout;
    MastraCloudAuth::builder()
        .project_id("demo")
        .base_url(url)
        .policy(policy)
        .build()
        .unwrap()
        .client()
}

async fn verify(url: &str) -> CloudApiError {
    verify_with(&client(url)).await
}

async fn verify_with(client: &MastraCloudClient) -> CloudApiError {
    let token = SessionToken::parse("tok").unwrap();
    client
        .verify_token(&token)
        .await
        .map(|user| user.is_some())
        .unwrap_err()
}

async fn write(stream: &mut TcpStream, text: &str) -> bool {
    stream.write_all(text.as_bytes()).await.is_ok()
}

/// Bytes that this process holds in memory (resident set), from the kernel.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[tokio::test]
async fn threat_070_an_endless_body_is_cut_at_the_cap_and_memory_stays_flat() {
    const HEAD: &str =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    let (url, _) = server(|mut stream, _| async move {
        let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
        let mut open = write(&mut stream, HEAD).await;
        let mut left = 300 * 1024 * 1024 / 0x10000;
        while open && left > 0 {
            open = write(&mut stream, &chunk).await;
            left -= 1;
        }
    })
    .await;
    let before = resident();
    assert_eq!(verify(&url).await.code(), "response_too_large");
    // The cap, and what the first call of a process takes: a tenth of what was sent.
    let grown = resident().saturating_sub(before);
    assert!(grown < 30 * 1024 * 1024, "grew by {grown}");
}

#[tokio::test]
async fn threat_070_a_large_body_is_refused_by_its_announcement() {
    let (url, count) = server(|mut stream, _| async move {
        write(
            &mut stream,
            "HTTP/1.1 200 OK\r\ncontent-length: 314572800\r\n\r\n{",
        )
        .await;
        std::future::pending::<()>().await;
    })
    .await;
    let error = verify(&url).await;
    assert_eq!(
        error.code(),
        "response_too_large",
        "not one byte of it is waited for"
    );
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn threat_069_redirects_are_never_followed() {
    let (target, arrived) = server(|mut stream, _| async move {
        write(
            &mut stream,
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        )
        .await;
    })
    .await;
    for status in [301, 302, 303, 307, 308] {
        let location = target.clone();
        let (url, _) = server(move |mut stream, _| {
            let answer = format!(
                "HTTP/1.1 {status} Moved\r\nlocation: {location}/\r\ncontent-length: 0\r\n\r\n"
            );
            async move {
                write(&mut stream, &answer).await;
            }
        })
        .await;
        let error = verify(&url).await;
        assert_eq!(
            (error.code(), error.status()),
            ("invalid_response", 502),
            "{status}"
        );
        assert!(!error.is_refusal());
    }
    assert_eq!(
        arrived.load(Ordering::SeqCst),
        0,
        "nothing arrives at the redirect's target"
    );
}

#[tokio::test]
async fn threat_071_a_dripping_a_silent_and_a_cut_answer_end_in_time() {
    let (drip, _) = server(|mut stream, _| async move {
        let mut open = write(
            &mut stream,
            "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n",
        )
        .await;
        while open {
            open = write(&mut stream, " ").await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let (silent, _) = server(|stream, _| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let (cut, count) = server(|mut stream, _| async move {
        write(
            &mut stream,
            "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"ok\":",
        )
        .await;
    })
    .await;
    let hasty = Duration::from_millis(600);
    for (url, timeout, code) in [
        (&drip, hasty, "timeout"),
        (&silent, hasty, "timeout"),
        (&cut, PATIENCE, "network_error"),
    ] {
        let client = client_that_waits(url, timeout);
        let error = tokio::time::timeout(PATIENCE * 3, verify_with(&client));
        let error = error.await.expect("it ends");
        assert_eq!((error.code(), error.status()), (code, 503));
    }
    assert_eq!(
        count.load(Ordering::SeqCst),
        2,
        "a cut answer is asked for once more"
    );
}

#[tokio::test]
async fn threat_076_a_connection_closed_before_the_answer_is_tried_once_more() {
    let (url, count) = server(|mut stream, nth| async move {
        if nth > 0 {
            let body = r#"{"ok":false,"error":{"message":"No such token","code":"invalid_token","status":401}}"#;
            let answer = format!("HTTP/1.1 401 Unauthorized\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            write(&mut stream, &answer).await;
        }
    })
    .await;
    let token = SessionToken::parse("tok").unwrap();
    assert!(client(&url).verify_token(&token).await.unwrap().is_none());
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn nobody_at_home_is_a_network_error() {
    // The system hands this port out to no other program.
    let error = verify("http://127.0.0.1:1").await;
    assert_eq!((error.code(), error.status()), ("network_error", 503));
}

#[test]
fn threat_074_plain_http_leaves_this_machine_never() {
    for url in [
        "http://cloud.mastra.ai",
        "http://10.0.0.1",
        "http://localhost.evil.example",
        "ftp://localhost",
        "cloud.mastra.ai",
    ] {
        let error = MastraCloudAuth::builder()
            .project_id("demo")
            .base_url(url)
            .build()
            .unwrap_err();
        assert_eq!(error.code(), "invalid_configuration", "{url}");
        assert!(error.message().starts_with("base_url: "), "{url}");
    }
}

#[tokio::test]
async fn threat_075_no_answer_chooses_which_address_is_called() {
    let (elsewhere, arrived) = server(|mut stream, _| async move {
        write(
            &mut stream,
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        )
        .await;
    })
    .await;
    let target = elsewhere.clone();
    let (url, count) = server(move |mut stream, nth| {
        let target = target.clone();
        async move {
            let body = if nth == 0 {
                format!(
                    r#"{{"ok":true,"data":{{"user":{{"id":"{target}/x","email":"a@b.example","created_at":"2026-01-01T00:00:00Z",
                    "avatar_url":"{target}/a.png","metadata":{{"jwks_uri":"{target}/keys","permissions_url":"{target}/p"}}}}}}}}"#
                )
            } else {
                r#"{"ok":true,"data":{"permissions":["agents:read"]}}"#.to_owned()
            };
            let head = format!(
                "HTTP/1.1 200 OK\r\nlink: <{target}/next>; rel=next\r\ncontent-location: {target}/\r\nlocation: {target}/\r\n\
                 content-length: {}\r\n\r\n",
                body.len()
            );
            write(&mut stream, &(head + &body)).await;
        }
    })
    .await;
    let client = client(&url);
    let token = SessionToken::parse("tok").unwrap();
    let user = client.verify_token(&token).await.unwrap().unwrap();
    assert_eq!(
        user.id().as_str(),
        format!("{elsewhere}/x"),
        "an id may look like an address"
    );
    let grants = client.user_permissions(user.id(), &token).await.unwrap();
    assert!(grants.allows("agents:read"));
    assert_eq!(
        (count.load(Ordering::SeqCst), arrived.load(Ordering::SeqCst)),
        (2, 0)
    );
}

/// A server that keeps its connections open; answers how many there were.
async fn patient() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            seen.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut request = vec![0; 16 * 1024];
                while stream.read(&mut request).await.unwrap_or(0) > 0 {
                    write(
                        &mut stream,
                        "HTTP/1.1 401 No\r\ncontent-length: 12\r\n\r\n{\"ok\":false}",
                    )
                    .await;
                }
            });
        }
    });
    (url, count)
}

#[tokio::test]
async fn threat_077_no_connection_stays_with_its_address_for_ever() {
    for (max_age, connections) in [(Duration::from_mins(5), 1), (Duration::ZERO, 3)] {
        let (url, count) = patient().await;
        let transport = ReqwestTransport::new(&BaseUrl::parse(&url).unwrap()).unwrap();
        let client = MastraCloudAuth::builder()
            .project_id("demo")
            .base_url(url)
            .transport(transport.max_connection_age(max_age))
            .build()
            .unwrap()
            .client();
        for token in ["a", "b", "c"] {
            let token = SessionToken::parse(token).unwrap();
            assert!(client.verify_token(&token).await.unwrap().is_none());
        }
        assert_eq!(count.load(Ordering::SeqCst), connections, "{max_age:?}");
    }
}

/// Answers the first request of each connection and closes it as the second comes.
async fn forgetful() -> (String, Arc<AtomicUsize>) {
    server(|mut stream, _| async move {
        const BODY: &str = r#"{"ok":false,"error":{"message":"no","status":401}}"#;
        let head = format!(
            "HTTP/1.1 401 Unauthorized\r\ncontent-length: {}\r\n\r\n",
            BODY.len()
        );
        write(&mut stream, &format!("{head}{BODY}")).await;
        let mut second = [0];
        let _ = stream.read(&mut second).await;
    })
    .await
}

#[tokio::test]
async fn threat_072_an_exchange_takes_a_connection_of_its_own() {
    let (url, count) = forgetful().await;
    let client = client(&url);
    let exchange = |client: MastraCloudClient| async move {
        let code = AuthorizationCode::parse("c0de").unwrap();
        let verifier = Verifier::parse(&"v".repeat(43)).unwrap();
        let redirect_uri = RedirectUri::parse("http://localhost/auth/callback").unwrap();
        let exchanged = client.exchange_code(code, verifier, redirect_uri).await;
        exchanged.map(|_| ()).unwrap_err()
    };
    for round in 0..3 {
        // One connection is kept after this.
        let token = SessionToken::parse(&format!("tok{round}")).unwrap();
        assert!(client.verify_token(&token).await.unwrap().is_none());
        let error = exchange(client.clone()).await;
        assert_eq!(
            (error.status(), error.is_refusal()),
            (401, true),
            "{round}: it was answered"
        );
    }
    assert!(count.load(Ordering::SeqCst) >= 6);
    // One that may have come through is not sent again.
    let (url, count) = server(|_, _| async {}).await;
    let error = exchange(self::client(&url)).await;
    assert_eq!(error.code(), "network_error");
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

/// An answer that ends the connection, with a session that replaces the one that was asked about.
fn answer_setting(status: &str, length: usize, body: &str) -> String {
    let set = "set-cookie: wos-session=newer; Path=/; HttpOnly";
    let head = format!("HTTP/1.1 {status}\r\n{set}\r\ncontent-length: {length}");
    format!("{head}\r\nconnection: close\r\n\r\n{body}")
}

#[tokio::test]
async fn a_newer_session_is_taken_from_an_answer_whose_body_cannot_be_read() {
    const ME: &str = r#"{"user":{"id":"usr_1"},"organizationId":"org_1","memberOrgIds":["org_1"]}"#;
    let too_large = answer_setting("200 OK", 1 << 30, "");
    let cut_off = answer_setting("200 OK", 1_000, ME);
    let failing = answer_setting("503 Service Unavailable", 2, "{}");
    for (first, is_repeated) in [(too_large, false), (cut_off, true), (failing, true)] {
        let answer = first.clone();
        let (url, count) = server(move |mut stream, nth| {
            let good = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{ME}",
                ME.len()
            );
            let text = if nth == 0 { answer.clone() } else { good };
            async move {
                stream.write_all(text.as_bytes()).await.unwrap();
                stream.shutdown().await.unwrap();
            }
        })
        .await;
        let mut policy = Policy::of(Dialect::Platform);
        policy.call_timeout = PATIENCE;
        let auth = MastraCloudAuth::builder()
            .dialect(Dialect::Platform)
            .base_url(&url)
            .policy(policy)
            .build()
            .unwrap();
        let cookie = format!("{}=older", auth.cookie_name());
        let pairs = [("cookie", &*cookie)];
        let mut answer = auth.authenticate(&headers(&pairs)).await;
        if !is_repeated {
            assert!(
                matches!(answer, Authentication::Unavailable(_)),
                "{answer:?}"
            );
            answer = auth.authenticate(&headers(&pairs)).await;
        }
        let Authentication::Authenticated(identity) = answer else {
            panic!("{first}: {answer:?}")
        };
        let session = identity.user().session_token();
        assert!(
            session.is_sealed() && session.expose() == "newer",
            "{first}"
        );
        assert_eq!(count.load(Ordering::SeqCst), 2, "{first}");
    }
}
