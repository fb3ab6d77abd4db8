//! Where a program's token comes from, and who refreshes it.
//!
//! From the variable `MASTRA_API_TOKEN`, as it is; else from the credentials file. A token of the file is verified before its
//! first use in this process, and refreshed where the platform refuses it. Callers of one process share one refresh, and
//! processes exclude one another with the file's lock: the later one finds the newer token in the file.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mastra_auth_cloud_core::error::{CloudApiError, Code};
use mastra_auth_cloud_core::ids::OrganizationId;
use mastra_auth_cloud_core::secret::{RefreshToken, SessionToken};

use super::credentials::Credentials;
use super::file::CredentialsFile;
use super::platform::{DEFAULT_PLATFORM_URL, Platform};
use crate::single_flight::SingleFlight;
use crate::{system, telemetry};

const API_URL: &str = "MASTRA_PLATFORM_API_URL";
const API_TOKEN: &str = "MASTRA_API_TOKEN";
const ORGANIZATION: &str = "MASTRA_ORG_ID";

/// A wait for other processes, a verification and a refresh.
const LONGEST: Duration = Duration::from_mins(3);
/// How often, and how long apart, the file is read again after a refusal.
const LOOKS: u32 = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Where a token comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenOrigin {
    /// The environment, which nothing here refreshes.
    Environment,
    /// The credentials file.
    File,
}

/// Gives a program its token, and refreshes it once for however many callers. Cheap to clone.
///
/// # Examples
///
/// ```no_run
/// use mastra_auth_cloud::program::TokenSource;
///
/// # async fn example(http: reqwest::Client) -> Result<(), Box<dyn std::error::Error>> {
/// let source = TokenSource::from_env()?;
/// // `call` refreshes the token where the server answers 401, and calls once more.
/// let answer = source
///     .call(
///         |token| http.get("https://my-server.example/api/agents").bearer_auth(token.expose()).send(),
///         |answer| answer.as_ref().is_ok_and(|answer| answer.status() == 401),
///     )
///     .await??;
/// println!("{}", answer.status());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TokenSource {
    shared: Arc<Shared>,
    flights: Arc<SingleFlight<(), Result<SessionToken, CloudApiError>>>,
}

struct Shared {
    platform: Platform,
    file: CredentialsFile,
    fixed: Option<SessionToken>,
    organization: Option<OrganizationId>,
    /// The token that the platform accepted last, or gave.
    good: Mutex<Option<SessionToken>>,
    unkept: Mutex<Option<Unkept>>,
}

/// A newer sign-in that could not be written. It counts as long as the file holds the refresh token that is spent.
struct Unkept {
    spent: RefreshToken,
    newer: Credentials,
}

impl TokenSource {
    /// A source over this file alone, whatever the environment holds.
    pub fn new(platform: Platform, file: CredentialsFile) -> Self {
        Self::with(platform, file, None, None)
    }

    /// A source as the environment says. An empty variable counts as absent.
    ///
    /// - `MASTRA_API_TOKEN`: the token, which is used as it is. Without it, the credentials file in the home folder counts.
    /// - `MASTRA_ORG_ID`: the organization that calls are for; else the file says it.
    /// - `MASTRA_PLATFORM_API_URL`: the platform's address; default [`DEFAULT_PLATFORM_URL`].
    ///
    /// # Errors
    ///
    /// `invalid_configuration`; the message names the variable and no value.
    pub fn from_env() -> Result<Self, CloudApiError> {
        let url = read(API_URL);
        let url = url.as_deref().unwrap_or(DEFAULT_PLATFORM_URL);
        let platform = Platform::new(url).map_err(|error| wrong(API_URL, &error))?;
        Self::at(platform)
    }

    /// As [`from_env`](Self::from_env), for this platform.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn at(platform: Platform) -> Result<Self, CloudApiError> {
        let fixed = read(API_TOKEN).map(|token| SessionToken::parse(token.trim()));
        let fixed = fixed.transpose();
        let fixed = fixed.map_err(|bad| wrong(API_TOKEN, &CloudApiError::argument(bad)))?;
        let organization = read(ORGANIZATION).map(|id| OrganizationId::parse(&id));
        let organization = organization.transpose();
        let organization =
            organization.map_err(|bad| wrong(ORGANIZATION, &CloudApiError::argument(bad)))?;
        let file = CredentialsFile::of_home()?;
        Ok(Self::with(platform, file, fixed, organization))
    }

    fn with(
        platform: Platform,
        file: CredentialsFile,
        fixed: Option<SessionToken>,
        organization: Option<OrganizationId>,
    ) -> Self {
        let shared = Shared {
            platform,
            file,
            fixed,
            organization,
            good: Mutex::default(),
            unkept: Mutex::default(),
        };
        Self {
            shared: Arc::new(shared),
            flights: Arc::new(SingleFlight::new(LONGEST)),
        }
    }

    /// Where the token comes from.
    pub fn origin(&self) -> TokenOrigin {
        match self.shared.fixed {
            Some(_) => TokenOrigin::Environment,
            None => TokenOrigin::File,
        }
    }

    /// The platform that is asked.
    pub fn platform(&self) -> &Platform {
        &self.shared.platform
    }

    /// The credentials file.
    pub fn file(&self) -> &CredentialsFile {
        &self.shared.file
    }

    /// The organization that calls are for, where the environment or the file names one.
    ///
    /// # Errors
    ///
    /// `invalid_configuration` where the file cannot be read.
    pub fn organization(&self) -> Result<Option<OrganizationId>, CloudApiError> {
        let shared = &self.shared;
        if shared.organization.is_some() || shared.fixed.is_some() {
            // The file's is that of another identity than the one of the environment.
            return Ok(shared.organization.clone());
        }
        let held = shared.file.read()?;
        Ok(held.and_then(|held| held.organization()))
    }

    /// A token that the platform accepted or gave to this process. It may have expired since: [`call`](Self::call) refreshes it
    /// then.
    ///
    /// # Errors
    ///
    /// - `not_signed_in`: there is no token. `session_expired`: the platform refuses it and its refresh, both with 401.
    /// - `invalid_configuration`: the file cannot be read, or there is no room for a new one. Nothing was spent then.
    /// - Another refusal of the platform, as 403, which a refresh does not mend.
    /// - No answer of the platform, as [`Platform::verify`] says. The token may still be good.
    pub async fn token(&self) -> Result<SessionToken, CloudApiError> {
        if let Some(fixed) = &self.shared.fixed {
            return Ok(fixed.clone());
        }
        let held = self.shared.held()?;
        if self.shared.is_good(held.token()) {
            return Ok(held.token().clone());
        }
        self.newer(None).await
    }

    /// A token in the place of one that was refused. One of the environment has no other.
    ///
    /// # Errors
    ///
    /// As [`token`](Self::token).
    pub async fn refreshed(&self, refused: &SessionToken) -> Result<SessionToken, CloudApiError> {
        if self.shared.fixed.is_some() {
            return Err(expired());
        }
        let newer = self.newer(Some(refused.clone())).await?;
        if newer.same_as(refused) {
            // It joined callers who had not seen the refusal yet.
            return self.newer(Some(refused.clone())).await;
        }
        Ok(newer)
    }

    /// Calls with a token; where the answer is a refusal, once more with a refreshed one. A refusal of a token of the environment
    /// is the answer.
    ///
    /// # Errors
    ///
    /// As [`token`](Self::token); what the call itself answers is its output.
    pub async fn call<T, F: Future<Output = T>>(
        &self,
        call: impl Fn(SessionToken) -> F,
        is_refused: impl Fn(&T) -> bool,
    ) -> Result<T, CloudApiError> {
        let token = self.token().await?;
        let answer = call(token.clone()).await;
        if !is_refused(&answer) || self.shared.fixed.is_some() {
            return Ok(answer);
        }
        drop(answer);
        Ok(call(self.refreshed(&token).await?).await)
    }

    /// Joins the look for a newer token, or starts it. It runs to its end though its callers go away: a refresh that was sent
    /// must reach the file.
    async fn newer(&self, refused: Option<SessionToken>) -> Result<SessionToken, CloudApiError> {
        let shared = Arc::clone(&self.shared);
        let work = async move { shared.newer(refused).await };
        let found = self.flights.join((), work).await;
        found.unwrap_or_else(|| Err(CloudApiError::new(Code::Timeout)))
    }
}

impl Shared {
    async fn newer(&self, refused: Option<SessionToken>) -> Result<SessionToken, CloudApiError> {
        let token = if let Some(refused) = refused {
            self.refresh(&refused).await?
        } else {
            let held = self.held()?;
            match self.platform.verify(held.token()).await {
                Err(error) if is_over(&error) => self.refresh(held.token()).await?,
                verified => verified.map(|_| held.token().clone())?,
            }
        };
        let mut good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        *good = Some(token.clone());
        drop(good);
        Ok(token)
    }

    /// A newer token than the refused one: from the file, if another process was faster, else from the platform.
    async fn refresh(&self, refused: &SessionToken) -> Result<SessionToken, CloudApiError> {
        let locked = self.file.lock().await?;
        let held = self.newest(locked.read()?)?;
        if !held.token().same_as(refused) {
            return Ok(held.token().clone());
        }
        let spent = held.refresh_token().ok_or_else(expired)?;
        // Before the refresh token is spent: the answer must find its place.
        let place = locked.new_file()?;
        let pair = match self.platform.refresh(spent).await {
            Err(error) if is_over(&error) => return self.found(refused).await,
            answer => answer?,
        };
        // From here on the pair is all that is left of the sign-in: whatever fails, it is not lost.
        let written = match locked.read().map(|now| self.newest(now)) {
            // A program that takes no lock may have signed out, or signed in anew. That counts.
            Ok(now) => {
                let now = now?;
                let is_as_before = |held: &RefreshToken| held.same_as(spent);
                if !now.refresh_token().is_some_and(is_as_before) {
                    return Ok(now.token().clone());
                }
                place.write(&now.refreshed(pair.token.clone(), pair.refresh_token.clone()))
            }
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            telemetry::sign_in_not_kept(&error);
            let spent = spent.clone();
            let newer = held.refreshed(pair.token.clone(), pair.refresh_token);
            let mut unkept = self.unkept.lock().unwrap_or_else(PoisonError::into_inner);
            // After a second failure the file still holds the one that was spent first.
            let spent = unkept.take().map_or(spent, |before| before.spent);
            *unkept = Some(Unkept { spent, newer });
        }
        Ok(pair.token)
    }

    /// Mastra's command line takes no lock: where it spent the refresh token, its answer is in the file a moment later.
    async fn found(&self, refused: &SessionToken) -> Result<SessionToken, CloudApiError> {
        for _ in 0..LOOKS {
            let held = self.held()?;
            if !held.token().same_as(refused) {
                return Ok(held.token().clone());
            }
            system::sleep(BETWEEN_LOOKS).await;
        }
        Err(expired())
    }

    fn held(&self) -> Result<Credentials, CloudApiError> {
        self.newest(self.file.read()?)
    }

    /// What the file holds, or what could not be written into it.
    fn newest(&self, read: Option<Credentials>) -> Result<Credentials, CloudApiError> {
        let held = read.ok_or_else(not_signed_in)?;
        let mut unkept = self.unkept.lock().unwrap_or_else(PoisonError::into_inner);
        let is_spent = |unkept: &Unkept| {
            (held.refresh_token()).is_some_and(|held| held.same_as(&unkept.spent))
        };
        if !unkept.as_ref().is_some_and(is_spent) {
            *unkept = None;
        }
        Ok(unkept.as_ref().map_or(held, |unkept| unkept.newer.clone()))
    }

    fn is_good(&self, token: &SessionToken) -> bool {
        let good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        good.as_ref().is_some_and(|good| good.same_as(token))
    }
}

impl std::fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenSource")
            .field("origin", &self.origin())
            .field("platform", &self.shared.platform.url())
            .finish_non_exhaustive()
    }
}

fn not_signed_in() -> CloudApiError {
    CloudApiError::new(Code::NotSignedIn)
}

/// The platform's no to a token or a refresh token. No newer token mends another refusal.
fn is_over(error: &CloudApiError) -> bool {
    error.is_refusal() && error.status() == 401
}

fn expired() -> CloudApiError {
    CloudApiError::new(Code::SessionExpired)
}

/// A variable that is set and not empty.
fn read(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn wrong(variable: &str, error: &CloudApiError) -> CloudApiError {
    CloudApiError::configuration(format!("{variable}: {}", error.message()))
}
