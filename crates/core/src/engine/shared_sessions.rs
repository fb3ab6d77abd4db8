//! Newer sealed sessions that instances share in their Redis: the commands, and what the replies say.
//!
//! Two keys for each session, named by the digest of the old session. One is the claim of the instance that asks the Cloud
//! about it now, and expires by itself. The other holds the newer session, encrypted under a key that the old session's text
//! gives. So Redis holds no credential, and only who brings the old session can read the newer one. Instances of both
//! languages and of several versions share the keys, so all of it is written here.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::sync::{Mutex, PoisonError};

use zeroize::Zeroizing;

use crate::crypto::{self, Nonce};
use crate::encoding::{Digest, base64url, base64url_decode, hmac_parts};
use crate::engine::Engine;
use crate::revocation::log_limit::LogLimit;
use crate::revocation::redis::Command;
use crate::secret::SessionToken;
use crate::time::Now;

const PREFIX: &str = "mastra-auth:sessions";
const VERSION: &str = "1 ";
/// The last byte that is read of a foreign value: the longest session is shorter, encrypted and in base64url.
const LAST_BYTE: &str = "16383";

/// Redis's replies to the commands of one step, in their order; none for nil and for what is not text.
pub type Replies = Vec<Option<String>>;

/// Whether sessions are shared, and the limit on the warnings that they cannot be.
#[derive(Debug, Default)]
pub(crate) struct SharedSessions {
    is_on: AtomicBool,
    unshared: Mutex<LogLimit>,
}

impl Engine {
    /// Shares newer sealed sessions with the other instances from now on: for a driver that has the Redis of the deployment, and
    /// does each [`Step::Redis`](crate::flow::Step::Redis). Returns the time-out of a step: a twelfth of `call_timeout`, so 250 ms
    /// by default.
    pub fn share_sessions(&self) -> Duration {
        self.shared_sessions.is_on.store(true, Ordering::Release);
        self.config().policy.call_timeout / 12
    }

    /// Counts that Redis did not answer a step in time. Returns how many of these a warning is due for now, once a minute at
    /// most.
    pub fn redis_failed(&self, now: Now) -> Option<usize> {
        let unshared = self.shared_sessions.unshared.lock();
        unshared
            .unwrap_or_else(PoisonError::into_inner)
            .add(1, now.monotonic)
    }

    /// What the instances share of this session. None where they share nothing.
    pub(crate) fn shared_session(&self, token: &SessionToken) -> Option<SharedSession> {
        let is_on = self.shared_sessions.is_on.load(Ordering::Acquire);
        (is_on && token.is_sealed()).then(|| SharedSession {
            name: format!(
                "{PREFIX}:{}:{}",
                self.namespace().as_str(),
                base64url(self.key(token).as_bytes())
            ),
            old: token.clone(),
        })
    }
}

/// What the instances share of one session.
#[derive(Debug)]
pub(crate) struct SharedSession {
    name: String,
    old: SessionToken,
}

/// What a look at a session says.
#[derive(Debug)]
pub(crate) enum Look {
    /// An instance was given this newer session. The old one may have been claimed all the same.
    Newer {
        token: SessionToken,
        is_claimed: bool,
    },
    /// There is none, and this instance may ask the Cloud about the session.
    Claimed,
    /// There is none, and another instance asks the Cloud now.
    Taken,
}

impl SharedSession {
    /// Claims the session for this long where it is free, and reads the newer one. In this order: who releases a claim has kept
    /// the newer session before.
    pub(crate) fn look(&self, time: Duration) -> Vec<Command> {
        vec![
            command(["SET", &self.claim(), "1", "NX", "PX", &millis(time)]),
            command(["GETRANGE", &self.newer(), "0", LAST_BYTE]),
        ]
    }

    /// Reads the newer session, and claims nothing.
    pub(crate) fn peek(&self) -> Command {
        command(["GETRANGE", &self.newer(), "0", LAST_BYTE])
    }

    /// The newer session that the reply to a peek holds.
    pub(crate) fn peeked(&self, replies: &[Option<String>]) -> Option<SessionToken> {
        self.decrypt(replies.first()?.as_deref()?)
    }

    /// What the replies to a look say. A value that cannot be decrypted counts as none, and so does a session that was refused.
    pub(crate) fn read(&self, replies: &[Option<String>], refused: &[SessionToken]) -> Look {
        let kept = replies.get(1).and_then(Option::as_deref);
        let newer = kept.and_then(|text| self.decrypt(text));
        let is_claimed = matches!(replies.first(), Some(Some(_)));
        match newer.filter(|newer| !refused.iter().any(|it| it.same_as(newer))) {
            Some(token) => Look::Newer { token, is_claimed },
            None if is_claimed => Look::Claimed,
            None => Look::Taken,
        }
    }

    /// Keeps the newer session for this long, and releases the claim. None where it cannot be encrypted.
    pub(crate) fn keep(&self, newer: &SessionToken, time: Duration) -> Option<Vec<Command>> {
        Some(vec![self.put(newer, time)?, self.release()])
    }

    /// Keeps the newer session for this long, and leaves the claim. None where it cannot be encrypted.
    pub(crate) fn put(&self, newer: &SessionToken, time: Duration) -> Option<Command> {
        let text = self.encrypt(newer)?;
        Some(command(["SET", &self.newer(), &text, "PX", &millis(time)]))
    }

    /// Forgets the newer session.
    pub(crate) fn forget(&self) -> Command {
        command(["DEL", &self.newer()])
    }

    /// Releases the claim.
    pub(crate) fn release(&self) -> Command {
        command(["DEL", &self.claim()])
    }

    fn claim(&self) -> String {
        format!("{}:claim", self.name)
    }

    fn newer(&self) -> String {
        format!("{}:newer", self.name)
    }

    /// The nonce is one of the text and of the old session alone, so that no other text is encrypted with it.
    fn encrypt(&self, newer: &SessionToken) -> Option<String> {
        let text = newer.expose().as_bytes();
        let mut nonce = Nonce::default();
        let derived = self.derive(b"nonce", text);
        nonce
            .iter_mut()
            .zip(derived.iter())
            .for_each(|(to, from)| *to = *from);
        let encrypted = crypto::encrypt(&self.key(), nonce, text)?;
        let bytes = [nonce.as_slice(), &encrypted].concat();
        Some(format!("{VERSION}{}", base64url(&bytes)))
    }

    fn decrypt(&self, text: &str) -> Option<SessionToken> {
        let bytes = base64url_decode(text.strip_prefix(VERSION)?)?;
        let (nonce, encrypted) = bytes.split_first_chunk()?;
        let text = crypto::decrypt(&self.key(), *nonce, encrypted)?;
        let newer = SessionToken::sealed(core::str::from_utf8(&text).ok()?).ok()?;
        (!newer.same_as(&self.old)).then_some(newer)
    }

    fn key(&self) -> Zeroizing<Digest> {
        self.derive(b"key", b"")
    }

    fn derive(&self, purpose: &[u8], text: &[u8]) -> Zeroizing<Digest> {
        let parts = [b"newer session".as_slice(), purpose, text];
        Zeroizing::new(hmac_parts(self.old.expose().as_bytes(), &parts))
    }
}

fn command<const N: usize>(words: [&str; N]) -> Command {
    words.map(str::to_owned).into()
}

fn millis(time: Duration) -> String {
    time.as_millis().max(1).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(old: &str) -> SharedSession {
        SharedSession {
            name: "mastra-auth:sessions:namespace:digest".to_owned(),
            old: SessionToken::sealed(old).unwrap(),
        }
    }

    fn newer(look: &Look) -> Option<&str> {
        match look {
            Look::Newer { token, .. } => Some(token.expose()),
            Look::Claimed | Look::Taken => None,
        }
    }

    #[test]
    fn the_commands_and_the_bytes_are_those_of_every_version() {
        let (old, second) = (shared("Fe26.2*old"), Duration::from_secs(1));
        let mut commands = old.look(second);
        let token = SessionToken::sealed("Fe26.2*newer").unwrap();
        commands.extend(old.keep(&token, second).unwrap());
        let lines: Vec<_> = commands.iter().map(|words| words.join(" ")).collect();
        let expect = "SET NAME:claim 1 NX PX 1000, GETRANGE NAME:newer 0 16383, \
            SET NAME:newer VALUE PX 1000, DEL NAME:claim";
        // As OpenSSL computes it.
        let value = "1 u5I13mrQ5mMwmd8sCuB06Z-X3VmhYNtEZRc5C6xKLwIUMrt_WKPqTQ";
        let expect = expect.replace("VALUE", value);
        let expect = expect.replace("NAME", "mastra-auth:sessions:namespace:digest");
        assert_eq!(lines.join(", "), expect);
        let text = commands[2][2].clone();
        let look = old.read(&[None, Some(text.clone())], &[]);
        assert_eq!(newer(&look), Some("Fe26.2*newer"));
    }

    #[test]
    fn threat_114_a_value_is_read_by_the_old_session_alone_and_anything_else_counts_as_none() {
        let (old, token) = (shared("old"), SessionToken::sealed("newer").unwrap());
        let text = old.encrypt(&token).unwrap();
        let claimed = |text: &str| old.read(&[Some("OK".to_owned()), Some(text.to_owned())], &[]);
        assert_eq!(newer(&claimed(&text)), Some("newer"));
        assert!(!text.contains("newer") && !text.contains("old"));
        let another = shared("other").read(&[None, Some(text.clone())], &[]);
        assert!(matches!(another, Look::Taken), "{another:?}");
        let own = old.encrypt(&SessionToken::sealed("old").unwrap()).unwrap();
        let end = text.len() - 4;
        let odd = [
            "",
            "1 ",
            "1 AAAA",
            &text[1..],
            &text[..end],
            &text.replacen('1', "2", 1),
            &own,
        ];
        for odd in odd {
            let look = claimed(odd);
            assert!(matches!(look, Look::Claimed), "{odd}: {look:?}");
        }
        for replies in [vec![], vec![None], vec![None, None]] {
            assert!(matches!(old.read(&replies, &[]), Look::Taken));
        }
    }

    #[test]
    fn the_longest_session_fits() {
        let token = SessionToken::sealed(&"a".repeat(crate::secret::MAX_TOKEN_BYTES)).unwrap();
        let text = shared("old").encrypt(&token).unwrap();
        assert!(text.len() <= 1 + LAST_BYTE.parse::<usize>().unwrap());
    }
}
