//! The order in which a host calls. Whatever it called before, a session with an expired token is renewed by an instance that never
//! saw it; a session that is over costs a call or two.

use std::sync::Arc;

use mastra_auth_cloud_core::dialect::Dialect;
use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::flow::authenticate::{Authenticate, Credentials, Refresher};
use mastra_auth_cloud_core::flow::sign_out::{Effort, Logout, SignOut};
use mastra_auth_cloud_core::flow::{Event, Jitter};
use mastra_auth_cloud_core::http::{Delivery, Request};
use mastra_auth_cloud_core::verification::{VerificationMode, VerificationOptions};
use serde_json::json;

use crate::renew::{said as renewal_said, short};
use crate::renewing::{left, renewal, with_cookie};
use crate::world::signer::{Signer, published};
use crate::world::{
    SESSION, START, Step, Stepped, answer, at, config, data, open, refreshing, run, said, session,
    status, token, v1, validating, verified, with_bearer,
};

/// Past the end of the old token and of the leeway where signatures are checked.
const LATE: u64 = 95;

/// One call of a host's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Authenticate,
    Validate,
    Refresh,
    /// As the axum layer does: authenticate and renew in one.
    Serve,
    /// Another client's request, with a token that is not accepted.
    Stranger,
}

const CALLS: [Call; 5] = [
    Call::Authenticate,
    Call::Validate,
    Call::Refresh,
    Call::Serve,
    Call::Stranger,
];

/// Whether the session goes on at the Cloud.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Session {
    Alive,
    Over,
}

/// What tokens look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Jwt,
    Opaque,
}

/// An instance that saw nothing so far, and its Cloud.
struct Desk {
    engine: Arc<Engine>,
    dialect: Dialect,
    session: Session,
    key: Signer,
    old: String,
    newer: String,
    calls: usize,
}

impl Desk {
    fn new(dialect: Dialect, mode: VerificationMode, form: Form, session: Session) -> Self {
        let mut config = config(dialect);
        let options = VerificationOptions {
            mode,
            ..VerificationOptions::default()
        };
        config.verification = options.build(&config.base_url, &config.project_id).unwrap();
        let key = Signer::new("k1");
        let (old, newer) = match form {
            Form::Jwt => (key.token("usr_1", 60), key.token("usr_1", 900)),
            Form::Opaque => ("opaque-old".to_owned(), "opaque-new".to_owned()),
        };
        Self {
            engine: open(config, Entropy::new([7; 32])),
            dialect,
            session,
            key,
            old,
            newer,
            calls: 0,
        }
    }

    fn answer(&self, request: &Request) -> Delivery {
        let bearer = request.headers().find(|(name, _)| *name == "authorization");
        let bearer = bearer.map_or("", |(_, value)| value.trim_start_matches("Bearer "));
        let is_alive = self.session == Session::Alive;
        let path = request.url();
        if path.ends_with("jwks.json") {
            published(&[&self.key])
        } else if path.ends_with("/verify") && is_alive && bearer == self.newer {
            match self.dialect {
                Dialect::Pkce => answer(
                    200,
                    &json!({ "sub": "usr_1", "email": "", "role": "member" }),
                ),
                _ => verified("usr_1", &[]),
            }
        } else if path.ends_with("/validate")
            && is_alive
            && (bearer == self.old || bearer == self.newer)
        {
            match self.dialect {
                Dialect::Pkce => answer(
                    200,
                    &json!({
                        "userId": "usr_1", "createdAt": START * 1000, "expiresAt": (START + 3600) * 1000, "access_token": self.newer,
                    }),
                ),
                _ => data(
                    &json!({ "session": session("ses-usr_1", "usr_1", 3600), "jwt": self.newer }),
                ),
            }
        } else {
            status(401)
        }
    }

    fn drive<T>(&mut self, task: impl Into<Stepped<T>>, second: u64) -> T {
        let (mut task, mut event) = (task.into(), Event::Start);
        loop {
            event = match task.step(event, at(second)) {
                Step::Send(request) => {
                    self.calls += usize::from(!request.url().ends_with("jwks.json"));
                    Event::Delivered(self.answer(&request))
                }
                Step::Wait(_) => Event::Woken,
                Step::Done(output) => return output,
            }
        }
    }

    fn authenticate(&mut self, text: &str, second: u64) -> String {
        let credentials = Credentials::token(text).into_owned();
        let request = Authenticate::new(&self.engine, credentials);
        said(&self.drive(request.into_task(Jitter(1)), second).answer)
    }

    fn refresh(&mut self, text: &str, second: u64) -> String {
        let flow = refreshing(&self.engine, token(text));
        renewal_said(&self.drive(flow, second))
    }

    fn validate(&mut self, text: &str, second: u64) -> String {
        let flow = validating(&self.engine, token(text));
        match self.drive(flow, second) {
            Ok(found) => found.map_or("none".to_owned(), |session| session.user_id().to_string()),
            Err(error) => error.code().to_owned(),
        }
    }

    /// Who is served, and with which token the browser leaves.
    fn serve(&mut self, text: &str, second: u64) -> String {
        let header = format!("{SESSION}={text}");
        let credentials = Credentials::read(&self.engine, None, Some(&header)).unwrap();
        let request =
            Authenticate::new(&self.engine, credentials.into_owned()).refreshed_by(Refresher::Here);
        let verdict = self.drive(request.into_task(Jitter(1)), second);
        let cookie = verdict.cookie;
        let is_newer = cookie.is_some_and(|cookie| cookie.expose().contains(&self.newer));
        format!(
            "{}{}",
            said(&verdict.answer),
            if is_newer { ", renewed" } else { "" }
        )
    }

    fn call(&mut self, call: Call, second: u64) -> String {
        let old = self.old.clone();
        match call {
            Call::Authenticate => self.authenticate(&old, second),
            Call::Validate => self.validate(&old, second),
            Call::Refresh => self.refresh(&old, second),
            Call::Serve => self.serve(&old, second),
            Call::Stranger => self.authenticate("junk", second),
        }
    }

    /// As a Mastra server does with each request: without a user it refreshes and authenticates again.
    fn host(&mut self, second: u64) -> String {
        let first = self.call(Call::Authenticate, second);
        if !first.starts_with("rejected") {
            return first;
        }
        let renewal = self.call(Call::Refresh, second);
        if renewal != format!("usr_1 has {}", self.newer) {
            return renewal;
        }
        let newer = self.newer.clone();
        self.authenticate(&newer, second)
    }
}

/// Every dialect and way to verify, with the tokens that it takes.
fn deployments() -> impl Iterator<Item = (Dialect, VerificationMode, Form)> {
    [Dialect::V1, Dialect::Pkce]
        .into_iter()
        .flat_map(|dialect| {
            [
                (dialect, VerificationMode::Cloud, Form::Jwt),
                (dialect, VerificationMode::Cloud, Form::Opaque),
                (dialect, VerificationMode::Keys, Form::Jwt),
                (dialect, VerificationMode::KeysAndSession, Form::Jwt),
            ]
        })
}

/// Every sequence of up to three calls.
fn orders() -> Vec<Vec<Call>> {
    let mut orders = vec![Vec::new()];
    let mut from = 0;
    for _ in 0..3 {
        let until = orders.len();
        for at in from..until {
            for call in CALLS {
                let mut longer = orders[at].clone();
                longer.push(call);
                orders.push(longer);
            }
        }
        from = until;
    }
    orders
}

#[test]
fn threat_035_a_refusal_by_expiry_never_stands_in_the_way_of_a_renewal() {
    for (dialect, mode, form) in deployments() {
        for order in orders() {
            for is_layer in [false, true] {
                let mut desk = Desk::new(dialect, mode, form, Session::Alive);
                let case = || format!("{dialect:?} {mode:?} {form:?} {order:?}");
                for call in &order {
                    let told = desk.call(*call, LATE);
                    if *call == Call::Validate {
                        assert_eq!(told, "usr_1", "{}", case());
                    }
                }
                if is_layer {
                    let served = desk.call(Call::Serve, LATE + 1);
                    assert_eq!(served, "user usr_1, renewed", "{}", case());
                } else {
                    assert_eq!(desk.host(LATE + 1), "user usr_1", "{}", case());
                }
            }
        }
    }
}

#[test]
fn threat_060_what_is_over_costs_two_calls_in_any_order() {
    for (dialect, mode, form) in deployments() {
        for order in orders() {
            let mut desk = Desk::new(dialect, mode, form, Session::Over);
            let old_only = order.iter().filter(|call| **call != Call::Stranger);
            for call in old_only.chain(&[Call::Serve, Call::Refresh, Call::Validate]) {
                let told = desk.call(*call, LATE);
                assert!(
                    ["rejected", "ended", "none"]
                        .iter()
                        .any(|no| told.starts_with(no)),
                    "{told}"
                );
            }
            for second in 0..5 {
                assert!(desk.host(LATE + second).starts_with("ended"));
            }
            let case = format!("{dialect:?} {mode:?} {form:?} {order:?}");
            assert!(desk.calls <= 2, "{} calls of {case}", desk.calls);
        }
    }
}

#[test]
fn a_refused_token_whose_session_stands_is_not_asked_about_with_every_request() {
    let engine = v1();
    let alive = || crate::renew::alive("usr_1", 3600);
    assert_eq!(with_bearer(&engine, "t", at(0), [status(401)]).1, 1);
    // The Cloud hands out nothing newer.
    let flow = || refreshing(&engine, token("t"));
    let ended = run(flow(), at(0), [alive()]).output;
    assert_eq!(renewal_said(&ended), "ended request_failed");
    let again = run(flow(), at(4), []).output;
    assert_eq!(renewal_said(&again), "ended request_failed");
    assert_eq!(with_cookie(&engine, "t", at(4), []).calls(), 0);
}

#[test]
fn threat_060_a_refused_cookie_that_says_that_its_end_is_far_costs_one_call() {
    let engine = v1();
    let far = short("usr_1", 0, 300);
    assert_eq!(
        with_cookie(&engine, &far, at(100), [status(401)]).calls(),
        1
    );
    assert_eq!(with_cookie(&engine, &far, at(104), []).calls(), 0);
    // This clock is behind by more than a token's life: what it says of its end is worth nothing.
    let [ahead, newer] = [short("usr_1", 200, 500), short("usr_1", 500, 800)];
    let renewed = [status(401)].into_iter().chain(renewal("usr_1", &newer));
    let served = with_cookie(&engine, &ahead, at(100), renewed);
    assert_eq!(served, left("user usr_1", Some(&newer), 3));
}

#[test]
fn threat_031_what_was_signed_out_is_renewed_in_no_order() {
    for (dialect, mode, form) in deployments() {
        for order in orders() {
            for at_first in [true, false] {
                let mut desk = Desk::new(dialect, mode, form, Session::Alive);
                let sign_out = |desk: &mut Desk| {
                    let (engine, old) = (Arc::clone(&desk.engine), token(&desk.old));
                    let flow = Logout::new(engine, old, Effort::Once, at(LATE), Jitter(1));
                    let _: SignOut = desk.drive(flow, LATE);
                };
                if at_first {
                    sign_out(&mut desk);
                }
                for call in &order {
                    let told = desk.call(*call, LATE);
                    assert!(!at_first || !told.contains("usr_1"), "{told} {order:?}");
                }
                if !at_first {
                    sign_out(&mut desk);
                }
                let case = format!("{dialect:?} {mode:?} {form:?} {order:?}");
                assert_eq!(desk.host(LATE + 1), "ended signed_out", "{case}");
                assert_eq!(
                    desk.call(Call::Serve, LATE + 1),
                    "rejected signed_out",
                    "{case}"
                );
            }
        }
    }
}
