//! Authenticates a request: which of its credentials counts, and the answer.
//!
//! The bearer is tried first, then the session cookies in order. So neither a stale cookie nor another provider's bearer
//! signs a user out. The first accepted credential answers. One that cannot be checked ends the search as unavailable: going
//! on would let an outage choose the user. A token of the wrong form is refused without a call.
//!
//! A cache hit costs nothing here: [`fast_path`] answers it. Where signatures are verified, that is done at once, or handed
//! out to a driver with a thread pool. A driver that can set a newer cookie has sessions refreshed near their expiry.

mod by_signature;
mod credentials;
pub mod fast_path;
mod with_refresh;

use std::sync::Arc;

use super::results::Authentication;
use super::task::{Host, Jitter, Shared, Task, Work};
use super::verify_token::{self, Known, Pace, first_look, look};
use crate::cookie::SetCookie;
use crate::counters::{Counting, Source};
use crate::engine::Engine;
use crate::engine::rotated_tokens::{HandedOut, NewerToken};
use crate::error::{CloudApiError, Code};
use crate::secret::SessionToken;
use crate::session::{Identity, TokenDigest};
use crate::time::Timestamp;
use crate::url::Site;
use credentials::Credential;
pub use credentials::{Credentials, bearer};
use with_refresh::Expiry;

/// The authentication of one request.
#[must_use = "nothing happens until the task is driven"]
pub struct Authenticate<'h> {
    engine: Arc<Engine>,
    credentials: Credentials<'h>,
    settings: Settings,
}

/// The answer to a request.
#[derive(Debug)]
#[non_exhaustive]
pub struct Verdict {
    /// The answer.
    pub answer: Authentication,
    /// Its source.
    pub source: Source,
    /// The cookie to set on the response, where a session was refreshed.
    pub cookie: Option<SetCookie>,
}

#[derive(Clone, Copy, Debug)]
struct Settings {
    counting: Counting,
    refresher: Refresher,
    /// The address of the request, for that cookie.
    site: Option<Site>,
    /// Whether long checks are handed out.
    offloads: bool,
}

/// Who refreshes the session of a cookie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refresher {
    /// It is not refreshed.
    #[default]
    None,
    /// The authentication, near or past the end of the token: for a driver that can set the newer cookie.
    Here,
    /// The host, which asks for a refresh after `session_expired`: for a driver that cannot set the newer cookie. So a cookie that
    /// a newer one replaced is refused, and one past the end of its token once a newer one is there.
    Host,
}

impl Refresher {
    /// Whether the token of an identity may be due.
    fn is_due(self, identity: &Identity, now: Timestamp) -> bool {
        match self {
            Self::None => false,
            Self::Here => identity.is_renewal_due(now),
            Self::Host => identity.is_past_end(now),
        }
    }
}

impl<'h> Authenticate<'h> {
    /// Authenticates a request by these credentials.
    pub fn new(engine: &Arc<Engine>, credentials: Credentials<'h>) -> Self {
        Self {
            engine: Arc::clone(engine),
            credentials,
            settings: Settings {
                counting: Counting::Always,
                refresher: Refresher::None,
                site: None,
                offloads: false,
            },
        }
    }

    /// Sets how the answer is counted.
    pub const fn counting(mut self, counting: Counting) -> Self {
        self.settings.counting = counting;
        self
    }

    /// Sets who refreshes the session of a cookie.
    pub const fn refreshed_by(mut self, refresher: Refresher) -> Self {
        self.settings.refresher = refresher;
        self
    }

    /// Sets the address of the request, for which a newer cookie is made; without one, it is the address last noted.
    pub const fn at(mut self, site: Option<Site>) -> Self {
        self.settings.site = site;
        self
    }

    /// Hands out long signature checks as [`Step::Check`](super::task::Step::Check): for a driver with a thread pool.
    pub const fn offloading(mut self) -> Self {
        self.settings.offloads = true;
        self
    }

    /// Copies what it needs from the headers, for a driver that cannot keep them until the end.
    pub fn into_owned(self) -> Authenticate<'static> {
        Authenticate {
            engine: self.engine,
            credentials: self.credentials.into_owned(),
            settings: self.settings,
        }
    }

    /// The authentication as a task.
    pub fn into_task(self, jitter: Jitter) -> Task<'h, Verdict> {
        Task::new(jitter, |host| self.run(host))
    }

    /// Authenticates as a part of another task.
    pub(crate) fn run(self, host: Host) -> impl Future<Output = Verdict> + use<'h> {
        let Self {
            engine,
            credentials,
            settings,
        } = self;
        let counting = settings.counting;
        let mut search = Search {
            engine,
            host,
            settings,
            begun: None,
            cookie: None,
        };
        // A block keeps what it captures once, an `async fn` its arguments twice.
        async move {
            let (answer, source) = search.run(&credentials).await;
            if counting == Counting::Always {
                search.engine.counters().answered(answer.outcome(), source);
            }
            // The refresh may have been for a token that was not accepted in the end.
            let whose = match &answer {
                Authentication::Authenticated(identity) => Some(identity.key()),
                _ => None,
            };
            let cookie = search.cookie.filter(|(of, _)| Some(*of) == whose);
            Verdict {
                answer,
                source,
                cookie: cookie.map(|(_, cookie)| cookie),
            }
        }
    }
}

impl core::fmt::Debug for Authenticate<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Authenticate")
            .field("credentials", &self.credentials)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// A search through a request's credentials.
///
/// Its parts are boxed, so that each takes less than a kilobyte: allocators are slower beyond it.
struct Search {
    engine: Arc<Engine>,
    host: Host,
    settings: Settings,
    /// The digest of the last token that a refresh was begun for.
    begun: Option<TokenDigest>,
    /// The cookie to set, and the digest of its token.
    cookie: Option<(TokenDigest, SetCookie)>,
}

/// The verdict on one credential, with its source: an answer to the request, or why the credential was refused.
type Judged = Result<(Authentication, Source), (CloudApiError, Source)>;

/// A token that is being tried.
struct Tried {
    token: SessionToken,
    digest: TokenDigest,
    /// Who refreshes its session, if it came in a cookie.
    refresher: Refresher,
    /// The serial number of its stale identity, if any.
    stale: Option<u64>,
}

impl Search {
    async fn run(&mut self, credentials: &Credentials<'_>) -> (Authentication, Source) {
        // Report the first refusal: it is of the credential with the highest precedence.
        let mut refused = None;
        for credential in credentials.iter() {
            let refresher = match self.settings.refresher {
                Refresher::Host if !credentials.is_session_of_host(credential) => Refresher::None,
                Refresher::Here if !credentials.is_from_cookie(credential) => Refresher::None,
                refresher => refresher,
            };
            match self.judge(credential, refresher).await {
                Ok(found) => return self.answered(credential, found).await,
                Err(refusal) => _ = refused.get_or_insert(refusal),
            }
        }
        if self.settings.refresher == Refresher::Here && refused.is_some() {
            for cookie in credentials.cookies() {
                match Box::pin(self.refresh_refused(cookie)).await {
                    Some(Ok(found)) => return self.answered(cookie, found).await,
                    Some(Err(refusal)) => _ = refused.get_or_insert(refusal),
                    None => {}
                }
            }
        }
        match refused {
            Some((error, source)) => (Authentication::Rejected(error), source),
            None => (Authentication::Anonymous, Source::None),
        }
    }

    /// Notes whether a newer session goes out with the answer to an old one.
    async fn answered(
        &self,
        credential: &Credential<'_>,
        found: (Authentication, Source),
    ) -> (Authentication, Source) {
        if credential.is_sealed()
            && let Authentication::Authenticated(identity) = &found.0
            && credential.digest(&self.engine) != Some(identity.key())
            && let Some(old) = credential.token()
        {
            let is_set = self
                .cookie
                .as_ref()
                .is_some_and(|(of, _)| *of == identity.key());
            let handed_out = if is_set {
                HandedOut::Yes
            } else {
                HandedOut::No
            };
            let newer = identity.user().session_token();
            let answered = self
                .host
                .answered_for(&self.engine, &old, newer, handed_out);
            if !Box::pin(answered).await {
                let error = CloudApiError::new(Code::SignedOut);
                return (Authentication::Rejected(error), Source::Cache);
            }
        }
        found
    }

    async fn judge(&mut self, credential: &Credential<'_>, refresher: Refresher) -> Judged {
        let malformed = || Err((CloudApiError::new(Code::InvalidToken), Source::None));
        let Some(digest) = credential.digest(&self.engine) else {
            return malformed();
        };
        let stale = match first_look(&self.engine, &digest, self.host.now()) {
            Known::Answer(answer) => {
                return self.found(answer, Source::Cache, refresher).await;
            }
            Known::Due(answer) => {
                if let Some(token) = credential.token() {
                    Box::pin(self.look_ahead(digest, token)).await;
                }
                // It may have been refused or revoked while a host checked its signature.
                let answer = match look(&self.engine, &digest, self.host.now()) {
                    Known::Answer(answer) => answer,
                    _ => answer,
                };
                return self.found(answer, Source::Cache, refresher).await;
            }
            Known::Ask(stale) => stale,
        };
        let Some(token) = credential.token() else {
            return malformed();
        };
        let tried = Tried {
            token,
            digest,
            refresher,
            stale: stale.map(|identity| identity.serial()),
        };
        if self.engine.keys().is_some() && !tried.token.is_sealed() {
            return Box::pin(self.by_signature(&tried)).await;
        }
        let verify = self.verify(&tried);
        Box::pin(self.ask(&tried, verify)).await
    }

    /// An answer to this credential: a session that is to be refreshed is refreshed first.
    async fn found(
        &mut self,
        answer: Authentication,
        source: Source,
        refresher: Refresher,
    ) -> Judged {
        match answer {
            Authentication::Rejected(error) => Err((error, source)),
            Authentication::Authenticated(identity) if self.is_to_refresh(&identity, refresher) => {
                Box::pin(self.refresh_good(identity, source)).await
            }
            answer => Ok((answer, source)),
        }
    }

    /// Asks the Cloud about a token; where that is due, for a newer one first.
    async fn ask(&mut self, tried: &Tried, verify: Shared<Authentication>) -> Judged {
        if let Some(newer) = self.newer_of(tried) {
            // The Cloud refuses the old one from now on: unless the newer one came with a failed answer.
            let expired = || Err((CloudApiError::new(Code::SessionExpired), Source::Cache));
            if tried.refresher == Refresher::Host && newer.is_verified() {
                return expired();
            }
            match self.refresh_unverified(tried, Expiry::Past).await {
                // What is known of an older one is served: no refresh can find more now.
                Some(Ok((Authentication::Authenticated(identity), Source::Cloud)))
                    if tried.refresher == Refresher::Host && identity.key() != tried.digest =>
                {
                    return expired();
                }
                Some(judged) => return judged,
                None => {}
            }
        } else if tried.refresher == Refresher::Here
            && let Some(due) = self.is_due(tried)
            && let Some(judged) = self.refresh_unverified(tried, due).await
        {
            return judged;
        }
        self.ask_cloud(tried, verify).await
    }

    /// The session that the Cloud set in this one's place.
    fn newer_of(&self, tried: &Tried) -> Option<NewerToken> {
        let newer = || self.engine.rotated(&tried.digest, self.host.now());
        tried.token.is_sealed().then(newer).flatten()
    }

    async fn ask_cloud(&mut self, tried: &Tried, verify: Shared<Authentication>) -> Judged {
        let answer = self.host.verify(verify).await;
        if let Authentication::Unavailable(error) = &answer
            && error.is(&Code::Timeout)
            // Else a call took too long: the request has waited long enough.
            && core::error::Error::source(error).is_none()
        {
            // The session was replaced while the Cloud was asked, here or by another instance, and the newer one is not known.
            if tried.refresher == Refresher::Host {
                return Err((CloudApiError::new(Code::SessionExpired), Source::Cache));
            }
            if (tried.refresher == Refresher::Here || self.newer_of(tried).is_some())
                && let Some(judged) = self.refresh_unverified(tried, Expiry::Past).await
            {
                return judged;
            }
        }
        let source = match &answer {
            // The task fell back to a stale identity.
            Authentication::Authenticated(found) if tried.stale == Some(found.serial()) => {
                Source::Cache
            }
            Authentication::Unavailable(error) if error.is(&Code::CircuitOpen) => Source::None,
            _ => Source::Cloud,
        };
        if let Authentication::Authenticated(identity) = &answer
            && identity.key() != tried.digest
        {
            // The answer set a newer session.
            if tried.refresher == Refresher::Host {
                return Err((CloudApiError::new(Code::SessionExpired), source));
            }
            if tried.refresher == Refresher::Here {
                match self.cookie_of(identity) {
                    Ok(cookie) => self.cookie = Some((identity.key(), cookie)),
                    Err(error) => return Ok((Authentication::Unavailable(error), source)),
                }
            }
        }
        self.found(answer, source, tried.refresher).await
    }

    fn cookie_of(&self, identity: &Identity) -> Result<SetCookie, CloudApiError> {
        let now = self.host.now().wall;
        let until = now.plus(self.engine.config().policy.session_max_age);
        let token = identity.user().session_token();
        self.engine
            .session_cookie(token, until, self.settings.site, now)
    }

    fn verify(&self, tried: &Tried) -> Shared<Authentication> {
        let (token, jitter) = (tried.token.clone(), self.host.jitter());
        verify_token::verify_token(&self.engine, tried.digest, token, Pace::Wanted, jitter)
    }

    /// Refreshes an identity that is still fresh, in the background.
    async fn look_ahead(&self, digest: TokenDigest, token: SessionToken) {
        let (engine, jitter, pace) = (&self.engine, self.host.jitter(), Pace::Ahead);
        let verify = if engine.keys().is_some() && !token.is_sealed() {
            let checked = self.host.check_signature(engine, digest, &token).await;
            let Ok(identity) = checked else {
                return;
            };
            verify_token::verify_session(engine, identity, pace, jitter)
        } else {
            verify_token::verify_token(engine, digest, token, pace, jitter)
        };
        self.host.spawn(Work::Verify(verify)).await;
    }
}
