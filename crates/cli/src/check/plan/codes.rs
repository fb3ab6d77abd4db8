//! Sign-ins, and the exchange of their codes.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::super::exchange::{Answer, Ask, Exchange, GAVE_UP};
use super::super::probe::Probe;
use super::super::sign_in::{Back, Challenge, NO_CODE, NoCode, SignIn, way_back};
use super::{HUGE, Plan, STATE_END, Session, X_PROJECT, page, with_json, with_project, without};

impl Plan<'_> {
    pub(super) fn exchange(&self, members: &Value) -> Ask {
        with_json(self.call(Method::POST, "/auth/callback"), members)
    }

    pub(super) fn code_body(&self, code: &str, back: Option<&Back>) -> Value {
        if self.is_v1() {
            return json!({ "code": code });
        }
        let verifier = back.map_or("A-verifier-that-belongs-to-no-code-at-all--", |back| {
            back.challenge.verifier()
        });
        let redirect_uri = self.sign_in.redirect_uri();
        json!({ "code": code, "redirect_uri": redirect_uri, "code_verifier": verifier })
    }

    /// Refusals that need no code.
    pub(super) async fn exchange_refusals(&mut self) {
        let unknown = self.code_body("code_made_up_by_the_check", None);
        let mut no_code = unknown.clone();
        no_code.as_object_mut().map(|body| body.remove("code"));
        self.ask(Probe::ExchangeUnknownCode, self.exchange(&unknown))
            .await;
        self.ask(Probe::ExchangeNoCode, self.exchange(&no_code))
            .await;
        let ask = without(self.exchange(&unknown), &X_PROJECT);
        self.ask(Probe::ExchangeNoProject, ask).await;
        let ask = with_project(self.exchange(&unknown), "check-knows-no-such-project");
        self.ask(Probe::ExchangeUnknownProject, ask).await;
        let mut ask = without(self.exchange(&unknown), &CONTENT_TYPE);
        ask.headers.push((CONTENT_TYPE, "text/plain".into()));
        self.ask(Probe::ExchangeNotJson, ask).await;
        let mut ask = self.exchange(&unknown);
        ask.body = Some(r#"{"code":"#.into());
        self.ask(Probe::ExchangeBroken, ask).await;
        let mut ask = self.exchange(&unknown);
        ask.body = Some(json!({ "code": "x".repeat(HUGE) }).to_string());
        self.ask(Probe::ExchangeHuge, ask).await;
        self.ask(
            Probe::ExchangeWrongMethod,
            self.call(Method::GET, "/auth/callback"),
        )
        .await;
    }

    /// Signs in once, or takes the given token.
    pub(super) async fn first_session(&mut self) -> Option<Session> {
        let needs_code = [Probe::Callback, Probe::Exchange];
        if !self.sign_in.can() {
            self.leave_out(&needs_code, NO_CODE);
            let token = self.asked.token.clone()?;
            return Some(Session {
                token,
                id: None,
                user_id: None,
            });
        }
        let back = match self.sign_in().await {
            Ok(back) => back,
            Err(why) => {
                self.leave_out(&needs_code, &why);
                // It would fail again, and a person would wait for it again.
                self.sign_in = SignIn::Never;
                return None;
            }
        };
        self.exchanged(Probe::Exchange, &back).await
    }

    /// Walks through the login page, and keeps the way back.
    pub(super) async fn sign_in(&mut self) -> Result<Back, String> {
        if self.caller.has_given_up() {
            return Err(GAVE_UP.to_owned());
        }
        (self.progress)("sign-in");
        let state = format!("check-{}{STATE_END}", Challenge::fresh()?.as_str());
        let mut query = vec![
            ("project_id", self.asked.project_id.clone()),
            ("redirect_uri", self.sign_in.redirect_uri()),
            ("state", state),
        ];
        let challenge = Challenge::fresh()?;
        if !self.is_v1() {
            query.push(("code_challenge", challenge.as_str().to_owned()));
            query.push(("code_challenge_method", "S256".to_owned()));
        }
        let url = page(&self.asked.base_url, &self.asked.auth_path, &query);
        let back = match self
            .sign_in
            .through(&mut self.caller, &url, challenge)
            .await
        {
            Ok(back) => back,
            Err(NoCode { why, back }) => {
                if let Some((location, status)) = back {
                    self.keep(Probe::Callback, way_back(&url, &location, status));
                }
                return Err(why);
            }
        };
        self.seen.secrets.add(back.challenge.verifier(), "verifier");
        self.seen.secrets.add(&back.code, "code");
        if !self.seen.exchanges.contains_key(&Probe::Callback) {
            let exchange = back.exchange(&url);
            self.keep(Probe::Callback, exchange);
        }
        Ok(back)
    }

    pub(super) async fn exchanged(&mut self, probe: Probe, back: &Back) -> Option<Session> {
        let body = self.code_body(&back.code, Some(back));
        let answer = self.ask(probe, self.exchange(&body)).await?;
        self.session_of(&answer)
    }

    fn session_of(&self, answer: &Answer) -> Option<Session> {
        let body: Value = serde_json::from_str(&answer.body).ok()?;
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str);
        let token = text(if self.is_v1() {
            "/data/jwt"
        } else {
            "/access_token"
        })?;
        Some(Session {
            token: token.to_owned(),
            id: text("/data/session/id").map(str::to_owned),
            user_id: text("/data/user/id").map(str::to_owned),
        })
    }

    /// A session that this run makes in order to end it, with the answer that brought it.
    pub(super) async fn session_to_end(&mut self) -> Result<(Session, Exchange), String> {
        if !self.asked.may_end_sessions {
            return Err("it ends a session: allow it with --destroy-session".to_owned());
        }
        if !self.sign_in.can() {
            return Err("no session of its own to end: sign in with --interactive".to_owned());
        }
        let back = self.sign_in().await?;
        let ask = self.exchange(&self.code_body(&back.code, Some(&back)));
        let sent = ask.sent();
        let came = self.caller.send(ask).await;
        let answer = came.clone()?;
        self.learn(&answer);
        let session = self.session_of(&answer);
        let session = session.ok_or("another sign-in made no session")?;
        Ok((session, Exchange { sent, came }))
    }

    /// What becomes of codes that are used wrongly. Each needs a sign-in of its own.
    pub(super) async fn codes(&mut self) {
        let again = [Probe::ExchangeAgain, Probe::ExchangeAgainVerify];
        let pkce = [
            Probe::ExchangeWrongVerifier,
            Probe::ExchangeNoVerifier,
            Probe::ExchangeOtherRedirect,
        ];
        if !self.sign_in.can() {
            self.leave_out(&again, NO_CODE);
            self.leave_out(&pkce, NO_CODE);
            self.leave_out(&[Probe::ExchangeOtherProject], NO_CODE);
            return;
        }
        if self.asked.may_end_sessions {
            self.twice().await;
        } else {
            self.leave_out(
                &again,
                "it ends the session of that code: allow it with --destroy-session",
            );
        }
        match self.asked.other_project.clone() {
            Some(other) => match self.sign_in().await {
                Ok(back) => {
                    let body = self.code_body(&back.code, Some(&back));
                    let ask = with_project(self.exchange(&body), &other);
                    self.ask(Probe::ExchangeOtherProject, ask).await;
                }
                Err(why) => self.leave_out(&[Probe::ExchangeOtherProject], &why),
            },
            None => self.leave_out(
                &[Probe::ExchangeOtherProject],
                "no second project: name one with --other-project-id",
            ),
        }
        if self.is_v1() {
            return;
        }
        for probe in pkce {
            let back = match self.sign_in().await {
                Ok(back) => back,
                Err(why) => {
                    self.leave_out(&[probe], &why);
                    continue;
                }
            };
            let mut body = self.code_body(&back.code, Some(&back));
            if let Some(members) = body.as_object_mut() {
                match probe {
                    Probe::ExchangeWrongVerifier => {
                        let wrong = "Another-verifier-than-the-one-of-this-code-";
                        members.insert("code_verifier".into(), wrong.into());
                    }
                    Probe::ExchangeNoVerifier => {
                        members.remove("code_verifier");
                    }
                    _ => {
                        let other = format!("{}/other", self.sign_in.redirect_uri());
                        members.insert("redirect_uri".into(), other.into());
                    }
                }
            }
            self.ask(probe, self.exchange(&body)).await;
        }
    }

    async fn twice(&mut self) {
        let again = [Probe::ExchangeAgain, Probe::ExchangeAgainVerify];
        let back = match self.sign_in().await {
            Ok(back) => back,
            Err(why) => return self.leave_out(&again, &why),
        };
        let body = self.code_body(&back.code, Some(&back));
        let ask = self.exchange(&body);
        let first = self.caller.send(ask).await.ok();
        let session = first.and_then(|answer| {
            self.learn(&answer);
            self.session_of(&answer)
        });
        let Some(Session { token, .. }) = session else {
            return self.leave_out(&again, "the code was not good even once");
        };
        self.ask(Probe::ExchangeAgain, self.exchange(&body)).await;
        let ask = self.verify(&token);
        self.ask(Probe::ExchangeAgainVerify, ask).await;
    }
}
