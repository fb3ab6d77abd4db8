//! Several instances around one Redis and one platform, driven step by step.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use mastra_auth_cloud_core::engine::Replies;
use mastra_auth_cloud_core::flow::refresh_session::refresh_session;
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
    pub(super) during: During,
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
        let request = Authenticate::new(engine, credentials).refreshed_by(Refresher::Here);
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

/// An answer that failed, and yet set a newer session.
#[allow(
    clippy::unnecessary_wraps,
    reason = "a script holds failures beside it"
)]
pub(super) fn failing(newer: &str) -> Delivery {
    let response = Response::new(500, b"{}".to_vec());
    Ok(response.with_cookies([format!("wos-session={newer}; Path=/; HttpOnly")]))
}
