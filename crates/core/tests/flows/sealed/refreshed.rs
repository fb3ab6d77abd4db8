//! What a refresh of a sealed session finds beside the platform's answer: a sign-out, a refusal, a newer session.

use mastra_auth_cloud_core::flow::validate_session::validate_session;
use mastra_auth_cloud_core::ids::UserId;
use mastra_auth_cloud_core::verification::{VerificationMode, VerificationOptions};

use super::around::*;
use super::*;
use crate::world::{Step, Stepped};

fn ok() -> Delivery {
    answer(200, &json!({ "ok": true }))
}

fn sign_out(engine: &Arc<Engine>, session: &str, now: Now) {
    let token = sealed(session);
    let logout = Logout::new(Arc::clone(engine), token, Effort::Full, now, Jitter(1));
    assert_eq!(run(logout, now, [ok()]).output, SignOut::Ended);
}

/// An instance of an organization.
fn of_members() -> Arc<Engine> {
    let mut config = platform_config();
    config.organization = Some(OrganizationId::parse("org_2").unwrap());
    open(config, Entropy::new([7; 32]))
}

/// Who is no member of it.
fn stranger() -> Delivery {
    answer(200, &of("usr_1", Some("org_3"), &["org_3"]))
}

fn told(said: &str, asked: &[&str]) -> (String, Vec<String>) {
    let asked = asked.iter().map(|it| (*it).to_owned()).collect();
    (said.to_owned(), asked)
}

/// A refresh of the first session under way, while an answer to another request failed and set a second one.
fn overtaken(engine: &Arc<Engine>, now: Now) -> Stepped<Renewal> {
    let mut flow = refreshing(engine, sealed("s1"));
    assert!(matches!(flow.step(Event::Start, now), Step::Send(_)));
    brief(engine, Driver::Follows, "s1", now, [failing("s2")]);
    flow
}

#[test]
fn a_session_that_was_signed_out_is_asked_about_no_more() {
    let engine = platform();
    sign_out(&engine, "s1", at(0));
    let ran = run(refreshing(&engine, sealed("s1")), at(1), []);
    assert_eq!(renewal_said(&ran.output), "ended signed_out");
}

#[test]
fn a_sign_out_of_a_newer_session_that_redis_names_late_wins() {
    let (engine, mut around) = (instance(), Around::new(at(0)));
    sign_out(&engine, "s2", at(0));
    around.redis = left_by_another("s1", Some("s2"));
    around.before_reply = Box::new(|reply, redis| redis.is_away = reply == 1);
    let refreshed = around.refresh(&engine, "s1", [ok()]);
    assert_eq!(refreshed, told("ended signed_out", &["refresh s1"]));
}

#[test]
fn without_redis_the_old_session_decides_where_the_newer_one_may_have_been_taken_back() {
    let (engine, mut around) = (platform(), Around::new(at(0)));
    around.request(&engine, "s1", [failing("s2")]);
    let refreshed = around.refresh(&engine, "s1", [ended(), ok(), me("usr_1")]);
    let asked = ["me s2", "refresh s1", "me s1"];
    assert_eq!(refreshed, told("unchanged", &asked));
    // One that was good is the newest.
    around.request(&engine, "s4", [rotated("usr_1", "s5")]);
    around.now = at(95);
    let refreshed = around.refresh(&engine, "s4", [ended()]);
    assert_eq!(refreshed, told("ended unauthorized", &["me s5"]));
}

#[test]
fn a_refresh_is_asked_for_though_the_platform_refused_both_sessions() {
    let (engine, mut around) = (platform(), Around::new(at(0)));
    around.request(&engine, "s1", [failing("s2")]);
    around.answers.extend([ended(), ended()]);
    let live = validate_session(&engine, sealed("s1"), Jitter(1));
    assert!(around.drive(live.into_task()).unwrap().is_none());
    assert_eq!(around.asked(), ["me s2", "me s1"]);
    let answers = [setting("s3", &json!({ "ok": true })), me("usr_1")];
    let refreshed = around.refresh(&engine, "s1", answers);
    let asked = ["refresh s1", "me s3"];
    assert_eq!(refreshed, told("usr_1 has s3", &asked));
}

#[test]
fn an_outage_during_a_refresh_says_nothing_though_another_answer_set_a_newer_session() {
    let mut flow = overtaken(&platform(), at(0));
    let lost = Event::Delivered(lost(TransportError::Timeout));
    let Step::Done(renewal) = flow.step(lost, at(0)) else {
        panic!("an end")
    };
    assert_eq!(renewal_said(&renewal), "unavailable timeout");
}

#[test]
fn who_left_the_organization_is_refused_by_the_newer_session_of_another_answer() {
    let engine = of_members();
    let mut around = Around::new(at(0));
    around.request(&engine, "s1", [me("usr_1")]);
    let mut flow = overtaken(&engine, at(31));
    let refused = flow.step(Event::Delivered(ended()), at(31));
    assert!(matches!(refused, Step::Send(_)));
    let Step::Done(renewal) = flow.step(Event::Delivered(stranger()), at(31)) else {
        panic!("an end")
    };
    assert_eq!(renewal_said(&renewal), "ended organization_forbidden");
}

#[test]
fn threat_031_the_end_of_a_user_wins_over_the_newer_session_of_another_answer() {
    let engine = platform();
    let mut flow = overtaken(&engine, at(1));
    let refused = flow.step(Event::Delivered(ended()), at(1));
    assert!(matches!(refused, Step::Send(_)));
    engine.end_user(&UserId::parse("usr_1").unwrap(), at(2));
    let Step::Done(renewal) = flow.step(Event::Delivered(me("usr_1")), at(2)) else {
        panic!("an end")
    };
    assert_eq!(renewal_said(&renewal), "ended signed_out");
}

#[test]
fn who_left_the_organization_is_refused_by_the_newer_session_that_redis_names() {
    let instances = [(); 4].map(|()| of_members());
    for engine in &instances {
        engine.share_sessions();
    }
    let [one, two, three, four] = instances;
    let mut around = Around::new(at(0));
    // It knew them as a member a moment ago.
    around.request(&four, "s1", [me("usr_1")]);
    around.request(&one, "s1", [rotated("usr_1", "s2")]);
    for engine in [&two, &four] {
        let refreshed = around.refresh(engine, "s1", [stranger()]);
        assert_eq!(refreshed, told("ended organization_forbidden", &["me s2"]));
    }
    around.answers.push_back(stranger());
    let said = around.look(&three, "s1");
    assert_eq!(said, "rejected organization_forbidden");
    assert_eq!(around.asked(), ["me s2"]);
}

#[test]
fn a_refresh_gives_up_at_the_third_newer_session_that_the_platform_refuses() {
    let mut around = Around::new(at(0));
    // A look, the release of its claim, and the same for the newer one.
    around.before_reply = Box::new(|reply, redis| {
        if reply % 4 == 1 {
            let newer = format!("s{}", 2 + reply / 4);
            redis
                .values
                .extend(left_by_another("s1", Some(&newer)).values);
        }
    });
    around.answers.extend([ended(), ended(), ended()]);
    let refreshed = around.refresh(&instance(), "s1", []);
    let asked = ["me s2", "me s3", "me s4"];
    assert_eq!(refreshed, told("ended unauthorized", &asked));
}

#[test]
fn threat_114_a_session_that_turns_out_to_be_another_users_is_not_replaced() {
    let engine = platform();
    let mut flow = refreshing(&engine, sealed("s1"));
    assert!(matches!(flow.step(Event::Start, at(0)), Step::Send(_)));
    // The platform says so to another request meanwhile.
    assert_eq!(
        brief(&engine, Driver::Follows, "s1", at(0), [me("usr_2")]).1,
        1
    );
    let newer = setting("s2", &json!({ "ok": true }));
    assert!(matches!(
        flow.step(Event::Delivered(newer), at(1)),
        Step::Send(_)
    ));
    let Step::Done(renewal) = flow.step(Event::Delivered(me("usr_1")), at(1)) else {
        panic!("an end")
    };
    assert_eq!(renewal_said(&renewal), "unavailable invalid_response");
}

/// The platform takes so long that its refusal counts no more.
#[test]
fn a_sealed_session_is_verified_by_the_platform_after_a_refresh_though_there_are_keys() {
    let mut config = platform_config();
    let options = VerificationOptions {
        mode: VerificationMode::Keys,
        ..VerificationOptions::default()
    };
    config.verification = options.build(&config.base_url, &config.project_id).unwrap();
    let engine = open(config, Entropy::new([7; 32]));
    let header = "__Host-mastra_session=s1";
    let credentials = Credentials::read(&engine, None, Some(header)).unwrap();
    let request = Authenticate::new(&engine, credentials.into_owned());
    let request = request.refreshed_by(Refresher::Here).into_task(Jitter(1));
    let mut flow = Stepped::from(request);
    let mut step = flow.step(Event::Start, at(0));
    for (second, answer) in [(0, ended()), (6, ok()), (6, me("usr_1"))] {
        assert!(matches!(step, Step::Send(_)), "{step:?}");
        step = flow.step(Event::Delivered(answer), at(second));
    }
    let Step::Done(verdict) = step else {
        panic!("an end")
    };
    assert_eq!(said(&verdict.answer), "user usr_1");
}
