//! Each fault does on the wire what its name says, there and no longer than it was told to.

use std::time::{Duration, Instant};

use crate::desk::{BOTH, Desk};
use mastra_auth_local_cloud::{Dialect, Fault, FaultKind, Place, WireFault};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Asks for the key set by hand, with a bearer, and hands back the open connection.
async fn ask(desk: &Desk) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", desk.cloud.port()))
        .await
        .unwrap();
    let request = "GET /.well-known/jwks.json HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer secret-7\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// All that comes until the answer is whole or the connection closes, and whether it closed, 300 ms after a whole answer.
async fn bytes(desk: &Desk) -> (String, bool) {
    let mut stream = ask(desk).await;
    let mut all = String::new();
    let mut chunk = vec![0; 16 * 1024];
    loop {
        let patience = Duration::from_millis(if is_whole(&all) { 300 } else { 60_000 });
        match tokio::time::timeout(patience, stream.read(&mut chunk)).await {
            Err(_) => return (all, false),
            Ok(Ok(0) | Err(_)) => return (all, true),
            Ok(Ok(count)) => all.push_str(std::str::from_utf8(&chunk[..count]).unwrap()),
        }
    }
}

/// Whether as many bytes of the body came as were announced.
fn is_whole(answer: &str) -> bool {
    answer.contains("\r\n\r\n") && {
        let (_, head, body) = parts(answer);
        !head.contains("content-length: ") || announced(&head) <= body.len()
    }
}

async fn under(kind: FaultKind) -> (String, bool) {
    let desk = Desk::new(Dialect::V1).await;
    desk.cloud.control().set_fault(Fault::new(kind));
    bytes(&desk).await
}

/// Status, head and body of an answer.
fn parts(answer: &str) -> (u16, String, &str) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_ascii_lowercase(), body)
}

fn announced(head: &str) -> usize {
    let (_, rest) = head.split_once("content-length: ").unwrap();
    rest.lines().next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn without_a_fault_the_answer_is_right() {
    let desk = Desk::new(Dialect::V1).await;
    let (answer, closed) = bytes(&desk).await;
    assert_eq!(parts(&answer).0, 200);
    assert!(parts(&answer).2.contains("Ed25519"));
    assert!(!closed);
}

#[tokio::test]
async fn delay_gives_the_right_answer_late() {
    let desk = Desk::new(Dialect::V1).await;
    desk.cloud
        .control()
        .set_fault(Fault::new(FaultKind::Delay { ms: 400 }));
    let begun = Instant::now();
    let answer = desk.page("/.well-known/jwks.json").await;
    assert!(begun.elapsed() >= Duration::from_millis(400));
    assert_eq!(answer.body["keys"][0]["kty"], "OKP");
}

#[tokio::test]
async fn drop_closes_without_a_byte() {
    assert_eq!(under(FaultKind::Drop).await, (String::new(), true));
}

#[tokio::test]
async fn status_gives_that_status_with_a_proper_error() {
    for status in [400, 401, 403, 404, 408, 429, 500, 503, 599] {
        let (answer, _) = under(FaultKind::Status { status }).await;
        let (seen, head, body) = parts(&answer);
        assert_eq!(seen, status);
        assert!(head.contains("content-type: application/json"));
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!(
            (&body["ok"], &body["error"]["status"]),
            (&json!(false), &json!(status))
        );
    }
}

#[tokio::test]
async fn ok_false_says_so_on_200() {
    let (answer, _) = under(FaultKind::OkFalse).await;
    let (status, _, body) = parts(&answer);
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!((status, &body["ok"]), (200, &json!(false)));
    assert_eq!(body["error"]["code"], "fault");
}

#[tokio::test]
async fn html_is_a_page_where_json_should_be() {
    for (kind, expect) in [(FaultKind::Html, 502), (FaultKind::HtmlOk, 200)] {
        let (answer, _) = under(kind).await;
        let (status, head, body) = parts(&answer);
        assert_eq!(status, expect);
        assert!(head.contains("content-type: text/html"));
        assert!(body.starts_with("<!doctype html>"));
    }
}

#[tokio::test]
async fn truncated_is_whole_as_http_and_half_as_json() {
    let (answer, closed) = under(FaultKind::Truncated).await;
    let (status, head, body) = parts(&answer);
    assert_eq!((status, announced(&head)), (200, body.len()));
    let error = serde_json::from_str::<Value>(body).unwrap_err();
    assert!(error.is_eof() && !closed);
}

#[tokio::test]
async fn cut_closes_in_the_middle_of_the_body() {
    let (answer, closed) = under(FaultKind::Cut).await;
    let (status, head, body) = parts(&answer);
    assert_eq!((status, body), (200, "{\"ok\":true,"));
    assert!(announced(&head) > body.len() && closed);
}

#[tokio::test]
async fn empty_is_200_without_a_body() {
    let (answer, _) = under(FaultKind::Empty).await;
    let (status, head, body) = parts(&answer);
    assert_eq!((status, announced(&head), body), (200, 0, ""));
}

#[tokio::test]
async fn huge_is_hundreds_of_megabytes_without_saying_so() {
    let desk = Desk::new(Dialect::V1).await;
    desk.cloud.control().set_fault(Fault::new(FaultKind::Huge));
    let mut response = desk
        .http
        .get(desk.url("/.well-known/jwks.json"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (response.status().as_u16(), response.content_length()),
        (200, None)
    );
    let mut total = 0;
    while let Some(chunk) = response.chunk().await.unwrap() {
        total += chunk.len();
    }
    assert!(total > 300_000_000, "{total}");
}

#[tokio::test]
async fn wrong_types_is_json_with_each_member_of_another_type() {
    let (answer, _) = under(FaultKind::WrongTypes).await;
    let (status, _, body) = parts(&answer);
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!((status, &body["ok"]), (200, &json!(true)));
    assert!(body["data"]["user"].is_number() && body["data"]["session"].is_string());
    assert!(body["data"]["permissions"].is_string() && body["data"]["jwt"].is_object());
    assert!(body["sub"].is_number() && body["access_token"].is_number());
}

#[tokio::test]
async fn drip_sends_a_byte_now_and_then() {
    let desk = Desk::new(Dialect::V1).await;
    desk.cloud.control().set_fault(Fault::new(FaultKind::Drip));
    let begun = Instant::now();
    let mut response = desk
        .http
        .get(desk.url("/.well-known/jwks.json"))
        .send()
        .await
        .unwrap();
    let mut total = 0;
    while total < 3 {
        total += response.chunk().await.unwrap().unwrap().len();
    }
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(600), "{took:?}");
}

#[tokio::test]
async fn redirect_points_elsewhere() {
    for status in [301, 302, 303, 307, 308] {
        let location = String::from("https://evil.example/x");
        let (answer, _) = under(FaultKind::Redirect { status, location }).await;
        let (seen, head, _) = parts(&answer);
        assert_eq!(seen, status);
        assert!(head.contains("location: https://evil.example/x"));
    }
}

#[tokio::test]
async fn echo_secret_repeats_the_bearer() {
    let (answer, _) = under(FaultKind::EchoSecret).await;
    let (status, _, body) = parts(&answer);
    assert_eq!(status, 401);
    assert!(body.contains("Token secret-7 is not valid"));
}

#[tokio::test]
async fn a_fault_hits_its_endpoint_as_often_as_it_was_told_to() {
    for dialect in BOTH {
        let desk = Desk::new(dialect).await;
        let mei = desk.sign_in().await;
        let control = desk.cloud.control();
        let statuses = async || {
            let (verify, validate) = (desk.verify(&mei.token), desk.validate(&mei.token));
            [
                verify.send().await.status.as_u16(),
                validate.send().await.status.as_u16(),
            ]
        };
        control.set_fault(
            Fault::new(FaultKind::Status { status: 503 })
                .on("verify")
                .times(2),
        );
        for expect in [[503, 200], [503, 200], [200, 200]] {
            assert_eq!(statuses().await, expect);
        }
        control.set_fault(Fault::new(FaultKind::Status { status: 500 }));
        control.set_fault(
            Fault::new(FaultKind::Status { status: 429 })
                .on("validate")
                .times(1),
        );
        for expect in [[500, 429], [500, 500]] {
            assert_eq!(statuses().await, expect, "the newest first");
        }
        assert_eq!(desk.page("/").await.status, 200, "the pages go on");
        assert_eq!(
            desk.page(&desk.login_path("demo", crate::desk::APP, "s"))
                .await
                .status,
            200
        );
        control.clear_faults();
        assert_eq!(statuses().await, [200, 200]);
    }
}

#[tokio::test]
async fn an_answer_that_got_lost_was_still_given() {
    let desk = Desk::new(Dialect::V1).await;
    let mei = desk.sign_in().await;
    desk.cloud
        .control()
        .set_fault(Fault::new(FaultKind::Drop).on("destroy").times(1));
    assert!(
        desk.destroy(&mei.session, &mei.token)
            .request()
            .send()
            .await
            .is_err()
    );
    assert_eq!(
        desk.verify(&mei.token).send().await.status,
        200,
        "a fault answers instead"
    );
}

#[tokio::test]
async fn a_request_stops_at_a_byte_and_is_not_carried_out() {
    let desk = Desk::new(Dialect::V1).await;
    let control = desk.cloud.control();
    for at in [0, 400, 950, 1000] {
        for fault in [WireFault::Cut, WireFault::Reset, WireFault::Hold] {
            control.reset();
            let mei = desk.sign_in().await;
            let at = Place::Request(at);
            control.set_fault(Fault::new(FaultKind::Wire { at, fault }).on("destroy"));
            let verified = async || desk.verify(&mei.token).send().await.status;
            assert_eq!(verified().await, 200, "another endpoint");
            let request = desk.destroy(&mei.session, &mei.token).request();
            let sent = tokio::spawn(request.send());
            while desk.cloud.requests("wire") == 0 {
                assert!(!sent.is_finished(), "{at:?} {fault:?}");
                tokio::task::yield_now().await;
            }
            control.clear_faults();
            let answer = sent.await.unwrap().map(|answer| answer.status().as_u16());
            let is_alive = verified().await == 200;
            match fault {
                WireFault::Hold => assert_eq!((answer.unwrap(), is_alive), (200, false)),
                _ => {
                    assert!(
                        is_alive && answer.unwrap_err().is_request(),
                        "{at:?} {fault:?}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn a_request_that_is_reset_is_told_so() {
    let desk = Desk::new(Dialect::V1).await;
    for (fault, is_reset) in [(WireFault::Cut, false), (WireFault::Reset, true)] {
        let at = Place::Request(500);
        let kind = FaultKind::Wire { at, fault };
        desk.cloud.control().set_fault(Fault::new(kind).times(1));
        let mut answer = Vec::new();
        let read = ask(&desk).await.read_to_end(&mut answer).await;
        assert_eq!((read.is_err(), answer.len()), (is_reset, 0), "{fault:?}");
    }
    let (answer, _) = bytes(&desk).await;
    assert_eq!(parts(&answer).0, 200, "each was for one request");
}

#[tokio::test]
async fn each_fault_can_be_switched_off_alone() {
    let desk = Desk::new(Dialect::V1).await;
    for kind in ["html", "drop", "html"] {
        let fault = json!({ "kind": kind, "endpoint": "verify" });
        desk.admin(Method::POST, "faults", Some(fault)).await;
    }
    let on = desk.admin(Method::GET, "faults", None).await.body;
    let id = |at: usize| format!("faults/{}", on["faults"][at]["id"]);
    let left = desk.admin(Method::DELETE, &id(1), None).await.body;
    assert_eq!(left["faults"], json!([on["faults"][0], on["faults"][2]]));
    let left = desk.admin(Method::DELETE, &id(0), None).await.body;
    assert_eq!(left["faults"], json!([on["faults"][2]]));
    for path in [id(0), "faults/99".into()] {
        let answer = desk.admin(Method::DELETE, &path, None).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text);
    }
    desk.admin(Method::POST, "faults", Some(json!({ "kind": "cut" })))
        .await;
    let on = desk.admin(Method::GET, "faults", None).await.body;
    assert_eq!(on["faults"][1]["id"], 4, "no number is given twice");
}

#[tokio::test]
async fn each_fault_can_be_switched_on_by_its_name() {
    let desk = Desk::new(Dialect::V1).await;
    for fault in [
        json!({ "kind": "delay", "ms": 5 }),
        json!({ "kind": "drop" }),
        json!({ "kind": "status", "status": 503 }),
        json!({ "kind": "ok_false", "times": 3 }),
        json!({ "kind": "html", "endpoint": "verify" }),
        json!({ "kind": "html_ok", "endpoint": "jwks", "times": 1 }),
        json!({ "kind": "truncated" }),
        json!({ "kind": "cut" }),
        json!({ "kind": "empty" }),
        json!({ "kind": "huge" }),
        json!({ "kind": "wrong_types" }),
        json!({ "kind": "drip" }),
        json!({ "kind": "redirect", "status": 302, "location": "/x" }),
        json!({ "kind": "echo_secret" }),
        json!({ "kind": "lost" }),
        json!({ "kind": "bare_error", "status": 401 }),
        json!({ "kind": "text_error", "status": 503 }),
        json!({ "kind": "without", "member": "data" }),
        json!({ "kind": "wire", "at": { "body": 1000 }, "fault": { "corrupt": 1 } }),
        json!({ "kind": "wire", "at": { "request": 1000 }, "fault": "cut" }),
    ] {
        let answer = desk
            .admin(Method::POST, "faults", Some(fault.clone()))
            .await;
        assert_eq!(answer.status, 200, "{fault}: {}", answer.text);
        let shown = &answer.body["faults"][0];
        for (name, value) in fault.as_object().unwrap() {
            assert_eq!(&shown[name], value, "{fault}");
        }
        assert!(shown["id"].is_u64(), "{shown}");
        let cleared = desk.admin(Method::DELETE, "faults", None).await;
        assert_eq!(cleared.body, json!({ "faults": [] }));
    }
    for fault in [
        json!({ "kind": "surprise" }),
        json!({ "kind": "status" }),
        json!({ "kind": "status", "status": 200 }),
        json!({ "kind": "status", "status": 600 }),
        json!({ "kind": "text_error", "status": 200 }),
        json!({ "kind": "without" }),
        json!({ "kind": "redirect", "status": 304, "location": "/x" }),
        json!({ "kind": "drop", "endpoint": "login" }),
        json!({ "kind": "drop", "times": 0 }),
        json!({ "kind": "drop", "time": 1 }),
        json!({ "kind": "wire", "at": { "body": 1001 }, "fault": "cut" }),
        json!({ "kind": "wire", "at": { "request": 1001 }, "fault": "cut" }),
        json!({ "kind": "wire", "at": { "request": 0 }, "fault": "duplicate" }),
    ] {
        let answer = desk
            .admin(Method::POST, "faults", Some(fault.clone()))
            .await;
        assert!(answer.status.is_client_error(), "{fault}: {}", answer.text);
        let on = desk.admin(Method::GET, "faults", None).await;
        assert_eq!(on.body, json!({ "faults": [] }), "{fault}");
    }
}
