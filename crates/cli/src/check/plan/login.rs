//! The login and the logout page, asked rightly and wrongly.

use reqwest::header::ACCEPT;
use reqwest::{Method, Url};

use super::super::exchange::{Answer, Ask};
use super::super::probe::Probe;
use super::super::sign_in::Challenge;
use super::{FOREIGN, Plan, STATE_END, page, set};

/// What differs from the listed address: in its path, host, port, scheme and query.
const UNLISTED: [Probe; 5] = [
    Probe::LoginListedPath,
    Probe::LoginListedHost,
    Probe::LoginListedPort,
    Probe::LoginListedScheme,
    Probe::LoginListedQuery,
];

/// The same address over http, where both are on their usual ports.
fn plain(base_url: &str) -> Option<String> {
    let url = Url::parse(base_url).ok()?;
    let is_usual = url.scheme() == "https" && url.port().is_none();
    is_usual.then(|| base_url.replacen("https://", "http://", 1))
}

impl Plan<'_> {
    fn login_url(&self, change: impl Fn(&mut Vec<(&'static str, String)>)) -> String {
        let mut query = vec![
            ("project_id", self.asked.project_id.clone()),
            ("redirect_uri", self.sign_in.redirect_uri()),
            ("state", format!("check-page{STATE_END}")),
        ];
        if !self.is_v1() {
            let challenge = Challenge::of("A-verifier-of-a-page-that-is-only-looked-at");
            query.push(("code_challenge", challenge.as_str().to_owned()));
            query.push(("code_challenge_method", "S256".to_owned()));
        }
        change(&mut query);
        page(&self.asked.base_url, &self.asked.auth_path, &query)
    }

    /// Addresses that no sign-in may come back to.
    pub(super) fn foreign_redirects(&self) -> [(Probe, String); 5] {
        let own = self.sign_in.redirect_uri();
        let lookalike = |prefix: &str| own.replacen("://", prefix, 1);
        [
            (Probe::LoginForeignRedirect, FOREIGN.to_owned()),
            (
                Probe::LoginUserinfoRedirect,
                format!("{own}@elsewhere.invalid/").replacen("/callback@", "@", 1),
            ),
            (
                Probe::LoginSuffixRedirect,
                match own.split_once("://").and_then(|(scheme, rest)| {
                    let host = rest.split([':', '/']).next()?;
                    Some(format!("{scheme}://{host}.elsewhere.invalid/callback"))
                }) {
                    Some(address) => address,
                    None => lookalike("://elsewhere.invalid/"),
                },
            ),
            (
                Probe::LoginScriptRedirect,
                "javascript:alert(1)//localhost".to_owned(),
            ),
            (Probe::LoginFragmentRedirect, format!("{own}#at")),
        ]
    }

    pub(super) async fn login(&mut self) {
        let redirects = self.foreign_redirects();
        self.page(Probe::LoginPage, self.login_url(|_| ())).await;
        if let Some(url) = plain(&self.asked.base_url) {
            self.page(Probe::PlainHttp, format!("{url}{}", self.asked.auth_path))
                .await;
        } else {
            self.leave_out(
                &[Probe::PlainHttp],
                "the Cloud is not asked over https on its usual port",
            );
        }
        self.listed().await;
        for (probe, name) in [
            (Probe::LoginNoProject, "project_id"),
            (Probe::LoginNoRedirect, "redirect_uri"),
            (Probe::LoginNoState, "state"),
        ] {
            let url = self.login_url(|query| query.retain(|(own, _)| *own != name));
            self.page(probe, url).await;
        }
        let unknown = "check-knows-no-such-project".to_owned();
        let url = self.login_url(|query| set(query, "project_id", &unknown));
        self.page(Probe::LoginUnknownProject, url).await;
        for (probe, redirect) in redirects {
            let url = self.login_url(|query| set(query, "redirect_uri", &redirect));
            self.page(probe, url).await;
        }
        if !self.is_v1() {
            let url = self.login_url(|query| query.retain(|(own, _)| !own.starts_with("code_")));
            self.page(Probe::LoginNoChallenge, url).await;
            let url = self.login_url(|query| set(query, "code_challenge_method", "plain"));
            self.page(Probe::LoginPlainChallenge, url).await;
        }
    }

    /// The address that the project lists, and addresses that are not quite that one.
    async fn listed(&mut self) {
        let Some(listed) = &self.asked.listed else {
            let why = "no listed address: name one that the project lists with --redirect-uri";
            self.leave_out(&[Probe::LoginListed], why);
            return self.leave_out(&UNLISTED, why);
        };
        let mut all = [(); 5].map(|()| listed.url.clone());
        let own = self.login_url(|query| set(query, "redirect_uri", &listed.text));
        self.page(Probe::LoginListed, own).await;
        let [path, host, port, scheme, query] = &mut all;
        path.set_path(&format!("{}/more", path.path().trim_end_matches('/')));
        let longer = format!("{}.elsewhere.invalid", host.host_str().unwrap_or_default());
        let other = if port.port() == Some(8443) {
            8444
        } else {
            8443
        };
        let is_https = scheme.scheme() == "https";
        // None of these fails for an address over http or https.
        let _ = host.set_host(Some(&longer));
        let _ = port.set_port(Some(other));
        let _ = scheme.set_scheme(if is_https { "http" } else { "https" });
        query.query_pairs_mut().append_pair("more", "1");
        for (probe, to) in UNLISTED.into_iter().zip(all) {
            let url = self.login_url(|query| set(query, "redirect_uri", to.as_str()));
            self.page(probe, url).await;
        }
    }

    /// Asks an endpoint by a method that it does not have, with nothing that could change something.
    pub(super) async fn wrong_methods(&mut self) {
        let (base, login) = (&self.asked.base_url, &self.asked.auth_path);
        let page = |path: &str| format!("{base}{path}");
        let mut all = vec![
            (Probe::LoginWrongMethod, Method::PUT, page(login)),
            (Probe::LogoutWrongMethod, Method::PUT, page("/auth/logout")),
            (
                Probe::KeySetWrongMethod,
                Method::PUT,
                page("/.well-known/jwks.json"),
            ),
            (
                Probe::DestroyWrongMethod,
                Method::GET,
                self.api("/auth/session/destroy"),
            ),
        ];
        if self.is_v1() {
            let user = self.api("/users/check_wrong_method");
            let permissions = format!("{user}/permissions");
            all.push((Probe::UserWrongMethod, Method::PUT, user));
            all.push((Probe::PermissionsWrongMethod, Method::PUT, permissions));
        }
        for (probe, method, url) in all {
            let call = self.call(method, "");
            self.ask(probe, Ask { url, ..call }).await;
        }
    }

    pub(super) async fn page(&mut self, probe: Probe, url: String) -> Option<Answer> {
        let ask = Ask {
            method: Method::GET,
            url,
            headers: vec![(ACCEPT, "text/html".into())],
            body: None,
        };
        self.ask(probe, ask).await
    }

    pub(super) async fn logout(&mut self) {
        let name = if self.is_v1() {
            "redirect_uri"
        } else {
            "post_logout_redirect_uri"
        };
        let base = self.asked.base_url.clone();
        self.page(Probe::Logout, page(&base, "/auth/logout", &[]))
            .await;
        for (probe, to) in [
            (Probe::LogoutBack, self.sign_in.redirect_uri()),
            (Probe::LogoutForeign, FOREIGN.to_owned()),
        ] {
            self.page(probe, page(&base, "/auth/logout", &[(name, to)]))
                .await;
        }
        if !self.is_v1() {
            let hint = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJjaGVjayJ9.bm8tc2lnbmF0dXJl".to_owned();
            self.logout_with(Probe::LogoutJunkHint, hint).await;
            self.hinted().await;
        }
    }

    async fn logout_with(&mut self, probe: Probe, token: String) {
        let query = [
            ("post_logout_redirect_uri", self.sign_in.redirect_uri()),
            ("id_token_hint", token),
        ];
        let url = page(&self.asked.base_url, "/auth/logout", &query);
        self.page(probe, url).await;
    }

    /// Ends a session that this run made for it on the logout page.
    async fn hinted(&mut self) {
        let all = [Probe::LogoutHint, Probe::LogoutHintVerify];
        match self.session_to_end().await {
            Ok((session, _)) => {
                self.logout_with(Probe::LogoutHint, session.token.clone())
                    .await;
                let ask = self.verify(&session.token);
                self.ask(Probe::LogoutHintVerify, ask).await;
            }
            Err(why) => self.leave_out(&all, &why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_address_over_http_is_known_on_the_usual_port_alone() {
        for (base_url, expect) in [
            ("https://cloud.example", Some("http://cloud.example")),
            (
                "https://cloud.example/below",
                Some("http://cloud.example/below"),
            ),
            ("https://cloud.example:8443", None),
            ("http://localhost:4300", None),
        ] {
            assert_eq!(plain(base_url).as_deref(), expect, "{base_url}");
        }
    }
}
