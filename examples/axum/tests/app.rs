//! The example does what its guide says, against a Cloud on loopback.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "what a test does not expect fails it"
)]

use std::time::Duration;

use axum::http::HeaderValue;
use futures_util::StreamExt as _;
use mastra_auth_cloud::{MastraCloudAuth, SessionToken, SignOut};
use mastra_auth_example_axum::{AppState, app};
use mastra_auth_local_cloud::{LocalCloud, Options};
use reqwest::{Client, Method, RequestBuilder, Response};
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

const UI: &str = "https://ui.example";
/// Longer than any step takes, even on a slow machine.
const EVER: Duration = Duration::from_secs(60);

struct Shop {
    url: String,
    cloud: LocalCloud,
    auth: MastraCloudAuth,
}

async fn shop() -> Shop {
    let mut options = Options::default();
    options.port = 0;
    let cloud = LocalCloud::start(options).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    let auth = MastraCloudAuth::builder()
        .project_id("demo")
        .base_url(cloud.url())
        .public_url(&*url);
    let auth = auth.build().unwrap();
    let state = AppState {
        name: "The shop",
        news: broadcast::Sender::new(16),
    };
    let app = app(&auth, state, HeaderValue::from_static(UI)).unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    Shop { url, cloud, auth }
}

impl Shop {
    fn token(&self, person: &str) -> String {
        let hour = Duration::from_hours(1);
        self.cloud.control().sign_in(person, hour).unwrap()
    }

    fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none());
        let client = client.build().unwrap();
        client.request(method, format!("{}{path}", self.url))
    }

    async fn get(&self, path: &str, token: &str) -> Response {
        let cookie = format!("mastra_session={token}");
        let request = self.ask(Method::GET, path).header("cookie", cookie);
        request.send().await.unwrap()
    }

    async fn sign_out(&self, token: &str) {
        let token = SessionToken::parse(token).unwrap();
        let answer = self.auth.sign_out(&token).await;
        assert!(matches!(answer, SignOut::Ended), "{answer:?}");
    }
}

#[tokio::test]
async fn the_home_page_is_for_everybody_and_shows_the_way_in_or_out() {
    let shop = shop().await;
    let page = shop.ask(Method::GET, "/").send().await.unwrap();
    let page = page.text().await.unwrap();
    assert!(page.contains("href=\"/auth/login\"") && page.contains("The shop"));
    let page = shop.get("/", &shop.token("viewer")).await;
    let page = page.text().await.unwrap();
    assert!(page.contains("action=\"/auth/logout\"") && !page.contains("Publish"));
    let page = shop.get("/", &shop.token("owner")).await;
    assert!(page.text().await.unwrap().contains("Publish"));
}

#[tokio::test]
async fn what_is_closed_asks_who_it_is_and_what_they_may_do() {
    let shop = shop().await;
    let page = shop.ask(Method::GET, "/agents");
    let page = page.header("accept", "text/html").send().await.unwrap();
    assert_eq!(
        page.headers()["location"],
        "/auth/login?return_to=%2Fagents"
    );
    let page = shop.get("/agents", &shop.token("viewer")).await;
    assert_eq!(page.text().await.unwrap(), "agents of usr_victor");
    for (person, status) in [("owner", 200), ("viewer", 403)] {
        let request = shop.ask(Method::POST, "/news");
        let answer = request.bearer_auth(shop.token(person)).send().await;
        assert_eq!(answer.unwrap().status(), status, "{person}");
    }
}

#[tokio::test]
async fn a_page_elsewhere_may_ask_and_read_the_refusal() {
    let shop = shop().await;
    let preflight = shop
        .ask(Method::OPTIONS, "/agents")
        .header("origin", UI)
        .header("access-control-request-method", "GET");
    let answer = preflight.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["access-control-allow-origin"], UI);
    let request = shop.ask(Method::GET, "/agents").header("origin", UI);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.headers()["access-control-allow-origin"], UI);
}

#[tokio::test]
async fn a_stream_of_events_ends_with_its_session() {
    let shop = shop().await;
    let token = shop.token("member");
    let mut stream = shop.get("/events", &token).await;
    let publish = shop.ask(Method::POST, "/news");
    let publish = publish.bearer_auth(shop.token("owner"));
    assert_eq!(publish.send().await.unwrap().status(), 200);
    assert_eq!(
        next_event(&mut stream).await.unwrap(),
        "data: news from usr_olivia\n\n"
    );
    shop.sign_out(&token).await;
    assert_eq!(next_event(&mut stream).await, None);
}

/// The next event of a stream that is not a keep-alive comment; `None` at its end.
async fn next_event(stream: &mut Response) -> Option<String> {
    loop {
        let chunk = timeout(EVER, stream.chunk()).await.unwrap().unwrap()?;
        if chunk.starts_with(b"data:") {
            return Some(String::from_utf8(chunk.to_vec()).unwrap());
        }
    }
}

#[tokio::test]
async fn a_web_socket_ends_with_its_session() {
    let shop = shop().await;
    let token = shop.token("member");
    let url = format!("{}/socket", shop.url.replace("http:", "ws:"));
    let mut request = url.into_client_request().unwrap();
    let refused = tokio_tungstenite::connect_async(request.clone()).await;
    assert!(refused.is_err(), "without a session");
    let cookie = format!("mastra_session={token}").parse().unwrap();
    request.headers_mut().insert("cookie", cookie);
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    let publish = shop.ask(Method::POST, "/news");
    let publish = publish.bearer_auth(shop.token("owner"));
    assert_eq!(publish.send().await.unwrap().status(), 200);
    let next = timeout(EVER, socket.next()).await.unwrap();
    assert_eq!(
        next.unwrap().unwrap(),
        Message::text("news from usr_olivia")
    );
    shop.sign_out(&token).await;
    let next = timeout(EVER, socket.next()).await.unwrap();
    assert!(matches!(next, Some(Ok(Message::Close(_)))), "{next:?}");
}
