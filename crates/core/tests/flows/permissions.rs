//! What a user may do.

use std::sync::Arc;

use mastra_auth_cloud_core::cloud::model::CloudUser;
use mastra_auth_cloud_core::cloud::ops::user::GetUser;
use mastra_auth_cloud_core::dialect::Dialect;
use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::flow::Authentication;
use mastra_auth_cloud_core::flow::call::call;
use mastra_auth_cloud_core::flow::permissions::FetchPermissions;
use mastra_auth_cloud_core::flow::sign_out::{Effort, Logout};
use mastra_auth_cloud_core::flow::{Event, Jitter};
use mastra_auth_cloud_core::http::{Delivery, TransportError};
use mastra_auth_cloud_core::ids::{SessionId, UserId};
use mastra_auth_cloud_core::rbac::roles::RoleMapping;
use serde_json::json;

use crate::world::{
    START, Step, answer, at, authenticate, config, data, jwt, looking_up, lost, pkce, run, status,
    v1, verified, with_bearer,
};

/// A user as the Cloud answers a verification.
pub(crate) fn somebody(engine: &Arc<Engine>, token: &str, answer: Delivery) -> CloudUser {
    let header = format!("Bearer {token}");
    match authenticate(engine, Some(&header), None, at(0), [answer]).output {
        Authentication::Authenticated(identity) => identity.user().clone(),
        other => panic!("{other:?}"),
    }
}

/// What a look-up gives, and how many calls it took.
pub(crate) fn ask(
    engine: &Arc<Engine>,
    user: &CloudUser,
    seconds: u64,
    answers: Vec<Delivery>,
) -> (Result<Vec<String>, String>, usize) {
    let flow = looking_up(engine, user);
    let ran = run(flow, at(seconds), answers);
    for sent in &ran.sent {
        assert_eq!(
            sent.path,
            format!("/api/v1/users/{}/permissions", user.id())
        );
        assert_eq!(sent.bearer.as_deref(), Some(user.session_token().expose()));
    }
    let grants = ran
        .output
        .map(|grants| grants.iter().map(ToOwned::to_owned).collect())
        .map_err(|error| error.code().to_owned());
    (grants, ran.sent.len())
}

pub(crate) fn grants(list: &[&str]) -> Delivery {
    data(&json!({ "permissions": list }))
}

pub(crate) fn has(list: &[&str], calls: usize) -> (Result<Vec<String>, String>, usize) {
    (
        Ok(list.iter().map(|text| (*text).to_owned()).collect()),
        calls,
    )
}

pub(crate) fn failed(code: &str, calls: usize) -> (Result<Vec<String>, String>, usize) {
    (Err(code.to_owned()), calls)
}

#[test]
fn threat_065_a_change_is_seen_within_the_fresh_time() {
    let engine = v1();
    let user = somebody(&engine, "t", verified("u", &["owner"]));
    assert_eq!(
        ask(&engine, &user, 0, vec![grants(&["agents:read"])]),
        has(&["agents:read"], 1)
    );
    assert_eq!(ask(&engine, &user, 29, vec![]), has(&["agents:read"], 0));
    assert_eq!(ask(&engine, &user, 30, vec![grants(&[])]), has(&[], 1));
    assert_eq!(ask(&engine, &user, 31, vec![]), has(&[], 0));
}

#[test]
fn not_to_know_is_an_error_and_never_none() {
    let engine = v1();
    let user = somebody(&engine, "t", verified("u", &["owner"]));
    let gone = || lost(TransportError::Timeout);
    assert_eq!(ask(&engine, &user, 0, vec![gone()]), failed("timeout", 1));
    assert_eq!(
        ask(&engine, &user, 0, vec![status(500)]),
        failed("request_failed", 1)
    );
    assert_eq!(
        ask(&engine, &user, 0, vec![data(&json!({}))]),
        failed("invalid_response", 1)
    );
    assert_eq!(
        ask(&engine, &user, 0, vec![grants(&["a:b"])]),
        has(&["a:b"], 1)
    );
    assert_eq!(
        ask(&engine, &user, 31, vec![gone()]),
        has(&["a:b"], 1),
        "stale"
    );
    assert_eq!(
        ask(&engine, &user, 89, vec![status(502), status(502)]),
        has(&["a:b"], 2)
    );
    assert_eq!(ask(&engine, &user, 90, vec![gone()]), failed("timeout", 1));
}

#[test]
fn a_refusal_means_none() {
    for refusal in [401, 403, 404] {
        let engine = v1();
        let user = somebody(&engine, "t", verified("u", &["owner"]));
        assert_eq!(
            ask(&engine, &user, 0, vec![grants(&["a:b"])]),
            has(&["a:b"], 1)
        );
        assert_eq!(ask(&engine, &user, 31, vec![status(refusal)]), has(&[], 1));
        assert_eq!(ask(&engine, &user, 32, vec![]), has(&[], 0), "remembered");
    }
}

#[test]
fn a_cloud_that_fails_is_left_alone_here_too() {
    let engine = v1();
    let user = somebody(&engine, "t", verified("u", &[]));
    for _ in 0..5 {
        assert_eq!(
            ask(&engine, &user, 0, vec![status(500)]),
            failed("request_failed", 1)
        );
    }
    assert_eq!(ask(&engine, &user, 1, vec![]), failed("circuit_open", 0));
}

#[test]
fn two_people_have_their_own() {
    let engine = v1();
    let ada = somebody(&engine, "token-a", verified("ada", &[]));
    let bob = somebody(&engine, "token-b", verified("bob", &[]));
    assert_eq!(ask(&engine, &ada, 0, vec![grants(&["*"])]), has(&["*"], 1));
    assert_eq!(ask(&engine, &bob, 0, vec![grants(&[])]), has(&[], 1));
    assert_eq!(ask(&engine, &ada, 1, vec![]), has(&["*"], 0));
    assert_eq!(ask(&engine, &bob, 1, vec![]), has(&[], 0));
}

#[test]
fn with_a_role_mapping_nobody_is_asked() {
    let mut config = config(Dialect::V1);
    let mapping = r#"{"owner":["*"],"reader":["agents:read"]}"#;
    config.role_mapping = Some(RoleMapping::from_json(mapping).unwrap());
    let engine = Engine::new(config, Entropy::new([7; 32]));
    let reader = somebody(&engine, "t", verified("u", &["reader"]));
    assert_eq!(ask(&engine, &reader, 0, vec![]), has(&["agents:read"], 0));
}

#[test]
fn threat_063_no_role_or_an_unknown_one_grants_nothing() {
    let mut config = config(Dialect::V1);
    config.role_mapping = Some(RoleMapping::default_roles());
    let engine = Engine::new(config, Entropy::new([7; 32]));
    for (n, roles) in [&[][..], &["Owner"], &["superuser"], &["owner "]]
        .iter()
        .enumerate()
    {
        let user = somebody(&engine, &format!("t{n}"), verified("u", roles));
        assert_eq!(ask(&engine, &user, 0, vec![]), has(&[], 0), "{roles:?}");
    }
    let engine = pkce();
    for (role, expect) in [("owner", &["*"][..]), ("stranger", &[])] {
        let claims = answer(200, &json!({ "sub": "u", "email": "", "role": role }));
        let user = somebody(&engine, role, claims);
        assert_eq!(ask(&engine, &user, 0, vec![]), has(expect, 0));
    }
}

#[test]
fn threat_078_one_token_asks_about_two_users_apart() {
    let engine = v1();
    let own = somebody(&engine, "t", verified("usr_1", &["viewer"]));
    // A colleague, looked up with the same token.
    let get = GetUser::new(
        engine.config(),
        UserId::parse("usr_2").unwrap(),
        own.session_token().clone(),
    );
    let call = call(Arc::clone(engine.config()), get.unwrap(), Jitter(1));
    let other = run(call, at(0), [verified("usr_2", &["owner"])])
        .output
        .unwrap();
    assert!(other.session_token().same_as(own.session_token()));
    assert_eq!(
        ask(&engine, &other, 0, vec![grants(&["*"])]),
        has(&["*"], 1)
    );
    assert_eq!(
        ask(&engine, &own, 0, vec![grants(&["agents:read"])]),
        has(&["agents:read"], 1)
    );
    let key = |user| {
        let fetch = FetchPermissions::new(Arc::clone(&engine), user);
        fetch.into_shared(Jitter(1)).key()
    };
    assert_ne!(key(&own), key(&other), "nor do they share a call");
}

#[test]
fn another_account_than_the_one_asked_for_is_no_answer() {
    let engine = v1();
    let own = somebody(&engine, "t", verified("usr_1", &[]));
    let get = GetUser::new(
        engine.config(),
        own.id().clone(),
        own.session_token().clone(),
    );
    let call = call(Arc::clone(engine.config()), get.unwrap(), Jitter(1));
    let error = run(call, at(0), [verified("usr_2", &[])])
        .output
        .unwrap_err();
    assert_eq!(error.code(), "invalid_response");
}

#[test]
fn what_follows_from_roles_is_known_without_a_shared_call() {
    let engine = pkce();
    let answer = |role| {
        answer(
            200,
            &json!({ "sub": "usr_1", "email": "a@b.example", "role": role }),
        )
    };
    let old = somebody(&engine, "t", answer("owner"));
    let other = pkce();
    let new = somebody(&other, "t", answer("viewer"));
    for (user, may) in [(&old, true), (&new, false)] {
        let fetch = FetchPermissions::new(Arc::clone(&engine), user);
        assert_eq!(fetch.known(at(0)).unwrap().allows("agents:delete"), may);
    }
}

/// A way to end a user's session.
type End<'a> = &'a dyn Fn(&Arc<Engine>, &CloudUser);

fn issued(session: &str, seconds: i64) -> String {
    jwt(&json!({ "sub": "u", "sid": session, "iat": START + seconds, "exp": START + 7200 }))
}

#[test]
fn threat_065_whoever_holds_a_user_whose_session_ended_gets_no_permissions() {
    let ends: [End<'_>; 4] = [
        &|engine, user| {
            let token = user.session_token().clone();
            let flow = Logout::new(Arc::clone(engine), token, Effort::Once, at(5), Jitter(1));
            let _ = run(flow, at(5), [status(500)]);
        },
        &|engine, _| engine.end_session(&SessionId::parse("s1").unwrap(), at(5)),
        &|engine, _| engine.end_user(&UserId::parse("u").unwrap(), at(5)),
        &|engine, _| {
            let at = START * 1000;
            let said = format!(
                "1 {} session {at} {} s1",
                engine.namespace(),
                at + 3_600_000
            );
            engine.apply_texts([said.as_str()], self::at(5));
        },
    ];
    for end in ends {
        for is_remembered in [true, false] {
            for roles in [false, true] {
                let mut config = config(Dialect::V1);
                config.role_mapping = roles.then(RoleMapping::default_roles);
                let engine = Engine::new(config, Entropy::new([7; 32]));
                let user = somebody(&engine, &issued("s1", 0), verified("u", &["owner"]));
                let other = somebody(&engine, &issued("s2", 0), verified("v", &["owner"]));
                let calls = usize::from(!roles);
                let answers = || (0..calls).map(|_| grants(&["*"])).collect();
                assert_eq!(ask(&engine, &user, 1, answers()), has(&["*"], calls));
                // As after a restart, or where the memory is small.
                if !is_remembered {
                    engine.forget(user.session_token());
                }
                end(&engine, &user);
                for seconds in [5, 29, 31, 95] {
                    let fetch = FetchPermissions::new(Arc::clone(&engine), &user);
                    assert!(fetch.known(at(seconds)).is_none());
                    assert_eq!(
                        ask(&engine, &user, seconds, vec![]),
                        failed("signed_out", 0)
                    );
                }
                assert_eq!(ask(&engine, &other, 6, answers()), has(&["*"], calls));
            }
        }
    }
}

#[test]
fn threat_065_permissions_that_arrive_after_the_end_are_not_given() {
    for answer in [grants(&["*"]), status(401), lost(TransportError::Timeout)] {
        let engine = v1();
        let user = somebody(&engine, &issued("s1", 0), verified("u", &["owner"]));
        // Known well enough for an outage.
        assert_eq!(ask(&engine, &user, 0, vec![grants(&["*"])]), has(&["*"], 1));
        let mut flow = looking_up(&engine, &user);
        assert!(matches!(flow.step(Event::Start, at(31)), Step::Send(_)));
        engine.end_session(&SessionId::parse("s1").unwrap(), at(32));
        let Step::Done(result) = flow.step(Event::Delivered(answer), at(32)) else {
            panic!("one call is enough");
        };
        assert_eq!(result.unwrap_err().code(), "signed_out");
        assert_eq!(ask(&engine, &user, 33, vec![]), failed("signed_out", 0));
    }
}

#[test]
fn threat_065_what_was_known_before_an_outage_is_judged_by_what_is_known_after_it() {
    // Not refused, refused while the Cloud was asked, and too old by then.
    for (asked_at, refused_at, end, told) in [
        (31, None, 33, has(&["*"], 0)),
        (31, Some(32), 33, failed("timeout", 0)),
        (89, None, 90, failed("timeout", 0)),
    ] {
        let engine = v1();
        let user = somebody(&engine, "t", verified("u", &["owner"]));
        assert_eq!(ask(&engine, &user, 0, vec![grants(&["*"])]), has(&["*"], 1));
        let mut flow = looking_up(&engine, &user);
        assert!(matches!(
            flow.step(Event::Start, at(asked_at)),
            Step::Send(_)
        ));
        if let Some(second) = refused_at {
            let refused = with_bearer(&engine, "t", at(second), [status(401)]);
            assert_eq!(refused.0, "rejected request_failed");
        }
        let away = Event::Delivered(lost(TransportError::Timeout));
        let Step::Done(result) = flow.step(away, at(end)) else {
            panic!("one call is enough");
        };
        let grants = result.map(|grants| grants.iter().map(ToOwned::to_owned).collect());
        let grants = grants.map_err(|error| error.code().to_owned());
        assert_eq!((grants, 0), told);
    }
}
