//! Sign-ins: what a browser brings back from the Cloud.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::flow::callback::{Callback, OpenedLogin, declined};
use mastra_auth_cloud_core::flow::{Event, Jitter, Step, login};
use mastra_auth_cloud_core::http::Response;
use mastra_auth_cloud_core::ids::ProjectId;
use mastra_auth_cloud_core::login::parameters::CallbackParameters;
use mastra_auth_cloud_core::login::state::{STATE_PARAMETER, State};
use mastra_auth_cloud_core::time::{Now, Timestamp};
use mastra_auth_cloud_core::url::{BaseUrl, RedirectUri};
use url::Url;

use super::addresses::{APP, stays};
use super::answers::{DIALECTS, config, names};
use super::json::reference;
use super::script::Script;
use super::world::START;

const BACK: &str = "https://app.example.com/auth/callback";
const OWN: &str = "0b6a1f4e-own-state";

/// The query of a callback. Each parameter counts once, and says what it says to a browser's own reader.
pub fn query(data: &[u8]) {
    let text = String::from_utf8_lossy(data).replace('#', "%23");
    let mut url = Url::parse(APP).unwrap();
    url.set_query(Some(&text));
    let text = url.query().unwrap();
    let of = |name: &str| -> Vec<String> {
        let pairs = url.query_pairs().filter(|(own, _)| own == name);
        pairs.map(|(_, value)| value.into_owned()).collect()
    };
    let names = ["code", "state", "error", "again", STATE_PARAMETER];
    let is_repeated = names.iter().any(|name| of(name).len() > 1);
    let Some(read) = CallbackParameters::read(text) else {
        assert!(is_repeated);
        return;
    };
    assert!(!is_repeated);
    assert_eq!(read.code, of("code").pop());
    assert_eq!(read.error, of("error").pop());
    assert_eq!(read.again, of("again").pop());
    match of(STATE_PARAMETER).pop() {
        None => assert_eq!(read.state, of("state").pop()),
        Some(id) => assert!(read.state.unwrap().starts_with(&format!("{id}|"))),
    }
}

const BEGUN: Now = Now {
    wall: Timestamp::from_unix_seconds(START),
    monotonic: Duration::ZERO,
};

fn begun_at(engine: &Engine) -> String {
    let back = RedirectUri::parse(BACK).unwrap();
    let own = State::parse(OWN, Some(APP)).unwrap();
    let cookie = login::cookie(engine, &back, &own, BEGUN).unwrap();
    cookie.expose().split(';').next().unwrap().to_owned()
}

/// The cookies of the same sign-in for another project, and at another Cloud.
static ELSEWHERE: LazyLock<[[String; 2]; 3]> = LazyLock::new(|| {
    DIALECTS.map(|dialect| {
        let (mut project, mut cloud) = (config(dialect), config(dialect));
        project.project_id = ProjectId::parse("other").unwrap();
        cloud.base_url = BaseUrl::parse("https://other.example.com").unwrap();
        [project, cloud].map(|config| begun_at(&Engine::new(config, Entropy::new([7; 32]))))
    })
});

/// The page to sign in at is the Cloud's, and is told the state and where to come back to.
fn begins(engine: &Engine, state: &State) {
    let back = RedirectUri::parse(BACK).unwrap();
    for url in [login::url, login::url_of_host] {
        let url = url(engine, &back, state).unwrap();
        assert!(url.starts_with(engine.config().base_url.as_str()));
        let url = Url::parse(&url).unwrap();
        let told: Vec<_> = url
            .query_pairs()
            .map(|(_, value)| value.into_owned())
            .collect();
        assert!(told.contains(&state.outgoing()), "{told:?}");
        assert!(told.iter().any(|value| value.starts_with(BACK)), "{told:?}");
    }
}

/// A callback: the dialect, the seconds since the sign-in was begun, the state, the `Cookie` header and the code, each up to a
/// byte 0; then the answer of the Cloud. In the state a tilde stands for the id of a sign-in that this browser began, and in the
/// header for its cookie. There a backquote stands for the cookie of another project's sign-in with that id, and a caret for one
/// at another Cloud.
///
/// Nothing is sent but for that sign-in, by that browser, in time; once. Who signs in is whom the Cloud names.
pub fn callback(data: &[u8]) {
    let mut script = Script(data);
    let (at, seconds) = (script.below(3), script.number());
    let dialect = DIALECTS[at];
    let (state, cookies, code) = (script.text(), script.text(), script.text());
    let body = script.rest();
    assert_eq!(
        declined(&state).is_refusal(),
        declined("access_denied").is_refusal()
    );
    let engine = Engine::new(config(dialect), Entropy::new([7; 32]));
    let now = BEGUN.plus(Duration::from_secs(u64::from(seconds)));
    let [project, cloud] = &ELSEWHERE[at];
    let pair = begun_at(&engine);
    let cookies = cookies
        .replace('~', &pair)
        .replace('`', project)
        .replace('^', cloud);
    if let Ok(overdue) = login::overdue(&engine, &cookies) {
        assert!(
            overdue
                .iter()
                .all(|cleared| cookies.contains(cleared.name()))
        );
    }
    let read = || State::parse(&state.replace('~', OWN), Some(APP));
    let Ok(state) = read() else {
        return;
    };
    stays(&state.return_path(), Some(APP));
    begins(&engine, &state);
    let is_own = state.outgoing().split('|').next() == Some(OWN);
    let mut parts = cookies
        .split(';')
        .map(|part| part.trim_matches([' ', '\t']));
    let is_bound = parts.any(|part| part == pair);
    let by_host = OpenedLogin::of_host(&engine, read().unwrap(), &code, &cookies, now);
    assert!(by_host.key().is_none() || is_bound && seconds <= 300);
    let login = OpenedLogin::new(&engine, state, &cookies, now);
    let is_open = login.key().is_some();
    assert!(!is_open || is_own && is_bound && seconds <= 300);
    let callback = Callback::new(Arc::clone(&engine), login, &code, &cookies, now, Jitter(1));
    let Ok(callback) = callback else {
        return;
    };
    assert!(is_open && !callback.is_again());
    let mut answer = Some(Response::new(200, body.to_vec()));
    let (mut task, mut event) = (callback.into_task(), Event::Start);
    let outcome = loop {
        (event, task) = match task.step(event, now) {
            Step::Send(request, rest) => {
                assert!(request.url().starts_with(engine.config().base_url.as_str()));
                let response = answer
                    .take()
                    .unwrap_or_else(|| Response::new(200, body.to_vec()));
                (Event::Delivered(Ok(response)), rest)
            }
            Step::Wait(_, rest) => (Event::Woken, rest),
            Step::Done(outcome) => break outcome,
            other => panic!("{other:?}"),
        };
    };
    // Once: what comes again gets the same answer, and nothing is sent.
    let again = OpenedLogin::new(&engine, read().unwrap(), &cookies, now);
    let again = Callback::new(Arc::clone(&engine), again, &code, &cookies, now, Jitter(1));
    assert!(again.is_ok_and(|again| again.is_again()));
    let Ok(signed_in) = outcome.result else {
        return;
    };
    stays(&signed_in.return_path, Some(APP));
    let said = reference(body).unwrap().value;
    let user = signed_in.identity.user();
    assert!(names(&said, user.id().as_str()) || user.id().as_str().starts_with("project-token:"));
    let token = user.session_token().expose();
    assert!(names(&said, token) || dialect == "platform" && token == code);
    for set in &signed_in.cookies {
        assert!(set.expose().bytes().all(|byte| matches!(byte, b' '..=b'~')));
    }
}
