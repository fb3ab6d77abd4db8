//! Tokens that are verified by signature: what is checked, and what follows.

use super::super::fetch_keys::fetch_keys;
use super::super::task::Work;
use super::super::verify_token::{Known, Pace, look, settle, verify_session};
use super::{Authentication, Judged, Search, Tried};
use crate::counters::Source;
use crate::engine::SignatureCheck;
use crate::engine::jwks_cache::Refetch;
use crate::engine::signature_check::SignatureError;
use crate::error::{CloudApiError, Code};
use crate::jwt::Reason;
use crate::session::Identity;
use crate::session::lookup::{Lookup, Refusal};

/// The result of a check; an answer where another request found it out first.
#[allow(clippy::large_enum_variant, reason = "it is taken apart at once")]
enum Checked {
    Found(Result<Identity, SignatureError>),
    Answer(Authentication),
}

impl Search {
    pub(super) async fn by_signature(&mut self, tried: &Tried) -> Judged {
        let mut has_fetched = false;
        loop {
            let unproven = match self.check(tried).await {
                Checked::Answer(answer) => {
                    return self.found(answer, Source::Cache, tried.refresher).await;
                }
                Checked::Found(Ok(identity)) => {
                    self.fetch_ahead().await;
                    if self.engine.config().verification.session_every().is_some() {
                        let jitter = self.host.jitter();
                        let verify = verify_session(&self.engine, identity, Pace::Wanted, jitter);
                        return Box::pin(self.ask(tried, verify)).await;
                    }
                    let answer = settle(&self.engine, identity, self.host.now());
                    return self.found(answer, Source::Keys, tried.refresher).await;
                }
                Checked::Found(Err(SignatureError::Refused(error))) => {
                    // A token that is merely expired is not cached as refused: its session may be refreshed.
                    if !error.is(&Code::SessionExpired) {
                        let refusal = Refusal::session(error.clone());
                        self.engine.refused(tried.digest, refusal, self.host.now());
                    }
                    return Err((error, Source::Keys));
                }
                Checked::Found(Err(unproven)) => unproven,
            };
            if unproven == SignatureError::Unchecked {
                return self.without_keys(tried).await;
            }
            // Fetches the keys, once and where that can help.
            let keys = self.engine.keys();
            let refetch = keys.map_or(Refetch::Pointless, |keys| keys.refetch(self.host.now()));
            if refetch == Refetch::Possible && !has_fetched {
                has_fetched = true;
                let fetch = fetch_keys(&self.engine, self.host.jitter());
                self.host.fetch_keys(fetch).await;
                continue;
            }
            if refetch == Refetch::Pointless && unproven == SignatureError::UnknownKey {
                // Not cached: the key may be published at any moment.
                return Err((Reason::UnknownKey.into(), Source::Keys));
            }
            // Other keys may exist but cannot be fetched.
            return self.without_keys(tried).await;
        }
    }

    /// The answer where nothing can be found out.
    async fn without_keys(&mut self, tried: &Tried) -> Judged {
        if let Lookup::Stale(identity) = self.engine.lookup(&tried.digest, self.host.now()) {
            let answer = Authentication::Authenticated(identity);
            return self.found(answer, Source::Cache, tried.refresher).await;
        }
        let error = CloudApiError::new(Code::KeysUnavailable);
        Ok((Authentication::Unavailable(error), Source::Keys))
    }

    /// Checks the signature here, or hands out a check that is long, or the host's.
    async fn check(&self, tried: &Tried) -> Checked {
        let (engine, digest, token) = (&self.engine, tried.digest, &tried.token);
        while let Some(check) = self.check_to_hand_out(tried) {
            let Some(checked) = self.host.check(check).await else {
                break;
            };
            let now = self.host.now();
            // Another request may have verified the token meanwhile, or a sign-out denied it.
            if let Known::Answer(answer) | Known::Due(answer) = look(engine, &digest, now) {
                return Checked::Answer(answer);
            }
            // Without a result for these keys, which were replaced meanwhile, the token is checked anew.
            if let Some(found) = checked.of(engine, &digest, now) {
                return Checked::Found(found);
            }
        }
        Checked::Found(self.host.check_signature(engine, digest, token).await)
    }

    /// A check to hand out; none where it is short, or where the driver takes none.
    fn check_to_hand_out(&self, tried: &Tried) -> Option<SignatureCheck> {
        let asks_host = self.engine.asks_host();
        if !asks_host && !self.settings.offloads {
            return None;
        }
        let now = self.host.now();
        SignatureCheck::new(&self.engine, tried.digest, &tried.token, now)
            .filter(|check| asks_host || check.is_long())
    }

    /// Fetches the keys in the background, if that is due.
    async fn fetch_ahead(&self) {
        let (engine, now) = (&self.engine, self.host.now());
        if engine.keys().is_some_and(|keys| keys.is_due(now)) {
            let fetch = fetch_keys(engine, self.host.jitter());
            self.host.spawn(Work::FetchKeys(fetch)).await;
        }
    }
}
