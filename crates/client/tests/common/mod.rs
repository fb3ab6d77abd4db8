//! A Cloud on loopback, apps in front of it, and people with browsers. Everything goes over sockets.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what a test does not expect fails it"
)]
#![allow(dead_code, reason = "each test uses its part of it")]

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::response::sse::{Event, Sse};
use axum::routing::{delete, get};
use mastra_auth_cloud::axum::{AuthLayer, CurrentUser, Permission, RequirePermission, routes};
use mastra_auth_cloud::login::{RedirectUri, ReturnPath, State};
use mastra_auth_cloud::{
    AuthBuilder, Authentication, Dialect, MastraCloudAuth, Policy, SessionToken,
};
use mastra_auth_local_cloud::{LocalCloud, Options};
use reqwest::header::{
    ACCEPT, CONTENT_TYPE, COOKIE, HeaderMap, HeaderValue, LOCATION, ORIGIN, SET_COOKIE,
};
use reqwest::{Method, StatusCode};
use tokio::task::JoinHandle;

/// The four people of the default seed by handle, and their ids.
pub(crate) const PEOPLE: [(&str, &str); 4] = [
    ("owner", "usr_olivia"),
    ("admin", "usr_anders"),
    ("member", "usr_mei"),
    ("viewer", "usr_victor"),
];

pub(crate) const DIALECTS: [Dialect; 3] = [Dialect::V1, Dialect::Pkce, Dialect::Platform];

/// What an endpoint of the others is in the dialect, for the session of a browser.
pub(crate) fn endpoint(dialect: Dialect, name: &'static str) -> &'static str {
    match (dialect, name) {
        (Dialect::Platform, "exchange" | "verify") => "me",
        (Dialect::Platform, "validate") => "refresh",
        (Dialect::Platform, "destroy") => "logout",
        _ => name,
    }
}

/// The parameter of a callback that binds it to a browser: the platform replaces the state.
pub(crate) fn state_name(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Platform => "mastra_state",
        _ => "state",
    }
}

/// The base name of the session cookie.
pub(crate) fn cookie_name(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Platform => "wos-session",
        _ => "mastra_session",
    }
}

/// A session of this person as a browser has it: a token, or on the platform the sealed session.
pub(crate) fn session_of(cloud: &LocalCloud, person: &str) -> SessionToken {
    let signed_in = cloud.control().sign_in_as(person).unwrap();
    match &signed_in.sealed_session {
        Some(sealed) => SessionToken::sealed(sealed).unwrap(),
        None => SessionToken::parse(&signed_in.token).unwrap(),
    }
}

/// A browser with such a session.
pub(crate) fn browser_of(cloud: &LocalCloud, dialect: Dialect, person: &str) -> Browser {
    let mut browser = Browser::default();
    let session = session_of(cloud, person).expose().to_owned();
    browser.jar.insert(cookie_name(dialect).into(), session);
    browser
}

pub(crate) async fn cloud(dialect: Dialect) -> LocalCloud {
    cloud_with(dialect, |_| {}).await
}

pub(crate) async fn cloud_with(dialect: Dialect, change: impl FnOnce(&mut Options)) -> LocalCloud {
    let mut options = Options::default();
    options.port = 0;
    options.dialect = match dialect {
        Dialect::Pkce => mastra_auth_local_cloud::Dialect::Pkce,
        Dialect::Platform => mastra_auth_local_cloud::Dialect::Platform,
        _ => mastra_auth_local_cloud::Dialect::V1,
    };
    change(&mut options);
    LocalCloud::start(options).await.unwrap()
}

/// A protected service that listens.
pub(crate) struct App {
    /// Where it listens; browsers may know it by another name.
    pub(crate) url: String,
    pub(crate) auth: MastraCloudAuth,
    task: JoinHandle<()>,
}

impl App {
    /// A service of the project `demo` at its own address.
    pub(crate) async fn start(cloud: &LocalCloud, dialect: Dialect) -> Self {
        Self::with(|url| {
            MastraCloudAuth::builder()
                .project_id("demo")
                .base_url(cloud.url())
                .public_url(url)
                .dialect(dialect)
                .policy(patient())
        })
        .await
    }

    /// A service whose options may depend on its address.
    pub(crate) async fn with(options: impl FnOnce(&str) -> AuthBuilder) -> Self {
        Self::built(options, router).await
    }

    /// A service of the project `demo` with routes of its own.
    pub(crate) async fn serving(
        cloud: &LocalCloud,
        router: impl FnOnce(&MastraCloudAuth) -> Router,
    ) -> Self {
        let options = |url: &str| {
            MastraCloudAuth::builder()
                .project_id("demo")
                .base_url(cloud.url())
                .public_url(url)
        };
        Self::built(options, router).await
    }

    /// A service whose options may depend on its address, with routes of its own.
    pub(crate) async fn built(
        options: impl FnOnce(&str) -> AuthBuilder,
        router: impl FnOnce(&MastraCloudAuth) -> Router,
    ) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let auth = options(&url).build().unwrap();
        let router = router(&auth);
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, auth, task }
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) struct DeleteAgents;

impl Permission for DeleteAgents {
    const NAME: &'static str = "agents:delete";
}

/// One route of each kind.
pub(crate) fn router(auth: &MastraCloudAuth) -> Router {
    let closed = Router::new()
        .route(
            "/agents",
            get(|user: CurrentUser| async move { user.id().as_str().to_owned() }),
        )
        .route(
            "/agents/demo",
            delete(|_: RequirePermission<DeleteAgents>| async { "deleted" }),
        )
        .route(
            "/events",
            get(|_: CurrentUser| async { Sse::new(one_event()) }),
        )
        .layer(AuthLayer::required(auth.clone()));
    let open = Router::new()
        .route(
            "/",
            get(|user: Option<CurrentUser>| async move {
                user.map_or_else(|| "nobody".to_owned(), |user| user.id().as_str().to_owned())
            }),
        )
        .layer(AuthLayer::optional(auth.clone()));
    closed.merge(open).merge(routes(auth).unwrap())
}

fn one_event() -> impl futures_util::Stream<Item = Result<Event, std::convert::Infallible>> {
    futures_util::stream::iter([Ok(Event::default().data("hello"))])
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Page {
    pub(crate) fn location(&self) -> &str {
        self.headers
            .get(LOCATION)
            .unwrap_or_else(|| panic!("no location: {self:?}"))
            .to_str()
            .unwrap()
    }

    pub(crate) fn cookies(&self) -> Vec<&str> {
        self.headers
            .get_all(SET_COOKIE)
            .iter()
            .map(|value| value.to_str().unwrap())
            .collect()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// The code of an error, in JSON or on a page.
    pub(crate) fn code(&self) -> String {
        if self.body.starts_with('{') {
            return self.json()["error"]["code"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
        }
        let after = self
            .body
            .split("<code>")
            .nth(1)
            .unwrap_or_else(|| panic!("no code: {self:?}"));
        after.split("</code>").next().unwrap().to_owned()
    }
}

/// Cookies in the order of their creation, which is the order in which browsers send them.
#[derive(Clone, Default)]
pub(crate) struct Jar(Vec<(String, String)>);

impl Jar {
    pub(crate) fn insert(&mut self, name: String, value: String) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| known != name);
    }

    fn iter(&self) -> impl Iterator<Item = &(String, String)> {
        self.0.iter()
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        self.iter().map(|(name, _)| name.as_str()).collect()
    }
}

/// A browser as far as sign-in goes: it keeps the cookies of `localhost`, whatever the port, and is sent nowhere by itself.
#[derive(Clone)]
pub(crate) struct Browser {
    http: reqwest::Client,
    pub(crate) jar: Jar,
}

impl Default for Browser {
    fn default() -> Self {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        Self {
            http: http.timeout(Duration::from_mins(1)).build().unwrap(),
            jar: Jar::default(),
        }
    }
}

impl Browser {
    pub(crate) fn cookie_header(&self) -> String {
        let pairs: Vec<_> = self
            .jar
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }

    /// What the cookie of this name holds, whatever prefix it has.
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        self.jar
            .iter()
            .find(|(key, _)| key.ends_with(name))
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn session(&self) -> Option<&str> {
        // The name of the deployment's own is longer than the one that it falls back to.
        let cookies = self
            .jar
            .iter()
            .filter(|(key, _)| key.contains("mastra_session") || key.contains("wos-session"));
        let (_, value) = cookies.max_by_key(|(key, _)| key.len())?;
        Some(value)
    }

    /// A person goes there.
    pub(crate) async fn open(&mut self, url: &str) -> Page {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, "text/html".parse().unwrap());
        headers.insert("sec-fetch-mode", "navigate".parse().unwrap());
        self.send(Method::GET, url, headers, &[]).await
    }

    /// A script calls it.
    pub(crate) async fn fetch(&mut self, url: &str) -> Page {
        let mut headers = HeaderMap::new();
        headers.insert("sec-fetch-mode", "cors".parse().unwrap());
        self.send(Method::GET, url, headers, &[]).await
    }

    /// A form of the same origin is sent.
    pub(crate) async fn submit(&mut self, url: &str, form: &[(&str, &str)]) -> Page {
        let mut headers = HeaderMap::new();
        let origin = url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        headers.insert(ACCEPT, "text/html".parse().unwrap());
        headers.insert(ORIGIN, origin.parse().unwrap());
        headers.insert("sec-fetch-site", "same-origin".parse().unwrap());
        self.send(Method::POST, url, headers, form).await
    }

    pub(crate) async fn send(
        &mut self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        form: &[(&str, &str)],
    ) -> Page {
        let mut request = self.http.request(method, url).headers(headers);
        if !self.jar.names().is_empty() {
            request = request.header(COOKIE, self.cookie_header());
        }
        if !form.is_empty() {
            let pairs: Vec<_> = form
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            request = request
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(pairs.join("&"));
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let page = Page {
            status,
            headers,
            body: response.text().await.unwrap(),
        };
        for line in page.cookies() {
            let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
            let (name, value) = pair.split_once('=').unwrap();
            if attributes
                .split(';')
                .any(|one| one.trim().eq_ignore_ascii_case("max-age=0"))
            {
                self.jar.remove(name);
            } else {
                self.jar.insert(name.to_owned(), value.to_owned());
            }
        }
        page
    }

    /// Begins a sign-in; answers the Cloud's address to go to.
    pub(crate) async fn begin(&mut self, app: &str, return_to: &str) -> String {
        // As one that was sent to the public URL: an instance of ours may listen under another name.
        let page = self
            .open(&format!(
                "{app}/auth/login?return_to={return_to}&at=public-url"
            ))
            .await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{page:?}");
        page.location().to_owned()
    }

    /// Picks a person on the Cloud's page; answers the callback's address.
    pub(crate) async fn pick(&mut self, cloud: &LocalCloud, login: &str, person: &str) -> String {
        let page = self.open(login).await;
        let page = self.within(cloud, page).await;
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        let number = page.body.split("name=\"number\" value=\"").nth(1).unwrap();
        let number = number.split('"').next().unwrap().to_owned();
        let id = if person.is_empty() {
            String::new()
        } else {
            let mark = format!("\" data-person=\"{person}\"");
            let (before, _) = page.body.split_once(&mark).unwrap();
            before.rsplit("value=\"").next().unwrap().to_owned()
        };
        let form = page.body.split("method=\"post\" action=\"").nth(1).unwrap();
        let url = format!("{}{}", cloud.url(), form.split('"').next().unwrap());
        let page = self
            .submit(&url, &[("number", &number), ("person", &id)])
            .await;
        let page = self.within(cloud, page).await;
        assert!(page.status.is_redirection(), "{page:?}");
        page.location().to_owned()
    }

    /// Follows redirects within the Cloud: the platform sends the browser to its identity service, and back.
    async fn within(&mut self, cloud: &LocalCloud, mut page: Page) -> Page {
        while page.status.is_redirection() && page.location().starts_with('/') {
            page = self
                .open(&format!("{}{}", cloud.url(), page.location()))
                .await;
        }
        page
    }

    /// From the app to the Cloud and as far as the callback's address, which is not opened.
    pub(crate) async fn almost(&mut self, app: &App, cloud: &LocalCloud, person: &str) -> String {
        let login = self.begin(&app.url, "/").await;
        self.pick(cloud, &login, person).await
    }

    /// The whole sign-in.
    pub(crate) async fn sign_in(&mut self, app: &App, cloud: &LocalCloud, person: &str) -> Page {
        let callback = self.almost(app, cloud, person).await;
        let page = self.open(&callback).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{page:?}");
        page
    }

    pub(crate) async fn sign_out(&mut self, app: &App) -> Page {
        self.submit(&app.at("/auth/logout"), &[]).await
    }

    /// The user that the app names, `-` without one.
    pub(crate) async fn me(&mut self, app: &App) -> String {
        let page = self.fetch(&app.at("/auth/me")).await;
        match page.status {
            StatusCode::OK => page.json()["id"].as_str().unwrap().to_owned(),
            StatusCode::UNAUTHORIZED => "-".to_owned(),
            status => panic!("{status}: {page:?}"),
        }
    }
}

/// The parameter of an address.
pub(crate) fn parameter(url: &str, name: &str) -> String {
    let url = reqwest::Url::parse(url).unwrap();
    let found = url.query_pairs().find(|(key, _)| key == name);
    found.unwrap_or_else(|| panic!("no {name}")).1.into_owned()
}

/// The address with another value in one parameter.
pub(crate) fn with_parameter(url: &str, name: &str, value: &str) -> String {
    let mut url = reqwest::Url::parse(url).unwrap();
    let pairs: Vec<_> = url
        .query_pairs()
        .into_owned()
        .filter(|(key, _)| key != name)
        .collect();
    url.query_pairs_mut()
        .clear()
        .extend_pairs(pairs)
        .append_pair(name, value);
    url.to_string()
}

/// The same address at another app.
pub(crate) fn at_instance(url: &str, app: &App) -> String {
    let (_, path) = url.split_once("://").unwrap().1.split_once('/').unwrap();
    format!("{}/{path}", app.url)
}

/// A Cloud and an app in front of it.
pub(crate) async fn desk() -> (LocalCloud, App) {
    let cloud = cloud(Dialect::V1).await;
    let app = App::start(&cloud, Dialect::V1).await;
    (cloud, app)
}

pub(crate) fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

/// A request without a session, with these headers.
pub(crate) async fn ask(app: &App, path: &str, pairs: &[(&'static str, &str)]) -> Page {
    Browser::default()
        .send(Method::GET, &app.at(path), headers(pairs), &[])
        .await
}

pub(crate) fn provider(cloud: &LocalCloud, dialect: Dialect, policy: Policy) -> MastraCloudAuth {
    let options = MastraCloudAuth::builder()
        .project_id("demo")
        .base_url(cloud.url());
    options.dialect(dialect).policy(policy).build().unwrap()
}

/// The default policy on a machine that is busy: a call that comes late is waited for.
pub(crate) fn patient() -> Policy {
    let mut policy = Policy::default();
    policy.call_timeout = Duration::from_secs(30);
    policy.exchange_timeout = Duration::from_secs(30);
    policy
}

/// A policy under which a test need not wait long for a time to pass.
pub(crate) fn brisk() -> Policy {
    let mut policy = patient();
    policy.fresh = Duration::from_millis(300);
    policy.stale_if_error = Duration::from_millis(1_500);
    policy.refused = Duration::from_millis(300);
    policy.breaker_pause = Duration::from_millis(200);
    policy
}

pub(crate) async fn app(cloud: &LocalCloud, dialect: Dialect, policy: Policy) -> App {
    App::with(|url| {
        MastraCloudAuth::builder()
            .project_id("demo")
            .base_url(cloud.url())
            .public_url(url)
            .dialect(dialect)
            .policy(policy)
    })
    .await
}

/// Tries until it is so; a minute without that fails the test.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(
            begun.elapsed() < Duration::from_mins(1),
            "not within a minute: {what}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) fn id(answer: &Authentication) -> &str {
    match answer {
        Authentication::Authenticated(identity) => identity.user().id().as_str(),
        other => panic!("{other:?}"),
    }
}

/// A sign-in of a service without routes, as far as the callback: its code, its state and the browser's cookie.
pub(crate) async fn almost_in(auth: &MastraCloudAuth, cloud: &LocalCloud) -> [String; 3] {
    let redirect_uri = RedirectUri::parse("http://localhost:4111/auth/callback").unwrap();
    let start = auth.begin_login(&redirect_uri, ReturnPath::default(), None);
    let start = start.unwrap();
    let location = start.location.expose();
    let callback = Browser::default().pick(cloud, location, "member").await;
    let cookie = start.cookies[0].expose().split(';').next().unwrap();
    [
        parameter(&callback, "code"),
        parameter(&callback, "state"),
        cookie.to_owned(),
    ]
}

/// What comes of such a callback: `-`, or the code of the error.
pub(crate) async fn finish(
    auth: &MastraCloudAuth,
    code: &str,
    state: &str,
    cookie: &str,
) -> String {
    let state = State::parse(state, None).unwrap();
    let finished = auth.finish_login(code, state, cookie).await;
    finished.map_or_else(|error| error.code().to_owned(), |_| "-".to_owned())
}

/// A free port below those that the system hands out, for a program that is told where to listen: until it does, no connection and no
/// server of another test is given this one. Processes that run side by side begin far apart.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let turn = std::process::id().wrapping_mul(97);
        let turn = turn.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(20_000 + turn % 10_000).unwrap();
        if TcpListener::bind(("0.0.0.0", port)).is_ok() {
            return port;
        }
    }
}
