//! A clock that is ahead of the Cloud's: the operator is warned once, whichever call reveals it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mastra_auth_cloud::login::{RedirectUri, ReturnPath, State};
use mastra_auth_cloud::transport::{Request, Response, Transport, TransportFuture};
use mastra_auth_cloud::{Authentication, MastraCloudAuth, SessionToken};
use mastra_auth_cloud_core::encoding::base64url;
use serde_json::json;

use crate::ear::Ear;

const HOUR: u64 = 3_600;

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// A token of an hour that began so many seconds ago.
fn token(age: u64) -> String {
    let begun = now() - age;
    let claims = json!({ "sub": "usr_1", "sid": "ses_1", "iat": begun, "exp": begun + HOUR });
    format!("e30.{}.c2ln", base64url(claims.to_string().as_bytes()))
}

/// A Cloud that vouches for everything, and hands out this token.
struct Vouching(String);

impl Transport for Vouching {
    fn send(&self, _: Request) -> TransportFuture<'_> {
        let (from, to) = (now() * 1000, (now() + 24 * HOUR) * 1000);
        let session =
            json!({ "id": "ses_1", "user_id": "usr_1", "created_at": from, "expires_at": to });
        let user = json!({ "id": "usr_1", "email": "ada@example.com", "created_at": from });
        let data = json!({ "user": user, "session": session, "jwt": self.0 });
        let body = json!({ "ok": true, "data": data }).to_string();
        Box::pin(async move { Ok(Response::new(200, body.into_bytes())) })
    }
}

fn provider(handed_out: &str) -> MastraCloudAuth {
    MastraCloudAuth::builder()
        .project_id("demo")
        .public_url("https://app.example.com")
        .fresh_for(Duration::ZERO)
        .transport(Vouching(handed_out.to_owned()))
        .build()
        .unwrap()
}

async fn by_a_request(auth: &MastraCloudAuth, token: &str) {
    for _ in 0..3 {
        let answer = auth.authenticate_token(token).await;
        assert!(
            matches!(answer, Authentication::Authenticated(_)),
            "{answer:?}"
        );
    }
}

async fn by_a_renewal(auth: &MastraCloudAuth, _: &str) {
    let old = SessionToken::parse("an-older-one").unwrap();
    assert!(auth.refresh_session(&old).await.unwrap().is_some());
}

async fn by_a_sign_in(auth: &MastraCloudAuth, _: &str) {
    let redirect_uri = RedirectUri::parse("https://app.example.com/auth/callback").unwrap();
    let start = auth
        .begin_login(&redirect_uri, ReturnPath::default(), None)
        .unwrap();
    let (_, query) = start.location.expose().split_once('?').unwrap();
    let mut parameters = url::form_urlencoded::parse(query.as_bytes());
    let (_, state) = parameters.find(|(name, _)| name == "state").unwrap();
    let state = State::parse(&state, None).unwrap();
    let cookie = start.cookies.last().unwrap().expose();
    let cookie = cookie.split(';').next().unwrap();
    auth.finish_login("c0de", state, cookie).await.unwrap();
}

#[tokio::test]
async fn a_clock_that_is_ahead_is_warned_of_once_however_it_comes_to_light() {
    let (ear, _listens) = Ear::listen();
    for (age, times) in [(2 * HOUR, 1), (0, 0)] {
        let token = token(age);
        for way in 0..3 {
            let auth = provider(&token);
            match way {
                0 => by_a_request(&auth, &token).await,
                1 => by_a_renewal(&auth, &token).await,
                _ => by_a_sign_in(&auth, &token).await,
            }
            let told = ear.take();
            let told: Vec<_> = told
                .iter()
                .filter(|told| told.is("clock_ahead", &[]))
                .collect();
            assert_eq!(told.len(), times, "{age} {way}");
            for told in told {
                assert_eq!(
                    (&*told.level, &*told.target),
                    ("WARN", "mastra_auth::setup")
                );
                assert_eq!(told.values["code"], "clock_ahead");
                assert!(told.values["ahead_seconds"].parse::<u64>().unwrap() >= HOUR);
                assert!(told.values["message"].contains("the clock of this machine is ahead"));
            }
        }
    }
}
