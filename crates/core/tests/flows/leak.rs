//! Canaries in everything that holds a secret, and in every answer of the Cloud: none may come out again through `Debug`,
//! `Display` or a source of an error.

use core::error::Error;
use core::fmt::Debug;
use std::collections::HashSet;
use std::sync::Arc;

use crate::world::{
    SESSION, START, Step, Stepped, answer, at, authenticate, begin, callback, looking_up, pair,
    redirect_uri, refreshing, session, state, token, verifying,
};
use mastra_auth_cloud_core::cloud::ops::Operation as _;
use mastra_auth_cloud_core::cloud::ops::destroy_session::DestroySession;
use mastra_auth_cloud_core::cloud::ops::exchange_code::ExchangeCode;
use mastra_auth_cloud_core::cloud::ops::user::GetUser;
use mastra_auth_cloud_core::cloud::ops::user_permissions::GetUserPermissions;
use mastra_auth_cloud_core::cloud::ops::validate_session::ValidateSession;
use mastra_auth_cloud_core::cloud::ops::verify_token::VerifyToken;
use mastra_auth_cloud_core::cookie::{CookieOptions, CookieSpec, values};
use mastra_auth_cloud_core::dialect::Dialect;
use mastra_auth_cloud_core::encoding::{base64url, encode_component, hex};
use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::Authentication;
use mastra_auth_cloud_core::flow::Renewal;
use mastra_auth_cloud_core::flow::authenticate::{Authenticate, Credentials, Refresher};
use mastra_auth_cloud_core::flow::callback::declined;
use mastra_auth_cloud_core::flow::sign_out::{Effort, Logout};
use mastra_auth_cloud_core::flow::{Event, Finished, Jitter, Step as CoreStep, login};
use mastra_auth_cloud_core::http::{Delivery, Response};
use mastra_auth_cloud_core::ids::{ProjectId, SessionId, UserId};
use mastra_auth_cloud_core::json;
use mastra_auth_cloud_core::login::state::State;
use mastra_auth_cloud_core::rbac::roles::RoleMapping;
use mastra_auth_cloud_core::secret::{AuthorizationCode, LoginSecret, SessionToken, Verifier};
use mastra_auth_cloud_core::session::TokenDigest;
use mastra_auth_cloud_core::time::Timestamp;
use mastra_auth_cloud_core::url::{BaseUrl, PublicUrl, RedirectUri, ReturnPath};
use serde_json::{Value, json};

/// Each of them begins with these letters, so that twelve in a row tell whose it is.
const TOKEN: &str = "canaryTOKENq.w7e8r9t0y1.u2i3o4p5a6";
const CODE: &str = "canaryCODEq7w8e9r0t1y2u3i4o5";
const STATE: &str = "canarySTATEq7w8e9r0t1y2u3i4o5";
const VERIFIER: &str = "canaryVERIFIERq7w8e9r0t1y2u3i4o5p6a7s8d9f0g";
const EMAIL: &str = "canary.email.q7w8@leak.example";
const NAME: &str = "CanaryNameQ7W8 E9R0T1";
const BODY: &str = "canaryBODYq7w8e9r0t1y2u3i4o5";
const ENTROPY: &[u8; 32] = b"canaryENTROPYq7w8e9r0t1y2u3i4o5p";

const CANARIES: [&str; 7] = [TOKEN, CODE, STATE, VERIFIER, EMAIL, NAME, BODY];

const PART: usize = 12;

fn windows(bytes: &[u8]) -> impl Iterator<Item = [u8; PART]> + '_ {
    bytes.windows(PART).filter_map(|part| part.try_into().ok())
}

/// What this run must not say: the canaries and what was derived from them.
struct Watch {
    parts: HashSet<[u8; PART]>,
}

impl Watch {
    fn new(derived: &[&str]) -> Self {
        let entropy = core::str::from_utf8(ENTROPY).unwrap();
        let secrets = CANARIES.into_iter().chain([entropy]);
        let parts = secrets
            .chain(derived.iter().copied())
            .flat_map(|secret| {
                [
                    secret.to_owned(),
                    encode_component(secret),
                    base64url(secret.as_bytes()),
                    hex(secret.as_bytes()),
                    format!("{:?}", secret.as_bytes()),
                ]
            })
            .flat_map(|form| windows(form.as_bytes()).collect::<Vec<_>>())
            .collect();
        Self { parts }
    }

    #[track_caller]
    fn text(&self, text: &str) {
        for part in windows(text.as_bytes()) {
            let shown = String::from_utf8_lossy(&part);
            assert!(!self.parts.contains(&part), "{shown} in {text}");
        }
    }

    #[track_caller]
    fn debug(&self, value: &dyn Debug) {
        self.text(&format!("{value:?}"));
        self.text(&format!("{value:#?}"));
    }

    #[track_caller]
    fn error(&self, error: &dyn Error) {
        let mut next = Some(error);
        while let Some(error) = next {
            self.text(&error.to_string());
            self.debug(&error);
            next = error.source();
        }
    }

    #[track_caller]
    fn cloud_error(&self, error: &CloudApiError) {
        self.error(error);
        self.text(error.code());
        self.text(error.message());
        self.text(error.endpoint().unwrap_or_default());
    }

    #[track_caller]
    fn answer(&self, answer: &Authentication) {
        self.debug(answer);
        match answer {
            Authentication::Rejected(error) | Authentication::Unavailable(error) => {
                self.cloud_error(error);
            }
            _ => {}
        }
    }
}

fn deployment(dialect: Dialect) -> Arc<Engine> {
    Engine::new(crate::world::config(dialect), Entropy::new(*ENTROPY))
}

fn user() -> Value {
    json!({
        "id": "usr_1", "email": EMAIL, "name": NAME, "avatar_url": format!("https://x/{BODY}"),
        "created_at": 0, "metadata": { "note": BODY }, "roles": ["member"],
    })
}

fn good(dialect: Dialect) -> Delivery {
    match dialect {
        Dialect::Pkce => answer(
            200,
            &json!({ "sub": "usr_1", "email": EMAIL, "name": NAME, "role": "member" }),
        ),
        _ => answer(200, &json!({ "ok": true, "data": { "user": user() } })),
    }
}

/// What a Cloud, or what stands before it, may answer when something is wrong: it repeats all that it knows.
fn bad_bodies() -> Vec<String> {
    let all = CANARIES.join(" ");
    // A name is a word like any other: the Cloud's own sentence may hold it.
    let told = CANARIES.into_iter().filter(|canary| *canary != NAME);
    let told = told.collect::<Vec<_>>().join(" ");
    let close = told.replace(' ', "\",\"");
    let mut bodies = vec![
        String::new(),
        all.clone(),
        format!("<html><title>{all}</title>"),
        format!("{{\"ok\":false,\"error\":{{\"message\":\"{TOKEN}"),
        json!({ "ok": false, "error": { "message": told, "code": TOKEN } }).to_string(),
        json!({ "ok": false, "error": { "message": close, "code": "x" } }).to_string(),
        json!({ "ok": false, "error": all }).to_string(),
        json!({ "ok": all, "error": { "message": told } }).to_string(),
        json!({ "ok": true, "data": all }).to_string(),
        json!({ "ok": true, "data": { "user": all, "session": all, "jwt": all } }).to_string(),
        json!({ "ok": true, "data": { "user": { "id": [all], "email": EMAIL } } }).to_string(),
        json!({ "ok": true, "data": { "user": { "id": "u", "email": { EMAIL: 1 } } } }).to_string(),
        json!({ "message": told, "code": CODE }).to_string(),
        json!({ "sub": 7, "email": EMAIL }).to_string(),
        json!({ "access_token": all, "token_type": "Bearer", "expires_in": 1 }).to_string(),
        json!([all]).to_string(),
        format!("{{\"{TOKEN}\":1,\"{TOKEN}\":2}}"),
    ];
    for canary in CANARIES
        .iter()
        .filter(|canary| **canary != NAME && **canary != BODY)
    {
        // One after the other, in the quotes and after the words that servers put round them.
        for wrapped in [
            format!("Token '{canary}' is not valid"),
            format!("key={canary}&x"),
            format!("({canary})"),
            format!("Bearer\u{0}{canary}\u{7f}"),
        ] {
            bodies.push(json!({ "ok": false, "error": { "message": wrapped } }).to_string());
            bodies.push(json!({ "message": wrapped }).to_string());
        }
    }
    bodies
}

fn bad_answers() -> impl Iterator<Item = (u16, String)> {
    bad_bodies()
        .into_iter()
        .flat_map(|body| [200, 401, 500].map(|status| (status, body.clone())))
}

fn bad_deliveries() -> impl Iterator<Item = Delivery> {
    bad_answers().map(|(status, body)| Ok(Response::new(status, body.into_bytes())))
}

#[test]
fn threat_104_words_of_the_vocabulary_are_redacted() {
    let watch = Watch::new(&[]);
    let state = State::parse(&format!("{STATE}|%2Fagents"), None).unwrap();
    watch.debug(&token(TOKEN));
    watch.debug(&AuthorizationCode::parse(CODE).unwrap());
    watch.debug(&Verifier::parse(VERIFIER).unwrap());
    watch.debug(&LoginSecret::new(*ENTROPY));
    watch.debug(&Entropy::new(*ENTROPY));
    watch.debug(&state);
    watch.debug(state.id());
    watch.debug(&TokenDigest::new(&crate::world::config(Dialect::V1), TOKEN));
    let spec = CookieSpec::new(CookieOptions::default()).unwrap();
    watch.debug(&spec.set(TOKEN, core::time::Duration::from_secs(1)).unwrap());
    let header = format!("{}={TOKEN}", spec.name());
    watch.debug(&values(&header, spec.name()).unwrap());
    watch.debug(&Response::new(200, CANARIES.concat().into_bytes()));
}

#[test]
fn threat_104_what_has_the_wrong_form_is_not_repeated() {
    let watch = Watch::new(&[]);
    let all = format!("{}\n", CANARIES.join(" "));
    let spec = CookieSpec::new(CookieOptions::default()).unwrap();
    let cookie = |name: &str, domain: Option<&str>| {
        let options = CookieOptions {
            name: name.to_owned(),
            domain: domain.map(str::to_owned),
            ..CookieOptions::default()
        };
        CookieSpec::new(options).unwrap_err()
    };
    for malformed in [
        SessionToken::parse(&all).unwrap_err(),
        AuthorizationCode::parse(&all).unwrap_err(),
        Verifier::parse(&all).unwrap_err(),
        ProjectId::parse(&all).unwrap_err(),
        UserId::parse(&all).unwrap_err(),
        SessionId::parse(&all).unwrap_err(),
        BaseUrl::parse(&all).unwrap_err(),
        BaseUrl::parse(&format!("https://{TOKEN}:{CODE}@x")).unwrap_err(),
        PublicUrl::parse(&all).unwrap_err(),
        RedirectUri::parse(&all).unwrap_err(),
        RedirectUri::parse(&format!("https://x/#{TOKEN}")).unwrap_err(),
        Timestamp::parse_iso(&all).unwrap_err(),
        json::parse(all.as_bytes(), 8).unwrap_err(),
    ] {
        watch.error(&malformed);
        watch.cloud_error(&CloudApiError::argument(malformed));
    }
    for error in [
        State::parse(&all, None).unwrap_err(),
        spec.set(&all, core::time::Duration::ZERO).unwrap_err(),
        cookie(&all, None),
        cookie("s", Some(&all)),
        RoleMapping::from_json(&all).unwrap_err(),
        RoleMapping::from_json(&json!({ "owner": TOKEN }).to_string()).unwrap_err(),
        declined(&all),
    ] {
        watch.cloud_error(&error);
    }
    watch.error(&values(&all.repeat(200), "s").err().unwrap());
    watch.text(ReturnPath::sanitize(&format!("https://evil/{TOKEN}"), None).as_str());
}

#[test]
fn threat_104_operations_and_their_requests_show_no_value() {
    let watch = Watch::new(&[]);
    for dialect in [Dialect::V1, Dialect::Pkce] {
        let config = crate::world::config(dialect);
        let (user, session) = (UserId::parse("u").unwrap(), SessionId::parse("s").unwrap());
        let exchange = ExchangeCode::new(
            AuthorizationCode::parse(CODE).unwrap(),
            Verifier::parse(VERIFIER).unwrap(),
            redirect_uri(),
        );
        watch.debug(&exchange.request(&config).unwrap());
        watch.debug(&exchange);
        let verify = VerifyToken::new(token(TOKEN));
        watch.debug(&verify.request(&config).unwrap());
        watch.debug(&verify);
        let validate = ValidateSession::new(token(TOKEN));
        watch.debug(&validate.request(&config).unwrap());
        watch.debug(&validate);
        let destroy = DestroySession::new(session, token(TOKEN));
        watch.debug(&destroy.request(&config).unwrap());
        watch.debug(&destroy);
        if let Some(get) = GetUser::new(&config, user.clone(), token(TOKEN)) {
            watch.debug(&get.request(&config).unwrap());
            watch.debug(&get);
        }
        if let Some(get) = GetUserPermissions::new(&config, user, token(TOKEN)) {
            watch.debug(&get.request(&config).unwrap());
            watch.debug(&get);
        }
    }
}

#[test]
fn threat_104_operations_repeat_nothing_of_an_answer() {
    let watch = Watch::new(&[]);
    for dialect in [Dialect::V1, Dialect::Pkce] {
        let config = crate::world::config(dialect);
        for (status, body) in bad_answers() {
            let answer = || Ok(Response::new(status, body.clone().into_bytes()));
            let exchange = ExchangeCode::new(
                AuthorizationCode::parse(CODE).unwrap(),
                Verifier::parse(VERIFIER).unwrap(),
                redirect_uri(),
            );
            let (user, session) = (UserId::parse("u").unwrap(), SessionId::parse("s").unwrap());
            let errors = [
                exchange.response(&config, answer()).err(),
                VerifyToken::new(token(TOKEN))
                    .response(&config, answer())
                    .err(),
                ValidateSession::new(token(TOKEN))
                    .response(&config, answer())
                    .err(),
                DestroySession::new(session, token(TOKEN))
                    .response(&config, answer())
                    .err(),
                GetUser::new(&config, user.clone(), token(TOKEN))
                    .and_then(|get| get.response(&config, answer()).err()),
                GetUserPermissions::new(&config, user, token(TOKEN))
                    .and_then(|get| get.response(&config, answer()).err()),
            ];
            for error in errors.into_iter().flatten() {
                watch.cloud_error(&error);
            }
        }
    }
}

/// Runs a flow with these answers and looks at it, and at every step of it, all the way.
#[track_caller]
fn watched<T: Debug>(
    watch: &Watch,
    task: impl Into<Stepped<T>>,
    answers: impl IntoIterator<Item = Delivery>,
) -> T {
    let mut answers = answers.into_iter();
    let (mut task, mut event) = (task.into(), Event::Start);
    loop {
        watch.debug(&task);
        watch.debug(&event);
        let step = task.step(event, at(1));
        watch.debug(&step);
        event = match step {
            Step::Send(_) => Event::Delivered(answers.next().unwrap()),
            Step::Wait(_) => Event::Woken,
            Step::Done(output) => return output,
        };
    }
}

#[test]
fn threat_104_a_sign_in_shows_nothing_on_its_way() {
    for dialect in [Dialect::V1, Dialect::Pkce] {
        let engine = deployment(dialect);
        let (_, cookie) = begin(&engine, STATE);
        let derived: Vec<&str> = cookie.split('.').skip(5).collect();
        let watch = Watch::new(&derived);
        watch.debug(&engine);
        watch.debug(engine.config());
        watch.debug(&login::cookie(&engine, &redirect_uri(), &state(STATE), at(0)).unwrap());
        watch.debug(&login::clear(&engine, &state(STATE)).unwrap());
        for (cookies, code) in [
            ("", CODE),
            (cookie.as_str(), "a b"),
            ("mastra_login_x=1", CODE),
        ] {
            let error = callback(&engine, STATE, code, cookies, at(1)).unwrap_err();
            watch.cloud_error(&error);
        }
        let flow = callback(&engine, STATE, CODE, &cookie, at(1)).unwrap();
        let answers = match dialect {
            Dialect::Pkce => vec![
                answer(
                    200,
                    &json!({ "access_token": TOKEN, "token_type": "Bearer", "expires_in": 60 }),
                ),
                answer(503, &json!({ "message": TOKEN })),
                good(dialect),
            ],
            _ => vec![answer(
                200,
                &json!({ "ok": true, "data": {
                    "user": user(), "session": session("ses_1", "usr_1", 60), "jwt": TOKEN,
                } }),
            )],
        };
        let signed_in = watched(&watch, flow, answers).unwrap();
        watch.debug(&signed_in);
        watch.debug(&signed_in.identity);
        watch.debug(signed_in.identity.user());
        assert_eq!(
            pair(&signed_in.cookies[1]),
            format!("__Host-mastra_session={TOKEN}")
        );
        // Again in the grace, and after it.
        watch.debug(&callback(&engine, STATE, CODE, &cookie, at(2)).unwrap());
        let error = callback(&engine, STATE, CODE, &cookie, at(30)).unwrap_err();
        watch.cloud_error(&error);
    }
}

#[test]
fn threat_104_a_failed_sign_in_shows_nothing() {
    for dialect in [Dialect::V1, Dialect::Pkce] {
        let (_, cookie) = begin(&deployment(dialect), STATE);
        let derived: Vec<&str> = cookie.split('.').skip(5).collect();
        let watch = Watch::new(&derived);
        for bad in bad_deliveries() {
            let engine = deployment(dialect);
            let flow = callback(&engine, STATE, CODE, &cookie, at(1)).unwrap();
            if let Err(error) = run_first(&watch, flow, bad) {
                watch.cloud_error(&error);
            }
        }
    }
}

#[test]
fn threat_104_a_request_shows_nothing_of_its_credentials() {
    let watch = Watch::new(&[]);
    for dialect in [Dialect::V1, Dialect::Pkce] {
        let engine = deployment(dialect);
        let (authorization, cookie) = (format!("Bearer {TOKEN}"), format!("s={TOKEN}"));
        let credentials = Credentials::read(&engine, Some(&authorization), Some(&cookie)).unwrap();
        watch.debug(&credentials);
        watch.debug(&Credentials::token(TOKEN));
        let request = Authenticate::new(&engine, credentials);
        watch.debug(&request);
        watch.debug(&request.into_task(Jitter(1)).step(Event::Start, at(1)));
        let ran = authenticate(&engine, Some(&authorization), None, at(1), [good(dialect)]);
        watch.answer(&ran.output);
        let Authentication::Authenticated(identity) = ran.output else {
            panic!("signed in");
        };
        // A deployment of its own for each: the breaker would spare it the later ones.
        for bad in bad_deliveries() {
            let flow = verifying(&deployment(dialect), &token(TOKEN));
            watch.answer(&run_first(&watch, flow, bad));
        }
        for bad in bad_deliveries() {
            let flow = looking_up(&deployment(dialect), identity.user());
            if let Err(error) = run_first(&watch, flow, bad) {
                watch.cloud_error(&error);
            }
        }
        for bad in bad_deliveries() {
            let flow = Logout::new(
                deployment(dialect),
                token(TOKEN),
                Effort::Once,
                at(1),
                Jitter(1),
            );
            watch.debug(&run_first(&watch, flow, bad));
        }
    }
}

#[test]
fn threat_104_a_renewal_shows_nothing_on_its_way() {
    let watch = Watch::new(&[]);
    for dialect in [Dialect::V1, Dialect::Pkce] {
        let handed_out = || match dialect {
            Dialect::V1 => answer(
                200,
                &json!({ "ok": true, "data": { "session": session("ses_1", "usr_1", 60), "jwt": TOKEN } }),
            ),
            _ => answer(
                200,
                &json!({ "userId": "usr_1", "createdAt": 0, "expiresAt": (START + 60) * 1000, "access_token": TOKEN }),
            ),
        };
        let engine = deployment(dialect);
        let renew = |text: &str| refreshing(&engine, token(text));
        let renewed = watched(&watch, renew("old"), [handed_out(), good(dialect)]);
        watch.debug(&renewed);
        assert!(matches!(renewed, Renewal::Renewed(_)), "{renewed:?}");
        let header = format!("{SESSION}=old; x={BODY}");
        let credentials = Credentials::read(&engine, None, Some(&header)).unwrap();
        let request = Authenticate::new(&engine, credentials).refreshed_by(Refresher::Here);
        let request = request.into_task(Jitter(1));
        watch.debug(&request);
        let step = request.step(Event::Start, at(1));
        watch.debug(&step);
        let CoreStep::Share(_, request) = step else {
            panic!("a refresh");
        };
        let event = Event::Shared(Finished::Refreshed(renewed));
        watch.debug(&event);
        watch.debug(&request.step(event, at(1)));
        for bad in bad_deliveries() {
            let flow = refreshing(&deployment(dialect), token(TOKEN));
            watch.debug(&run_first(&watch, flow, bad));
        }
        for bad in bad_deliveries() {
            let flow = refreshing(&deployment(dialect), token("old"));
            watch.debug(&watched(&watch, flow, [handed_out(), bad]));
        }
    }
}

/// One answer, and a time-out for whatever is asked after it.
fn run_first<T: Debug>(watch: &Watch, task: impl Into<Stepped<T>>, first: Delivery) -> T {
    let more = || Err(mastra_auth_cloud_core::http::TransportError::Timeout);
    watched(
        watch,
        task,
        core::iter::once(first).chain(core::iter::repeat_with(more)),
    )
}

#[test]
fn the_watch_sees_what_it_is_for() {
    let watch = Watch::new(&[]);
    for text in [
        format!("SessionToken({TOKEN:?})"),
        format!("Entropy({ENTROPY:?})"),
        format!("{:?}", TOKEN.as_bytes()),
        base64url(TOKEN.as_bytes()),
        TOKEN[3..15].to_owned(),
    ] {
        assert!(
            std::panic::catch_unwind(|| watch.text(&text)).is_err(),
            "{text}"
        );
    }
}
