//! The login and the logout page, asked rightly and wrongly.

use reqwest::Method;
use reqwest::header::ACCEPT;

use super::super::exchange::{Answer, Ask};
use super::super::probe::Probe;
use super::super::sign_in::Challenge;
use super::{FOREIGN, Plan, STATE_END, page, set};

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
        page(&self.asked.base_url, "/auth/oss", &query)
    }

    pub(super) async fn login(&mut self) {
        let own = self.sign_in.redirect_uri();
        let lookalike = |prefix: &str| own.replacen("://", prefix, 1);
        let redirects = [
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
        ];
        self.page(Probe::LoginPage, self.login_url(|_| ())).await;
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
    }
}
