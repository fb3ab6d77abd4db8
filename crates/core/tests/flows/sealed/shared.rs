//! Several instances, one session and one Redis: who asks the platform, and what the others are answered.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use mastra_auth_cloud_core::engine::Replies;
use mastra_auth_cloud_core::flow::refresh_session::{refresh_for_browser, refresh_session};
use mastra_auth_cloud_core::flow::validate_session::validate_session;
use mastra_auth_cloud_core::flow::{Event, Finished, Step, Task};

use super::*;
use crate::world::Sent;

/// What Redis would do.
#[derive(Default)]
pub(super) struct Redis {
    pub(super) values: BTreeMap<String, (String, Duration)>,
    pub(super) is_away: bool,
    /// Each command by its word and the end of its key.
    pub(super) seen: Vec<String>,
}

impl Redis {
    fn run(&mut self, commands: &[Vec<String>], now: Now) -> Option<Replies> {
        let short = |words: &[String]| {
            let key = words[1].rsplit(':').next().unwrap();
            format!("{} {key}", words[0])
        };
        self.seen.extend(commands.iter().map(|words| short(words)));
        if self.is_away {
            return None;
        }
        self.values.retain(|_, (_, end)| *end > now.monotonic);
        Some(commands.iter().map(|words| self.one(words, now)).collect())
    }

    fn one(&mut self, words: &[String], now: Now) -> Option<String> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (key, rest) = (words[1].to_owned(), &words[2..]);
        match (words[0], rest) {
            ("SET", [_, "NX", ..]) if self.values.contains_key(&key) => None,
            ("SET", [value, .., "PX", time]) => {
                let end = now.monotonic + Duration::from_millis(time.parse().unwrap());
                self.values.insert(key, ((*value).to_owned(), end));
                Some("OK".to_owned())
            }
            ("GETRANGE", _) => {
                let value = self.values.get(&key).map(|(value, _)| value.clone());
                Some(value.unwrap_or_default())
            }
            ("DEL", []) => Some(self.values.remove(&key).map_or("0", |_| "1").to_owned()),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn key_of(&self, end: &str) -> String {
        let mut keys = self.values.keys();
        keys.find(|key| key.ends_with(end)).unwrap().clone()
    }
}

pub(super) type During = Box<dyn FnMut(usize, &mut Redis)>;

/// The deployment's Redis, and the platform with the answers that it will give.
pub(super) struct Around {
    pub(super) redis: Redis,
    pub(super) now: Now,
    pub(super) answers: VecDeque<Delivery>,
    /// The one session that the platform knows, where it does not answer by `answers`.
    pub(super) good: Option<&'static str>,
    sent: Vec<Sent>,
    pub(super) waits: Vec<Duration>,
    /// What happens before the wait of this number is over.
    during: During,
    /// What happens before Redis answers for this number of times.
    pub(super) before_reply: During,
    pub(super) replies: usize,
}

impl Around {
    pub(super) fn new(now: Now) -> Self {
        Self {
            redis: Redis::default(),
            now,
            answers: VecDeque::new(),
            good: None,
            sent: Vec::new(),
            waits: Vec::new(),
            during: Box::new(|_, _| {}),
            before_reply: Box::new(|_, _| {}),
            replies: 0,
        }
    }

    pub(super) fn drive<T>(&mut self, mut task: Task<'_, T>) -> T {
        let mut event = Event::Start;
        loop {
            (event, task) = match task.step(event, self.now) {
                Step::Send(request, rest) => {
                    self.sent.push(Sent::of(&request));
                    let by_session = |good: &str| {
                        let cookie = self.sent.last().unwrap().cookie.clone().unwrap();
                        if cookie == format!("wos-session={good}") {
                            me("usr_1")
                        } else {
                            ended()
                        }
                    };
                    let answer = self
                        .answers
                        .pop_front()
                        .or_else(|| self.good.map(by_session));
                    let answer = answer.expect("one answer more");
                    (Event::Delivered(answer), rest)
                }
                Step::Wait(time, rest) => {
                    self.waits.push(time);
                    self.now = self.now.plus(time);
                    (self.during)(self.waits.len(), &mut self.redis);
                    (Event::Woken, rest)
                }
                Step::Share(work, rest) => {
                    let finished: Finished = self.drive(work.into_task());
                    (Event::Shared(finished), rest)
                }
                Step::Redis(commands, rest) => {
                    self.replies += 1;
                    (self.before_reply)(self.replies, &mut self.redis);
                    let replies = self.redis.run(&commands, self.now);
                    (replies.map_or(Event::Lost, Event::Replied), rest)
                }
                Step::Spawn(_, rest) => (Event::Start, rest),
                Step::Check(..) => panic!("a sealed session has no signature"),
                Step::Done(output) => return output,
            };
        }
    }

    /// What a request with this cookie is answered, the sessions that the platform was asked with, and the cookie that is set.
    pub(super) fn request(
        &mut self,
        engine: &Arc<Engine>,
        session: &str,
        answers: impl IntoIterator<Item = Delivery>,
    ) -> (String, Vec<String>, Option<String>) {
        let header = format!("__Host-mastra_session={session}");
        let credentials = Credentials::read(engine, None, Some(&header)).unwrap();
        let request = Authenticate::new(engine, credentials).refreshing();
        self.answers.extend(answers);
        let verdict = self.drive(request.into_task(Jitter(1)));
        assert!(self.answers.is_empty(), "{:?}", self.answers);
        let cookie = verdict.cookie.map(|it| {
            let mut parts = it.expose().split([';', '=']);
            parts.nth(1).unwrap().to_owned()
        });
        (said(&verdict.answer), self.asked(), cookie)
    }

    /// What a request is answered where no cookie can be set.
    pub(super) fn look(&mut self, engine: &Arc<Engine>, session: &str) -> String {
        let token = sealed(session);
        let request = Authenticate::new(engine, Credentials::session(&token));
        let verdict = self.drive(request.into_task(Jitter(1)));
        assert!(self.answers.is_empty(), "{:?}", self.answers);
        said(&verdict.answer)
    }

    pub(super) fn refresh(
        &mut self,
        engine: &Arc<Engine>,
        session: &str,
        answers: impl IntoIterator<Item = Delivery>,
    ) -> (String, Vec<String>) {
        let refresh = refresh_session(engine, sealed(session), Jitter(1));
        self.answers.extend(answers);
        let renewal = self.drive(refresh.into_task());
        assert!(self.answers.is_empty(), "{:?}", self.answers);
        (renewal_said(&renewal), self.asked())
    }

    /// The calls since the last time, each by its path's end and its session.
    pub(super) fn asked(&mut self) -> Vec<String> {
        let sent = std::mem::take(&mut self.sent).into_iter();
        let one = |sent: Sent| {
            let path = sent.path.rsplit('/').next().unwrap().to_owned();
            sent.cookie
                .unwrap()
                .replace("wos-session=", &format!("{path} "))
        };
        sent.map(one).collect()
    }
}

pub(super) fn instance() -> Arc<Engine> {
    let engine = platform();
    assert_eq!(engine.share_sessions(), Duration::from_millis(250));
    engine
}

pub(super) fn expect(
    said: &str,
    asked: &[&str],
    cookie: Option<&str>,
) -> (String, Vec<String>, Option<String>) {
    let asked = asked.iter().map(|it| (*it).to_owned()).collect();
    (said.to_owned(), asked, cookie.map(str::to_owned))
}

/// Redis after an instance was given this newer session, or claimed the old one.
pub(super) fn left_by_another(old: &str, newer: Option<&str>) -> Redis {
    let mut around = Around::new(at(0));
    let answer = newer.map_or_else(|| me("usr_1"), |newer| rotated("usr_1", newer));
    around.request(&instance(), old, [answer]);
    around.redis
}

#[test]
fn threat_033_one_instance_asks_and_the_others_take_the_newer_session() {
    let (one, two, three) = (instance(), instance(), instance());
    let mut around = Around::new(at(0));
    let first = around.request(&one, "s1", [rotated("usr_1", "s2")]);
    assert_eq!(first, expect("user usr_1", &["me s1"], Some("s2")));
    // The platform refuses the old one from now on: no other instance asks with it.
    for other in [&two, &three] {
        let answered = around.request(other, "s1", [me("usr_1")]);
        assert_eq!(answered, expect("user usr_1", &["me s2"], Some("s2")));
        // From now on it is known here, and Redis is not asked.
        around.redis.seen.clear();
        let again = around.request(other, "s1", []);
        assert_eq!(again, expect("user usr_1", &[], Some("s2")));
        let newest = around.request(other, "s2", []);
        assert_eq!(newest, expect("user usr_1", &[], None));
        assert_eq!(around.redis.seen, [""; 0]);
    }
    // It may be replaced again by each of them.
    around.now = at(40);
    let next = around.request(&two, "s1", [rotated("usr_1", "s3")]);
    assert_eq!(next, expect("user usr_1", &["me s2"], Some("s3")));
    let next = around.request(&three, "s2", [me("usr_1")]);
    assert_eq!(next, expect("user usr_1", &["me s3"], Some("s3")));
    let fresh = around.request(&instance(), "s1", [me("usr_1")]);
    assert_eq!(fresh, expect("user usr_1", &["me s3"], Some("s3")));
}

#[test]
fn an_instance_that_never_saw_the_session_goes_on_where_no_cookie_could_be_set() {
    let (one, mut around) = (instance(), Around::new(at(0)));
    for minute in 0..=25_u64 {
        around.now = at(minute * 60);
        let answer = match minute / 5 {
            number if minute % 5 == 0 => rotated("usr_1", &format!("s{}", number + 1)),
            _ => me("usr_1"),
        };
        around.answers.push_back(answer);
        assert_eq!(around.look(&one, "s0"), "user usr_1", "{minute}");
    }
    let kept = |around: &Around| {
        let keys = around.redis.values.keys();
        keys.filter(|key| key.ends_with(":newer")).count()
    };
    assert_eq!(kept(&around), 3, "the first, and two within their grace");
    // A stream that goes on with the newest alone moves the first one too.
    around.now = at(30 * 60);
    around.answers.push_back(rotated("usr_1", "s7"));
    assert_eq!(around.look(&one, "s6"), "user usr_1");
    around.now = at(100 * 60);
    around.answers.push_back(me("usr_1"));
    assert_eq!(around.look(&instance(), "s0"), "user usr_1");
    assert_eq!(around.asked().last().unwrap(), "me s7");
    assert_eq!(kept(&around), 2, "the first, and what the stream has");
    // Once the newer one is handed out, the old ones are kept for the grace alone.
    let set = around.request(&one, "s0", [me("usr_1")]);
    assert_eq!(set, expect("user usr_1", &["me s7"], Some("s7")));
    around.now = at(109 * 60);
    assert_eq!(kept(&around), 2);
    let late = around.request(&instance(), "s0", [me("usr_1")]);
    assert_eq!(late, expect("user usr_1", &["me s7"], Some("s7")));
    around.now = at(111 * 60);
    let over = around.request(&instance(), "s0", [ended(), ended()]);
    let asked = ["me s0", "refresh s0"];
    assert_eq!(over, expect("rejected unauthorized", &asked, None));
}

#[test]
fn a_look_at_a_session_alone_shares_it_for_longer_too() {
    let (one, mut around) = (instance(), Around::new(at(0)));
    around.answers.push_back(rotated("usr_1", "s1"));
    let live = around.drive(validate_session(&one, sealed("s0"), Jitter(1)).into_task());
    assert!(live.unwrap().is_some());
    around.now = at(20 * 60);
    around.answers.push_back(me("usr_1"));
    assert_eq!(around.look(&instance(), "s0"), "user usr_1");
    assert_eq!(around.asked(), ["me s0", "me s1"]);
}

#[test]
fn threat_114_redis_is_left_with_the_newer_session_alone_and_with_no_text_of_any() {
    let (engine, mut around) = (instance(), Around::new(at(0)));
    around.request(&engine, "secret-one", [me("usr_1")]);
    let look = ["SET claim", "GETRANGE newer"];
    assert_eq!(around.redis.seen, [&look[..], &["DEL claim"]].concat());
    assert!(around.redis.values.is_empty());
    around.redis.seen.clear();
    around.now = at(31);
    around.request(&engine, "secret-one", [rotated("usr_1", "secret-two")]);
    let keep = ["SET newer", "DEL claim"];
    assert_eq!(around.redis.seen, [look, keep].concat());
    let kept = format!("{:?}", around.redis.values);
    assert!(
        kept.contains(":newer") && !kept.contains("secret"),
        "{kept}"
    );
    let (_, end) = &around.redis.values[&around.redis.key_of(":newer")];
    assert_eq!(*end, Duration::from_secs(31 + 600));
}

#[test]
fn a_session_that_another_instance_asks_about_is_waited_for() {
    let (engine, mut around) = (instance(), Around::new(at(0)));
    let newer = left_by_another("s1", Some("s2"));
    let claim = newer.key_of(":newer").replace(":newer", ":claim");
    let end = Duration::from_secs(10);
    around.redis.values.insert(claim, ("1".to_owned(), end));
    around.during = Box::new(move |wait, redis| {
        if wait == 5 {
            redis.values.extend(newer.values.clone());
        }
    });
    let answered = around.request(&engine, "s1", [me("usr_1")]);
    assert_eq!(answered, expect("user usr_1", &["me s2"], Some("s2")));
    // 25 ms, doubled up to 200 ms, each spread by half.
    for (wait, base) in around.waits.iter().zip([25, 50, 100, 200, 200]) {
        let base = Duration::from_millis(base);
        assert!(*wait >= base / 2 && *wait <= base * 3 / 2, "{wait:?}");
    }
    assert_eq!(around.waits.len(), 5);
}

#[test]
fn a_claim_ends_by_itself_and_no_request_waits_longer_than_for_a_call() {
    // The other instance is lost: nothing was ever kept.
    let claimed = |seconds| {
        let mut around = Around::new(at(0));
        let newer = left_by_another("s1", Some("s2"));
        let claim = newer.key_of(":newer").replace(":newer", ":claim");
        let end = Duration::from_secs(seconds);
        around.redis.values.insert(claim, ("1".to_owned(), end));
        around
    };
    let mut around = claimed(1);
    let answered = around.request(&instance(), "s1", [me("usr_1")]);
    assert_eq!(answered, expect("user usr_1", &["me s1"], None));
    let waited = around.waits.iter().sum::<Duration>();
    assert!(waited < Duration::from_millis(1300), "{waited:?}");
    assert!(around.redis.values.is_empty(), "claimed and released");

    let mut around = claimed(10);
    let answered = around.request(&instance(), "s1", [me("usr_1")]);
    assert_eq!(answered, expect("user usr_1", &["me s1"], None));
    let waited = around.waits.iter().sum::<Duration>();
    assert!(
        waited >= Duration::from_secs(3) && waited < Duration::from_millis(3300),
        "{waited:?}"
    );
    assert_eq!(around.redis.values.len(), 1, "another's claim stays");
}

#[test]
fn a_refusal_counts_at_once_only_where_no_instance_can_have_a_newer_session() {
    let known = |around: &mut Around| {
        let engine = instance();
        around.request(&engine, "s1", [me("usr_1")]);
        around.now = at(31);
        engine
    };
    let mut around = Around::new(at(0));
    let engine = known(&mut around);
    around.redis.seen.clear();
    let refused = around.request(&engine, "s1", [ended(), ended()]);
    let asked = ["me s1", "refresh s1"];
    assert_eq!(refused, expect("rejected unauthorized", &asked, None));
    assert!(around.redis.values.is_empty(), "{:?}", around.redis.values);
    let once = ["SET claim", "GETRANGE newer", "DEL claim"];
    assert_eq!(around.redis.seen, [once, once].concat());

    // Redis is away, or another instance still asks: a grace of 30 s, as without Redis.
    let mut around = Around::new(at(0));
    let engine = known(&mut around);
    around.redis.is_away = true;
    let tolerated = around.request(&engine, "s1", [ended()]);
    assert_eq!(tolerated, expect("user usr_1", &["me s1"], None));
    let mut around = Around::new(at(0));
    let engine = known(&mut around);
    let newer = left_by_another("s1", Some("s2"));
    let claim = newer.key_of(":newer").replace(":newer", ":claim");
    let end = Duration::from_secs(99);
    around.redis.values.insert(claim, ("1".to_owned(), end));
    let tolerated = around.request(&engine, "s1", [ended()]);
    assert_eq!(tolerated, expect("user usr_1", &["me s1"], None));
}

#[test]
fn without_redis_for_a_while_a_rotation_is_kept_here_and_shared_again_later() {
    let (engine, mut around) = (instance(), Around::new(at(0)));
    around.redis.is_away = true;
    let answered = around.request(&engine, "s1", [rotated("usr_1", "s2")]);
    assert_eq!(answered, expect("user usr_1", &["me s1"], Some("s2")));
    around.redis.is_away = false;
    around.now = at(31);
    let next = around.request(&engine, "s2", [rotated("usr_1", "s3")]);
    assert_eq!(next, expect("user usr_1", &["me s2"], Some("s3")));
    let other = around.request(&instance(), "s2", [me("usr_1")]);
    assert_eq!(other, expect("user usr_1", &["me s3"], Some("s3")));
    // One warning, however often it fails, and a minute later the next with the number.
    let failed = |second| engine.redis_failed(at(second));
    assert_eq!(
        [0, 1, 59, 60, 61].map(failed),
        [Some(1), None, None, Some(3), None]
    );
}

#[test]
fn a_value_that_cannot_be_decrypted_counts_as_none() {
    let (engine, mut around) = (instance(), Around::new(at(0)));
    let mut redis = left_by_another("s1", Some("s2"));
    let key = redis.key_of(":newer");
    redis
        .values
        .insert(key, ("1 AAAA".to_owned(), Duration::MAX));
    around.redis = redis;
    let answered = around.request(&engine, "s1", [rotated("usr_1", "s3")]);
    assert_eq!(answered, expect("user usr_1", &["me s1"], Some("s3")));
    let other = around.request(&instance(), "s1", [me("usr_1")]);
    assert_eq!(other, expect("user usr_1", &["me s3"], Some("s3")));
}

#[test]
fn a_sign_out_during_the_wait_wins() {
    for is_refresh in [false, true] {
        let (engine, mut around) = (instance(), Around::new(at(0)));
        around.request(&engine, "s1", [me("usr_1")]);
        around.now = at(31);
        let newer = left_by_another("s1", Some("s2"));
        let claim = newer.key_of(":newer").replace(":newer", ":claim");
        let end = Duration::from_secs(99);
        around.redis.values.insert(claim, ("1".to_owned(), end));
        let here = Arc::clone(&engine);
        around.during = Box::new(move |wait, redis| {
            if wait == 2 {
                let logout = Logout::new(
                    Arc::clone(&here),
                    sealed("s1"),
                    Effort::Full,
                    at(31),
                    Jitter(1),
                );
                run(logout, at(31), [answer(200, &json!({ "ok": true }))]);
            }
            if wait == 3 {
                redis.values.extend(newer.values.clone());
            }
        });
        if is_refresh {
            let refreshed = around.refresh(&engine, "s1", []);
            assert_eq!(refreshed, ("ended signed_out".to_owned(), vec![]));
        } else {
            let refused = around.request(&engine, "s1", []);
            assert_eq!(refused, expect("rejected signed_out", &[], None));
        }
        assert_eq!(around.waits.len(), 2);
    }
}

#[test]
fn a_sign_out_while_redis_is_told_of_a_newer_session_wins() {
    type Job = fn(&mut Around, &Arc<Engine>) -> String;
    let jobs: [Job; 4] = [
        |around, engine| {
            let header = "__Host-mastra_session=s1";
            let credentials = Credentials::read(engine, None, Some(header)).unwrap();
            let request = Authenticate::new(engine, credentials).refreshing();
            said(&around.drive(request.into_task(Jitter(1))).answer)
        },
        |around, engine| {
            let token = sealed("s1");
            let request = Authenticate::new(engine, Credentials::session(&token));
            said(&around.drive(request.into_task(Jitter(1))).answer)
        },
        |around, engine| {
            let live = validate_session(engine, sealed("s1"), Jitter(1));
            let live = around.drive(live.into_task()).unwrap();
            live.map_or("signed_out", |_| "alive").to_owned()
        },
        |around, engine| {
            let renewal = refresh_for_browser(engine, sealed("s1"), Jitter(1));
            renewal_said(&around.drive(renewal))
        },
    ];
    // Where old sessions are shared for longer than the grace, they are moved to the newest.
    let both = [false, true].map(|is_moved| jobs.map(|job| (is_moved, job)));
    for (number, (is_moved, job)) in both.into_iter().flatten().enumerate() {
        let run_to = |sign_out_at: usize| {
            let (engine, mut around) = (instance(), Around::new(at(0)));
            around.request(&engine, "s1", [me("usr_1")]);
            if is_moved {
                around.now = at(31);
                around.answers.push_back(rotated("usr_1", "s1b"));
                assert_eq!(around.look(&engine, "s1"), "user usr_1");
            }
            let now = if is_moved { at(20 * 60) } else { at(31) };
            (around.now, around.replies) = (now, 0);
            let here = Arc::clone(&engine);
            around.before_reply = Box::new(move |reply, _| {
                if reply == sign_out_at {
                    let (token, effort) = (sealed("s1"), Effort::Full);
                    let logout = Logout::new(Arc::clone(&here), token, effort, now, Jitter(1));
                    let (mut task, mut event) = (logout.into_task(), Event::Start);
                    // Of both, where the newer one is not known to be good.
                    loop {
                        (task, event) = match task.step(event, now) {
                            Step::Send(_, rest) => {
                                let done = answer(200, &json!({ "ok": true }));
                                (rest, Event::Delivered(done))
                            }
                            Step::Redis(_, rest) => (rest, Event::Lost),
                            _ => break,
                        };
                    }
                }
            });
            // A refresh asks for the newer session first, and then whose it is.
            let answers = [rotated("usr_1", "s2"), me("usr_1")];
            around.answers.extend(answers);
            (job(&mut around, &engine), around.replies)
        };
        let (good, replies) = run_to(0);
        assert!(!good.contains("signed_out"), "{number}: {good}");
        assert!(replies >= 2, "{number}: {replies}");
        for reply in 1..=replies {
            let (said, _) = run_to(reply);
            assert!(said.contains("signed_out"), "{number}, {reply}: {said}");
        }
    }
}

#[test]
fn threat_114_a_newer_session_of_another_user_is_none() {
    let (engine, mut around) = (instance(), Around::new(at(0)));
    around.request(&engine, "s1", [me("usr_1")]);
    // Too late for what is stale.
    around.now = at(95);
    around.redis = left_by_another("s1", Some("s2"));
    let answered = around.request(&engine, "s1", [me("usr_2")]);
    assert_eq!(answered.0, "unavailable invalid_response");
    // Also where it is known here already.
    around.request(&engine, "s2", [me("usr_2")]);
    let answered = around.request(&engine, "s1", []);
    assert_eq!(answered, expect("unavailable invalid_response", &[], None));
}

#[test]
fn threat_114_sessions_that_name_one_another_in_a_circle_hold_up_no_task() {
    let mut around = Around::new(at(0));
    around.redis = left_by_another("s1", Some("s2"));
    around
        .redis
        .values
        .extend(left_by_another("s2", Some("s1")).values);
    let answered = around.request(&instance(), "s1", []);
    assert_eq!(answered.0, "rejected session_expired");
    assert!(around.redis.seen.len() < 600, "{}", around.redis.seen.len());
}

#[test]
fn a_refresh_takes_the_newer_session_too() {
    let (one, two) = (instance(), instance());
    let mut around = Around::new(at(0));
    let answers = || [setting("s2", &json!({ "ok": true })), me("usr_1")];
    let first = around.refresh(&one, "s1", answers());
    let asked = ["refresh s1", "me s2"].map(str::to_owned).to_vec();
    assert_eq!(first, ("usr_1 has s2".to_owned(), asked));
    let other = around.refresh(&two, "s1", [me("usr_1")]);
    let asked = vec!["me s2".to_owned()];
    assert_eq!(other, ("usr_1 has s2".to_owned(), asked));
    // Nothing newer: asked once, and the claim is free again.
    let same = around.refresh(
        &instance(),
        "s9",
        [answer(200, &json!({ "ok": true })), me("usr_1")],
    );
    assert_eq!(same.0, "unchanged");
    let left: Vec<_> = around
        .redis
        .values
        .keys()
        .filter(|it| it.ends_with("claim"))
        .collect();
    assert_eq!(left, [""; 0]);
}

#[test]
fn where_the_newer_session_has_ended_so_has_the_old_one() {
    let (engine, mut around) = (instance(), Around::new(at(0)));
    around.redis = left_by_another("s1", Some("s2"));
    let refused = around.request(&engine, "s1", [ended(), ended(), ended()]);
    let asked = ["me s2", "me s1", "refresh s1"];
    assert_eq!(refused, expect("rejected unauthorized", &asked, None));
    around.redis.seen.clear();
    let again = around.request(&engine, "s1", []);
    assert_eq!(again, expect("rejected unauthorized", &[], None));
    assert_eq!(around.redis.seen, [""; 0], "it is cached");
}

#[test]
fn only_sealed_sessions_are_shared() {
    let engine = instance();
    let mut around = Around::new(at(0));
    let other = crate::world::v1();
    other.share_sessions();
    let body = json!({ "user": { "id": "usr_1", "email": "ada@example.com" } });
    for (engine, answer) in [(&engine, me("usr_1")), (&other, crate::world::data(&body))] {
        let credentials = Credentials::read(engine, Some("Bearer t-1"), None).unwrap();
        around.answers.push_back(answer);
        let request = Authenticate::new(engine, credentials);
        let verdict = around.drive(request.into_task(Jitter(1)));
        assert_eq!(said(&verdict.answer), "user usr_1");
    }
    assert_eq!(around.redis.seen, [""; 0]);
    let unshared = brief(&platform(), Driver::Sets, "s1", at(0), [me("usr_1")]);
    assert_eq!(unshared, good(1, None));
}

/// An answer that failed, and yet set a newer session.
#[allow(
    clippy::unnecessary_wraps,
    reason = "a script holds failures beside it"
)]
pub(super) fn failing(newer: &str) -> Delivery {
    let response = Response::new(500, b"{}".to_vec());
    Ok(response.with_cookies([format!("wos-session={newer}; Path=/; HttpOnly")]))
}

#[test]
fn redis_is_asked_once_more_before_a_refusal_counts() {
    type Job = fn(&mut Around, &Arc<Engine>) -> (String, Vec<String>);
    let jobs: [Job; 4] = [
        |around, engine| {
            let (said, asked, _) = around.request(engine, "s1", []);
            (said, asked)
        },
        |around, engine| (around.look(engine, "s1"), around.asked()),
        |around, engine| {
            let live = validate_session(engine, sealed("s1"), Jitter(1));
            let live = around.drive(live.into_task()).unwrap();
            let said = live.map_or("signed out", |_| "user usr_1");
            (said.to_owned(), around.asked())
        },
        |around, engine| around.refresh(engine, "s1", []),
    ];
    for (number, job) in jobs.into_iter().enumerate() {
        let mut around = Around::new(at(0));
        around.redis = left_by_another("s1", Some("s2"));
        // The first look is lost.
        around.before_reply = Box::new(|reply, redis| redis.is_away = reply == 1);
        around.answers.extend([ended(), me("usr_1")]);
        let (said, asked) = job(&mut around, &instance());
        let (expect, first) = match number {
            3 => ("usr_1 has s2", "refresh s1"),
            _ => ("user usr_1", "me s1"),
        };
        assert_eq!(
            (said.as_str(), asked),
            (expect, vec![first.to_owned(), "me s2".to_owned()])
        );
    }
}

#[test]
fn a_newer_session_that_the_platform_took_back_ends_no_old_one() {
    for with_redis in [true, false] {
        let (engine, mut around) = (instance(), Around::new(at(0)));
        around.redis.is_away = !with_redis;
        around.request(&engine, "s1", [me("usr_1")]);
        around.now = at(31);
        // What is stale serves.
        let failed = around.request(&engine, "s1", [failing("s2")]);
        assert_eq!(failed, expect("user usr_1", &["me s1"], None));
        let away = || answer(503, &json!({}));
        let failed = around.request(&engine, "s1", [away(), away()]);
        assert_eq!(failed, expect("user usr_1", &["me s2", "me s2"], None));
        // The old one is good, and the newer one was never set.
        let same = || answer(200, &json!({ "ok": true }));
        let good = around.request(&engine, "s1", [ended(), same(), me("usr_1")]);
        let asked = ["me s2", "refresh s1", "me s1"];
        assert_eq!(good, expect("user usr_1", &asked, None));
        around.now = at(62);
        let good = around.request(&engine, "s1", [me("usr_1")]);
        assert_eq!(good, expect("user usr_1", &["me s1"], None));
        assert!(around.redis.values.is_empty(), "{:?}", around.redis.values);
    }
}

#[test]
fn an_instance_that_is_told_of_a_session_that_the_platform_took_back_asks_about_the_old_one() {
    type Job = fn(&mut Around, &Arc<Engine>) -> (String, Vec<String>);
    let jobs: [(Job, &[&str]); 3] = [
        (
            |around, engine| (around.look(engine, "s1"), around.asked()),
            &["me s2", "me s1"],
        ),
        (
            |around, engine| {
                let live = validate_session(engine, sealed("s1"), Jitter(1));
                let live = around.drive(live.into_task()).unwrap();
                let said = live.map_or("signed out", |_| "user usr_1");
                (said.to_owned(), around.asked())
            },
            &["me s2", "me s1"],
        ),
        (
            |around, engine| around.refresh(engine, "s1", []),
            &["me s2", "refresh s1", "me s1"],
        ),
    ];
    for (job, calls) in jobs {
        let first = instance();
        let mut around = Around::new(at(0));
        around.request(&first, "s1", [failing("s2")]);
        around.asked();
        around.answers.push_back(ended());
        if calls.len() == 3 {
            around
                .answers
                .push_back(answer(200, &json!({ "ok": true })));
        }
        around.answers.push_back(me("usr_1"));
        let (said, asked) = job(&mut around, &instance());
        assert!(
            ["user usr_1", "unchanged"].contains(&said.as_str()),
            "{said}"
        );
        assert_eq!(asked, calls);
        assert!(around.redis.values.is_empty(), "{:?}", around.redis.values);
        // The first instance knows it too, when it asks.
        around.now = at(31);
        around.answers.extend([ended(), me("usr_1")]);
        let live = validate_session(&first, sealed("s1"), Jitter(1));
        assert!(around.drive(live.into_task()).unwrap().is_some());
        assert_eq!(around.asked(), ["me s2", "me s1"]);
        around.now = at(62);
        let good = around.request(&first, "s1", [me("usr_1")]);
        assert_eq!(good, expect("user usr_1", &["me s1"], None));
    }
}

#[test]
fn what_the_platform_took_back_is_shared_until_it_accepts_the_old_session() {
    let told = || {
        let mut around = Around::new(at(0));
        around.request(&instance(), "s1", [failing("s2")]);
        around.asked();
        around
    };
    // It is known to be refused already.
    let (engine, mut around) = (instance(), told());
    around.answers.push_back(ended());
    assert_eq!(around.look(&engine, "s2"), "rejected unauthorized");
    around.answers.push_back(me("usr_1"));
    assert_eq!(around.look(&engine, "s1"), "user usr_1");
    assert_eq!(around.asked(), ["me s2", "me s1"]);
    assert!(around.redis.values.is_empty(), "{:?}", around.redis.values);

    let mut around = told();
    let away = || answer(503, &json!({}));
    around.answers.extend([ended(), away(), away()]);
    let said = around.look(&instance(), "s1");
    assert_eq!(said, "unavailable request_failed");
    assert_eq!(around.redis.values.len(), 1, "{:?}", around.redis.values);

    // Another instance asks about the old one at the same time: it may have a newer one.
    let mut around = told();
    let claim = around.redis.key_of(":newer").replace(":newer", ":claim");
    let end = Duration::from_secs(99);
    around.redis.values.insert(claim, ("1".to_owned(), end));
    around.answers.extend([ended(), me("usr_1")]);
    assert_eq!(around.look(&instance(), "s1"), "user usr_1");
    assert_eq!(around.redis.values.len(), 2, "{:?}", around.redis.values);
}

#[test]
fn a_session_is_over_where_the_platform_refuses_it_and_the_newer_one() {
    let engine = platform();
    let failed = brief(&engine, Driver::Follows, "s1", at(0), [failing("s2")]);
    assert_eq!(failed.0, "unavailable request_failed");
    let live = validate_session(&engine, sealed("s1"), Jitter(1));
    let ran = run(live.into_task(), at(1), [ended(), ended()]);
    assert!(ran.output.unwrap().is_none());
}

#[test]
fn a_sign_out_while_the_newer_session_is_asked_about_wins() {
    let (engine, mut around) = (instance(), Around::new(at(0)));
    around.request(&engine, "s1", [rotated("usr_1", "s2")]);
    (around.now, around.replies) = (at(31), 0);
    around.asked();
    let here = Arc::clone(&engine);
    around.before_reply = Box::new(move |reply, _| {
        if reply == 1 {
            let (token, effort) = (sealed("s1"), Effort::Full);
            let logout = Logout::new(Arc::clone(&here), token, effort, at(31), Jitter(1));
            run(logout, at(31), [answer(200, &json!({ "ok": true }))]);
        }
    });
    let ended = around.refresh(&engine, "s1", [ended()]);
    assert_eq!(
        ended,
        ("ended signed_out".to_owned(), vec!["me s2".to_owned()])
    );
}

#[test]
fn an_instance_with_a_newer_session_of_its_own_takes_the_one_that_others_went_on_to() {
    let (one, other) = (instance(), instance());
    let mut around = Around::new(at(0));
    // A request that can set no cookie: its browser has the first session alone.
    around.answers.push_back(rotated("usr_1", "s2"));
    assert_eq!(around.look(&one, "s1"), "user usr_1");
    for (minute, newer) in [(5, "s3"), (10, "s4"), (15, "s5"), (20, "s6")] {
        around.now = at(minute * 60);
        around.answers.push_back(rotated("usr_1", newer));
        assert_eq!(around.look(&other, "s1"), "user usr_1");
    }
    around.now = at(25 * 60);
    around.asked();
    let answered = around.request(&one, "s1", [ended(), me("usr_1")]);
    assert_eq!(
        answered,
        expect("user usr_1", &["me s2", "me s6"], Some("s6"))
    );
}

#[test]
fn a_host_is_told_that_a_session_expired_once_a_newer_one_is_known_to_be_good() {
    let engine = platform();
    let asks = |second, answers: Vec<Delivery>| {
        brief(&engine, Driver::LeavesToHost, "s1", at(second), answers)
    };
    assert_eq!(asks(0, vec![me("usr_1")]), good(1, None));
    assert_eq!(asks(31, vec![failing("s2")]), good(1, None));
    let away = || answer(503, &json!({}));
    assert_eq!(
        asks(32, vec![away(), away()]),
        good(2, None),
        "what is stale"
    );
    let late = ("unavailable request_failed".to_owned(), 2, None);
    assert_eq!(asks(95, vec![away(), away()]), late);
    assert_eq!(asks(96, vec![me("usr_1")]), rejected("session_expired", 1));
    let ran = run(
        refresh_session(&engine, sealed("s1"), Jitter(1)).into_task(),
        at(96),
        [],
    );
    assert_eq!(renewal_said(&ran.output), "usr_1 has s2");
}
