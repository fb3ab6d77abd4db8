//! As much of a browser as a sign-in takes: it holds cookies, follows nothing by itself, and fills in the login page.

use std::collections::BTreeMap;

use reqwest::header::{COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Method, StatusCode};
use url::Url;

pub(crate) struct Browser {
    client: reqwest::Client,
    /// Name to path and value. Ports do not part cookies (RFC 6265 section 8.5), so `localhost` has one jar.
    jar: BTreeMap<String, (String, String)>,
    /// Every address that was asked for or pointed to.
    pub(crate) visited: Vec<String>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Page {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn location(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.text);
        self.header(LOCATION.as_str())
    }

    pub(crate) fn cookies(&self) -> Vec<&str> {
        self.headers
            .get_all(SET_COOKIE)
            .iter()
            .map(|value| value.to_str().unwrap())
            .collect()
    }
}

impl Browser {
    pub(crate) fn new() -> Self {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        Self {
            client,
            jar: BTreeMap::new(),
            visited: Vec::new(),
        }
    }

    pub(crate) async fn get(&mut self, url: &str) -> Page {
        self.send(Method::GET, url, &[], None).await
    }

    /// A form of a page of this origin.
    pub(crate) async fn post(&mut self, url: &str, origin: &str, form: &str) -> Page {
        let headers = [
            (ORIGIN.as_str(), origin),
            ("accept", "text/html"),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        self.send(Method::POST, url, &headers, Some(form)).await
    }

    pub(crate) async fn send(
        &mut self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Page {
        let path = Url::parse(url).unwrap().path().to_owned();
        let mut request = self.client.request(method, url);
        let cookies: Vec<String> = self
            .jar
            .iter()
            .filter(|(_, (scope, _))| path.starts_with(scope.as_str()))
            .map(|(name, (_, value))| format!("{name}={value}"))
            .collect();
        if !cookies.is_empty() {
            request = request.header(COOKIE, cookies.join("; "));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body.to_owned());
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let page = Page {
            status,
            headers,
            text: response.text().await.unwrap(),
        };
        self.visited.push(url.to_owned());
        self.visited.push(page.header("location").to_owned());
        for cookie in page.cookies() {
            self.keep(cookie);
        }
        page
    }

    fn keep(&mut self, cookie: &str) {
        let mut parts = cookie.split("; ");
        let (name, value) = parts.next().unwrap().split_once('=').unwrap();
        let attributes: Vec<&str> = parts.collect();
        let path = attributes
            .iter()
            .find_map(|attribute| attribute.strip_prefix("Path="))
            .unwrap_or("/");
        if attributes.contains(&"Max-Age=0") {
            self.jar.remove(name);
        } else {
            self.jar
                .insert(name.to_owned(), (path.to_owned(), value.to_owned()));
        }
    }

    /// The session that it holds. The name of the demo's own comes after the one that it falls back to.
    pub(crate) fn session(&self) -> Option<&str> {
        let mut cookies = self.jar.iter().rev();
        let (_, (_, value)) = cookies.find(|(name, _)| {
            name.starts_with("mastra_session") || name.starts_with("wos-session")
        })?;
        Some(value)
    }

    /// Every name and value that it holds.
    pub(crate) fn cookies(&self) -> Vec<(String, String)> {
        let pair = |(name, (_, value)): (&String, &(String, String))| (name.clone(), value.clone());
        self.jar.iter().map(pair).collect()
    }

    /// A cookie from elsewhere.
    pub(crate) fn plant(&mut self, name: &str, value: &str) {
        self.jar
            .insert(name.to_owned(), ("/".to_owned(), value.to_owned()));
    }

    /// From the app's login to the login page: its address.
    pub(crate) async fn begin(&mut self, app: &str, return_to: &str) -> String {
        let login = |path: &str| format!("{app}{path}?return_to={return_to}");
        let mut page = self.get(&login("/auth/login")).await;
        if page.status == StatusCode::NOT_FOUND {
            // In dialect platform the login route is where a denied sign-in comes back.
            page = self.get(&login("/login")).await;
        }
        page.location().to_owned()
    }

    /// Picks a person on the login page, as a click does, or denies the sign-in where no handle is given: where it leads.
    pub(crate) async fn pick(&mut self, login_page: &str, handle: &str) -> String {
        let cloud = Url::parse(login_page)
            .unwrap()
            .origin()
            .ascii_serialization();
        let page = self.get(login_page).await;
        let page = self.within(&cloud, page).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        let number = between(&page.text, "name=\"number\" value=\"", "\"");
        let person = if handle.is_empty() {
            ""
        } else {
            let button = page
                .text
                .split("<button")
                .find(|button| button.contains(&format!("data-person=\"{handle}\"")))
                .unwrap_or_else(|| panic!("{handle} is not on the page"));
            between(button, "value=\"", "\"")
        };
        let action = format!(
            "{cloud}{}",
            between(&page.text, "method=\"post\" action=\"", "\"")
        );
        let page = self
            .post(&action, &cloud, &format!("number={number}&person={person}"))
            .await;
        let page = self.within(&cloud, page).await;
        page.header("location").to_owned()
    }

    /// Follows redirects within the Cloud: the platform sends the browser to its identity service, and back.
    async fn within(&mut self, cloud: &str, mut page: Page) -> Page {
        while page.header("location").starts_with('/') {
            let next = format!("{cloud}{}", page.header("location"));
            page = self.get(&next).await;
        }
        page
    }

    /// The whole sign-in; the answer of the callback.
    pub(crate) async fn sign_in(&mut self, app: &str, handle: &str, return_to: &str) -> Page {
        let login_page = self.begin(app, return_to).await;
        let callback = self.pick(&login_page, handle).await;
        self.get(&callback).await
    }
}

pub(crate) fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    text.split_once(before)
        .and_then(|(_, rest)| rest.split_once(after))
        .unwrap_or_else(|| panic!("{before} is not in {text}"))
        .0
}
