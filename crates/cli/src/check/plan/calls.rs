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
    HUGE, JUNK, Plan, Session, X_PROJECT, encoded, token, with_bearer, with_json, with_project,
    without,
};

/// Requests with a forged token.
const FORGED: [Probe; 11] = [
    Probe::VerifyTampered,
    Probe::VerifyUnsigned,
    Probe::VerifyTwoTokens,
    Probe::ValidateTampered,
    Probe::ValidateUnsigned,
    Probe::DestroyTampered,
    Probe::DestroyUnsigned,
    Probe::UserTampered,
    Probe::UserUnsigned,
    Probe::PermissionsTampered,
    Probe::PermissionsUnsigned,
];

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
        self.wrong_methods().await;
        self.cross_origin(verify, "POST").await;
        if self.is_v1() {
            let ask = with_bearer(self.call(Method::GET, "/users/check_made_up"), JUNK);
            self.ask(Probe::UserJunk, ask).await;
            let ask = with_bearer(
                self.call(Method::GET, "/users/check_nobody/permissions"),
                JUNK,
            );
            self.ask(Probe::PermissionsJunk, ask).await;
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

    /// What a browser asks before a page of another origin may call with a token.
    pub(super) async fn cross_origin(&mut self, path: &str, method: &str) {
        let mut ask = self.call(Method::OPTIONS, path);
        ask.headers = vec![
            (ORIGIN, "https://elsewhere.invalid".into()),
            (ACCESS_CONTROL_REQUEST_METHOD, method.into()),
            (ACCESS_CONTROL_REQUEST_HEADERS, "authorization".into()),
        ];
        self.ask(Probe::VerifyCrossOrigin, ask).await;
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
        let forged = self.forged(&own.token).await;
        let ask = without(self.verify(&own.token), &X_PROJECT);
        self.ask(Probe::VerifyNoProject, ask).await;
        let ask = with_project(self.verify(&own.token), "check-knows-no-such-project");
        self.ask(Probe::VerifyUnknownProject, ask).await;
        match &self.asked.other_project {
            Some(other) => {
                for (probe, path) in [
                    (Probe::VerifyOtherProject, "/auth/verify"),
                    (Probe::ValidateOtherProject, "/auth/session/validate"),
                ] {
                    let ask = with_project(self.with_token(path, &own.token), other);
                    self.ask(probe, ask).await;
                }
            }
            None => self.leave_out(
                &[
                    Probe::VerifyOtherProject,
                    Probe::ValidateOtherProject,
                    Probe::UserOtherProject,
                    Probe::PermissionsOtherProject,
                    Probe::DestroyOtherProject,
                ],
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
        self.users(&own.token, forged.as_ref(), user_id.as_deref())
            .await;
        self.keys(&own.token).await;
        self.endings(own, session_id.as_deref()).await;
    }

    /// The token with another signature, without one, and beside another token. Returns both, if it is a JWT.
    async fn forged(&mut self, token: &str) -> Option<(String, String)> {
        let Some((tampered, unsigned)) = self.forge(token) else {
            self.leave_out(&FORGED, "the token is no JWT");
            return None;
        };
        let validate = "/auth/session/validate";
        for (probe, ask) in [
            (Probe::VerifyTampered, self.verify(&tampered)),
            (Probe::VerifyUnsigned, self.verify(&unsigned)),
            (
                Probe::ValidateTampered,
                self.with_token(validate, &tampered),
            ),
            (
                Probe::ValidateUnsigned,
                self.with_token(validate, &unsigned),
            ),
        ] {
            self.ask(probe, ask).await;
        }
        if self.is_v1() {
            let mut ask = self.verify(token);
            ask.body = Some(json!({ "token": tampered }).to_string());
            self.ask(Probe::VerifyTwoTokens, ask).await;
        }
        Some((tampered, unsigned))
    }

    pub(super) fn forge(&mut self, token: &str) -> Option<(String, String)> {
        let (tampered, unsigned) = token::tampered(token)?;
        let secrets = &mut self.seen.secrets;
        secrets.add(&tampered, "token with another signature");
        secrets.add(&unsigned, "token without a signature");
        Some((tampered, unsigned))
    }

    async fn users(
        &mut self,
        token: &str,
        forged: Option<&(String, String)>,
        user_id: Option<&str>,
    ) {
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
            "no answer told the user's id".clone_into(&mut self.seen.unasked);
            return;
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
        let other = self.asked.other_project.clone();
        for (path, [no_project, other_project, tampered, unsigned]) in [
            (
                id.clone(),
                [
                    Probe::UserNoProject,
                    Probe::UserOtherProject,
                    Probe::UserTampered,
                    Probe::UserUnsigned,
                ],
            ),
            (
                format!("{id}/permissions"),
                [
                    Probe::PermissionsNoProject,
                    Probe::PermissionsOtherProject,
                    Probe::PermissionsTampered,
                    Probe::PermissionsUnsigned,
                ],
            ),
        ] {
            let ask = without(get(self, &path), &X_PROJECT);
            self.ask(no_project, ask).await;
            if let Some(other) = &other {
                let ask = with_project(get(self, &path), other);
                self.ask(other_project, ask).await;
            }
            for (probe, forged) in forged
                .into_iter()
                .flat_map(|(one, other)| [(tampered, one), (unsigned, other)])
            {
                let call = self.call(Method::GET, &format!("/users/{path}"));
                self.ask(probe, with_bearer(call, forged)).await;
            }
        }
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
            Probe::ExchangeSecond,
            Probe::VerifyInQuery,
            Probe::DestroyOthers,
            Probe::DestroyTampered,
            Probe::DestroyUnsigned,
            Probe::DestroyNoProject,
            Probe::DestroyOtherProject,
            Probe::Destroy,
            Probe::DestroyedVerify,
            Probe::DestroyedValidate,
            Probe::DestroyedOther,
        ];
        let (second, exchange) = match self.session_to_end().await {
            Ok(made) => made,
            Err(why) => return self.leave_out(&all, &why),
        };
        self.keep(Probe::ExchangeSecond, exchange);
        let (token, id) = (&second.token, second.id.clone().unwrap_or_default());
        self.seen.is_one_session =
            token::are_of_one_session(&own.token, token) || session_id.is_some_and(|own| own == id);
        if self.seen.is_one_session {
            self.leave_out(
                &[Probe::DestroyOthers, Probe::DestroyedOther],
                "two sign-ins of one browser made one session",
            );
        }
        if self.is_v1() {
            match session_id {
                _ if self.seen.is_one_session => {}
                Some(others) => {
                    let ask = self.destroy(others, token);
                    self.ask(Probe::DestroyOthers, ask).await;
                }
                None => self.leave_out(&[Probe::DestroyOthers], "no answer told a session's id"),
            }
            let ask = without(self.destroy(&id, token), &X_PROJECT);
            self.ask(Probe::DestroyNoProject, ask).await;
            if let Some(other) = &self.asked.other_project {
                let ask = with_project(self.destroy(&id, token), other);
                self.ask(Probe::DestroyOtherProject, ask).await;
            }
        }
        if let Some((tampered, unsigned)) = self.forge(token) {
            for (probe, forged) in [
                (Probe::DestroyTampered, tampered),
                (Probe::DestroyUnsigned, unsigned),
            ] {
                let ask = self.destroy(&id, &forged);
                self.ask(probe, ask).await;
            }
        }
        // Addresses are logged: only a token that ends right away goes there.
        let mut ask = without(self.verify("no-token"), &AUTHORIZATION);
        ask.url = format!("{}?access_token={token}&token={token}", ask.url);
        self.ask(Probe::VerifyInQuery, ask).await;
        self.ask(Probe::Destroy, self.destroy(&id, token)).await;
        self.ask(Probe::DestroyedVerify, self.verify(token)).await;
        let ask = self.with_token("/auth/session/validate", token);
        self.ask(Probe::DestroyedValidate, ask).await;
        if !self.seen.is_one_session {
            self.ask(Probe::DestroyedOther, self.verify(&own.token))
                .await;
        }
    }
}
