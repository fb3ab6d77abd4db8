//! Calls with a token: verification, look-up, users, keys, and the end of a session.

use reqwest::Method;
use reqwest::header::{
    ACCEPT, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION,
    CONTENT_TYPE, ORIGIN,
};
use serde_json::{Value, json};

use super::super::exchange::{Answer, Ask};
use super::super::probe::Probe;
use super::{
    HUGE, Plan, Session, X_PROJECT, encoded, token, with_bearer, with_json, with_project, without,
};

impl Plan<'_> {
    fn with_token(&self, path: &str, token: &str) -> Ask {
        let call = self.call(Method::POST, path);
        let call = if self.is_v1() {
            with_json(call, &json!({ "token": token }))
        } else {
            call
        };
        with_bearer(call, token)
    }

    pub(super) fn verify(&self, token: &str) -> Ask {
        self.with_token("/auth/verify", token)
    }

    fn destroy(&self, session_id: &str, token: &str) -> Ask {
        let mut call = self.call(Method::POST, "/auth/session/destroy");
        if self.is_v1() {
            call = with_json(call, &json!({ "sessionId": session_id }));
        } else {
            call = without(call, &X_PROJECT);
        }
        with_bearer(call, token)
    }

    pub(super) async fn refusals_without_session(&mut self) {
        const JUNK: &str = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJjaGVjayJ9.bm8tc2lnbmF0dXJl";
        let (verify, validate) = ("/auth/verify", "/auth/session/validate");
        for (path, junk, none) in [
            (verify, Probe::VerifyJunk, Probe::VerifyNoToken),
            (validate, Probe::ValidateJunk, Probe::ValidateNoToken),
        ] {
            self.ask(junk, self.with_token(path, JUNK)).await;
            let ask = without(self.with_token(path, JUNK), &AUTHORIZATION);
            self.ask(none, ask).await;
        }
        self.ask(Probe::DestroyJunk, self.destroy("ses_none", JUNK))
            .await;
        let ask = without(self.destroy("ses_none", JUNK), &AUTHORIZATION);
        self.ask(Probe::DestroyNoToken, ask).await;
        self.ask(
            Probe::VerifyWrongMethod,
            with_bearer(self.call(Method::GET, verify), JUNK),
        )
        .await;
        self.ask(
            Probe::ValidateWrongMethod,
            with_bearer(self.call(Method::GET, validate), JUNK),
        )
        .await;
        self.ask(
            Probe::UnknownPath,
            self.call(Method::GET, "/auth/check-knows-no-such-path"),
        )
        .await;
        let mut ask = self.call(Method::OPTIONS, verify);
        ask.headers = vec![
            (ORIGIN, "https://elsewhere.invalid".into()),
            (ACCESS_CONTROL_REQUEST_METHOD, "POST".into()),
            (ACCESS_CONTROL_REQUEST_HEADERS, "authorization".into()),
        ];
        self.ask(Probe::VerifyCrossOrigin, ask).await;
        if self.is_v1() {
            let ask = with_bearer(self.call(Method::GET, "/users/check_made_up"), JUNK);
            self.ask(Probe::UserJunk, ask).await;
            let mut ask = without(self.verify(JUNK), &CONTENT_TYPE);
            ask.headers.push((CONTENT_TYPE, "text/plain".into()));
            self.ask(Probe::VerifyNotJson, ask).await;
            let mut ask = self.verify(JUNK);
            ask.body = Some("[".into());
            self.ask(Probe::VerifyBroken, ask).await;
            let mut ask = self.verify(JUNK);
            ask.body = Some(json!({ "token": "x".repeat(HUGE) }).to_string());
            self.ask(Probe::VerifyHuge, ask).await;
        }
    }

    pub(super) async fn with_session(&mut self, own: &Session) {
        let verified = self.ask(Probe::Verify, self.verify(&own.token)).await;
        let user_id = own.user_id.clone().or_else(|| {
            let body: Value = serde_json::from_str(&verified?.body).ok()?;
            let at = if self.is_v1() {
                "/data/user/id"
            } else {
                "/sub"
            };
            body.pointer(at)?.as_str().map(str::to_owned)
        });
        self.ask(Probe::VerifyAgain, self.verify(&own.token)).await;
        self.spoiled(&own.token).await;
        let ask = without(self.verify(&own.token), &X_PROJECT);
        self.ask(Probe::VerifyNoProject, ask).await;
        let ask = with_project(self.verify(&own.token), "check-knows-no-such-project");
        self.ask(Probe::VerifyUnknownProject, ask).await;
        match &self.asked.other_project {
            Some(other) => {
                let ask = with_project(self.verify(&own.token), other);
                self.ask(Probe::VerifyOtherProject, ask).await;
            }
            None => self.leave_out(
                &[Probe::VerifyOtherProject],
                "no second project: name one with --other-project-id",
            ),
        }
        let mut ask = without(self.verify(&own.token), &AUTHORIZATION);
        let lower_case = format!("bearer {}", own.token);
        ask.headers.push((AUTHORIZATION, lower_case));
        self.ask(Probe::VerifyLowerCase, ask).await;
        let validate = "/auth/session/validate";
        let validated = self
            .ask(Probe::Validate, self.with_token(validate, &own.token))
            .await;
        let ask = without(self.with_token(validate, &own.token), &X_PROJECT);
        self.ask(Probe::ValidateNoProject, ask).await;
        let session_id = own.id.clone().or_else(|| {
            let body: Value = serde_json::from_str(&validated?.body).ok()?;
            body.pointer("/data/session/id")?
                .as_str()
                .map(str::to_owned)
        });
        self.users(&own.token, user_id.as_deref()).await;
        self.keys(&own.token).await;
        self.endings(own, session_id.as_deref()).await;
    }

    /// The token with another signature, without one, and beside another token.
    async fn spoiled(&mut self, token: &str) {
        match token::tampered(token) {
            Some((tampered, unsigned)) => {
                self.seen
                    .secrets
                    .add(&tampered, "token with another signature");
                self.seen
                    .secrets
                    .add(&unsigned, "token without a signature");
                self.ask(Probe::VerifyTampered, self.verify(&tampered))
                    .await;
                self.ask(Probe::VerifyUnsigned, self.verify(&unsigned))
                    .await;
                if self.is_v1() {
                    let mut ask = self.verify(token);
                    ask.body = Some(json!({ "token": tampered }).to_string());
                    self.ask(Probe::VerifyTwoTokens, ask).await;
                }
            }
            None => self.leave_out(
                &[
                    Probe::VerifyTampered,
                    Probe::VerifyUnsigned,
                    Probe::VerifyTwoTokens,
                ],
                "the token is no JWT",
            ),
        }
    }

    async fn users(&mut self, token: &str, user_id: Option<&str>) {
        if !self.is_v1() {
            return;
        }
        let get = |plan: &Self, path: &str| {
            with_bearer(plan.call(Method::GET, &format!("/users/{path}")), token)
        };
        let ask = get(self, "check_made_up");
        self.ask(Probe::UserUnknown, ask).await;
        let ask = get(self, "check_made_up/permissions");
        self.ask(Probe::PermissionsUnknown, ask).await;
        let Some(id) = user_id else {
            let all = [
                Probe::User,
                Probe::UserNoToken,
                Probe::UserTraversal,
                Probe::Permissions,
                Probe::PermissionsNoToken,
            ];
            return self.leave_out(&all, "no answer told the user's id");
        };
        let id = encoded(id);
        let ask = get(self, &id);
        self.ask(Probe::User, ask).await;
        let ask = without(get(self, &id), &AUTHORIZATION);
        self.ask(Probe::UserNoToken, ask).await;
        // One segment, which a server that decodes too early takes for the user's own path.
        let ask = get(self, &format!("check_made_up%2F..%2F{id}"));
        self.ask(Probe::UserTraversal, ask).await;
        let ask = get(self, &format!("{id}/permissions"));
        self.ask(Probe::Permissions, ask).await;
        let ask = without(get(self, &format!("{id}/permissions")), &AUTHORIZATION);
        self.ask(Probe::PermissionsNoToken, ask).await;
    }

    async fn keys(&mut self, token: &str) {
        let ask = Ask {
            method: Method::GET,
            url: format!("{}/.well-known/jwks.json", self.asked.base_url),
            headers: vec![(ACCEPT, "application/json".into())],
            body: None,
        };
        let keys = self.ask(Probe::KeySet, ask).await;
        let keys = keys.filter(Answer::is_success);
        let keys = keys.as_ref().map(|answer| answer.body.as_bytes());
        let facts = token::facts(token, keys, &self.asked.project_id, self.seen.at);
        self.seen.token = Some(facts);
    }

    /// Ends a session that this run made for it, and looks at what is left of it.
    async fn endings(&mut self, own: &Session, session_id: Option<&str>) {
        let all = [
            Probe::VerifyInQuery,
            Probe::DestroyOthers,
            Probe::Destroy,
            Probe::DestroyedVerify,
            Probe::DestroyedValidate,
            Probe::DestroyedOther,
        ];
        if !self.asked.may_end_sessions {
            return self.leave_out(&all, "it ends a session: allow it with --destroy-session");
        }
        if !self.sign_in.can() {
            return self.leave_out(
                &all,
                "no session of its own to end: sign in with --interactive",
            );
        }
        let back = match self.sign_in().await {
            Ok(back) => back,
            Err(why) => return self.leave_out(&all, &why),
        };
        let body = self.code_body(&back.code, Some(&back));
        let answer = self.exchange(&body).send(self.client).await.ok();
        let body: Value = answer.as_ref().map_or(Value::Null, |answer| {
            self.learn(answer);
            serde_json::from_str(&answer.body).unwrap_or_default()
        });
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str);
        let token = text(if self.is_v1() {
            "/data/jwt"
        } else {
            "/access_token"
        });
        let (Some(token), id) = (token, text("/data/session/id").unwrap_or_default()) else {
            return self.leave_out(&all, "the second sign-in made no session");
        };
        if self.is_v1() {
            match session_id {
                Some(others) => {
                    let ask = self.destroy(others, token);
                    self.ask(Probe::DestroyOthers, ask).await;
                }
                None => self.leave_out(&[Probe::DestroyOthers], "no answer told a session's id"),
            }
        }
        // Addresses are logged: only a token that ends right away goes there.
        let mut ask = without(self.verify("no-token"), &AUTHORIZATION);
        ask.url = format!("{}?access_token={token}&token={token}", ask.url);
        self.ask(Probe::VerifyInQuery, ask).await;
        self.ask(Probe::Destroy, self.destroy(id, token)).await;
        self.ask(Probe::DestroyedVerify, self.verify(token)).await;
        let ask = self.with_token("/auth/session/validate", token);
        self.ask(Probe::DestroyedValidate, ask).await;
        self.ask(Probe::DestroyedOther, self.verify(&own.token))
            .await;
    }
}
