//! A local Cloud and a browserless browser at it: signs in by the login page's form, calls the API, follows no redirect.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mastra_auth_local_cloud::{Dialect, LocalCloud, Options};
use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use url::Url;
use url::form_urlencoded::Serializer;

pub(crate) const BOTH: [Dialect; 2] = [Dialect::V1, Dialect::Pkce];
pub(crate) const ALL: [Dialect; 3] = [Dialect::V1, Dialect::Pkce, Dialect::Platform];
pub(crate) const APP: &str = "http://localhost:5000/callback";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

pub(crate) struct Desk {
    pub(crate) cloud: LocalCloud,
    pub(crate) dialect: Dialect,
    pub(crate) http: Client,
}

/// An answer of the API.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) body: Value,
}

/// A call of the API, before it is sent.
#[derive(Clone)]
pub(crate) struct Call {
    http: Client,
    method: Method,
    url: String,
    token: Option<String>,
    project: Option<String>,
    body: Option<Value>,
}

/// A person who has signed in.
#[derive(Debug)]
pub(crate) struct SignedIn {
    pub(crate) token: String,
    pub(crate) session: String,
    pub(crate) user: String,
}

impl Desk {
    pub(crate) async fn new(dialect: Dialect) -> Self {
        Self::with(dialect, |_| {}).await
    }

    pub(crate) async fn with(dialect: Dialect, change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options::default();
        options.port = 0;
        options.dialect = dialect;
        change(&mut options);
        let cloud = LocalCloud::start(options).await.unwrap();
        let http = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self {
            cloud,
            dialect,
            http,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.cloud.url())
    }

    /// A page as it is, or where it sends the browser.
    pub(crate) async fn page(&self, path: &str) -> Answer {
        Answer::read(self.http.get(self.url(path)).send().await.unwrap()).await
    }

    pub(crate) fn login_path(&self, project: &str, redirect_uri: &str, state: &str) -> String {
        let mut query = Serializer::new(String::new());
        query
            .append_pair("project_id", project)
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("state", state);
        if self.dialect == Dialect::Pkce {
            query
                .append_pair("code_challenge", &challenge(VERIFIER))
                .append_pair("code_challenge_method", "S256");
        }
        format!("/auth/oss?{}", query.finish())
    }

    /// Sends the login page's form; `person` is an id, or empty to deny.
    pub(crate) async fn decide(&self, page: &Answer, person: &str) -> Answer {
        let sent = self
            .http
            .post(self.url("/auth/oss"))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", self.cloud.url())
            .header("sec-fetch-site", "same-origin")
            .body(form(&[("number", &number(page)), ("person", person)]))
            .send()
            .await
            .unwrap();
        Answer::read(sent).await
    }

    /// A code for Mei, through the login page.
    pub(crate) async fn code(&self) -> String {
        self.code_for("demo", APP, "usr_mei").await
    }

    pub(crate) async fn code_for(&self, project: &str, redirect_uri: &str, person: &str) -> String {
        let page = self
            .page(&self.login_path(project, redirect_uri, "a state"))
            .await;
        assert_eq!(page.status, 200, "{}", page.text);
        let back = self.decide(&page, person).await.location();
        assert_eq!(query(&back, "state").as_deref(), Some("a state"));
        query(&back, "code").unwrap()
    }

    pub(crate) async fn sign_in(&self) -> SignedIn {
        self.sign_in_as("usr_mei").await
    }

    pub(crate) async fn sign_in_as(&self, person: &str) -> SignedIn {
        let code = self.code_for("demo", APP, person).await;
        let answer = self.exchange(&code).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.signed_in()
    }

    pub(crate) fn call(&self, method: Method, path: &str) -> Call {
        Call {
            http: self.http.clone(),
            method,
            url: self.url(path),
            token: None,
            project: Some("demo".into()),
            body: None,
        }
    }

    fn api(&self, path: &str) -> String {
        match self.dialect {
            Dialect::Pkce => path.into(),
            _ => format!("/api/v1{path}"),
        }
    }

    pub(crate) fn exchange(&self, code: &str) -> Call {
        self.call(Method::POST, &self.api("/auth/callback"))
            .body(match self.dialect {
                Dialect::Pkce => {
                    json!({ "code": code, "redirect_uri": APP, "code_verifier": VERIFIER })
                }
                _ => json!({ "code": code }),
            })
    }

    fn with_token(&self, path: &str, token: &str) -> Call {
        let call = self.call(Method::POST, &self.api(path)).token(token);
        match self.dialect {
            Dialect::Pkce => call,
            _ => call.body(json!({ "token": token })),
        }
    }

    pub(crate) fn verify(&self, token: &str) -> Call {
        self.with_token("/auth/verify", token)
    }

    pub(crate) fn validate(&self, token: &str) -> Call {
        self.with_token("/auth/session/validate", token)
    }

    pub(crate) fn destroy(&self, session: &str, token: &str) -> Call {
        let call = self
            .call(Method::POST, &self.api("/auth/session/destroy"))
            .token(token);
        match self.dialect {
            Dialect::Pkce => call.project(None),
            _ => call.body(json!({ "sessionId": session })),
        }
    }

    pub(crate) fn user(&self, id: &str, token: &str) -> Call {
        self.call(Method::GET, &format!("/api/v1/users/{id}"))
            .token(token)
    }

    pub(crate) fn permissions(&self, id: &str, token: &str) -> Call {
        self.call(Method::GET, &format!("/api/v1/users/{id}/permissions"))
            .token(token)
    }

    /// An admin route, as the admin page calls it.
    pub(crate) async fn admin(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let request = self
            .http
            .request(method, self.url(&format!("/admin/api/{path}")))
            .header("origin", self.cloud.url());
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        Answer::read(request.send().await.unwrap()).await
    }
}

impl Call {
    pub(crate) fn token(self, token: &str) -> Self {
        Self {
            token: Some(token.into()),
            ..self
        }
    }

    pub(crate) fn without_token(self) -> Self {
        Self {
            token: None,
            ..self
        }
    }

    pub(crate) fn project(self, project: Option<&str>) -> Self {
        Self {
            project: project.map(str::to_owned),
            ..self
        }
    }

    pub(crate) fn body(self, body: Value) -> Self {
        Self {
            body: Some(body),
            ..self
        }
    }

    /// The body with another value for one member; null takes the member out.
    pub(crate) fn member(mut self, name: &str, value: Value) -> Self {
        if let Some(Value::Object(body)) = &mut self.body {
            if value.is_null() {
                body.remove(name);
            } else {
                body.insert(name.into(), value);
            }
        }
        self
    }

    pub(crate) fn request(self) -> reqwest::RequestBuilder {
        let mut request = self.http.request(self.method, self.url);
        if let Some(token) = self.token {
            request = request.bearer_auth(token);
        }
        if let Some(project) = self.project {
            request = request.header("x-project-id", project);
        }
        match self.body {
            Some(body) => request.json(&body),
            None => request,
        }
    }

    /// With this body, of any kind.
    pub(crate) async fn raw(self, kind: &str, body: &str) -> Answer {
        let bare = Self { body: None, ..self };
        let request = bare.request().header("content-type", kind);
        Answer::read(request.body(body.to_owned()).send().await.unwrap()).await
    }

    pub(crate) async fn send(self) -> Answer {
        Answer::read(self.request().send().await.unwrap()).await
    }
}

impl Answer {
    pub(crate) async fn read(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self {
            status,
            headers,
            text,
            body,
        }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map(|value| value.to_str().unwrap())
            .unwrap_or_default()
    }

    pub(crate) fn location(&self) -> Url {
        assert_eq!(self.status, 303, "{}", self.text);
        Url::parse(self.headers[LOCATION].to_str().unwrap()).unwrap()
    }

    /// The error code, in whichever dialect.
    pub(crate) fn code(&self) -> &str {
        let error = self.body.get("error").unwrap_or(&self.body);
        error
            .get("code")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    pub(crate) fn signed_in(&self) -> SignedIn {
        let data = self.body.get("data").unwrap_or(&self.body);
        let token = data.get("jwt").or_else(|| data.get("access_token"));
        let token = token.and_then(Value::as_str).unwrap().to_owned();
        let claims = claims(&token);
        SignedIn {
            session: claims["sid"].as_str().unwrap().into(),
            user: claims["sub"].as_str().unwrap().into(),
            token,
        }
    }

    /// Status and code at once.
    pub(crate) fn is(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status.as_u16(), self.code()),
            (status, code),
            "{}",
            self.text
        );
    }
}

pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// The number that a login page's form carries.
pub(crate) fn number(page: &Answer) -> String {
    let (_, rest) = page.text.split_once("name=\"number\" value=\"").unwrap();
    rest.split('"').next().unwrap().into()
}

pub(crate) fn query(url: &Url, name: &str) -> Option<String> {
    url.query_pairs()
        .find(|(own, _)| own == name)
        .map(|(_, value)| value.into_owned())
}

/// What a token says, unchecked.
pub(crate) fn claims(token: &str) -> Value {
    part(token, 1)
}

/// A token's header.
pub(crate) fn header(token: &str) -> Value {
    part(token, 0)
}

fn part(token: &str, place: usize) -> Value {
    let text = token.split('.').nth(place).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
}

pub(crate) fn challenge(verifier: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
    URL_SAFE_NO_PAD.encode(digest)
}
