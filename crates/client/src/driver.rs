//! The driver loop: runs any task of the core over a transport, a clock and single flight.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use mastra_auth_cloud_core::cloud::model::CloudUser;
use mastra_auth_cloud_core::cookie::SetCookie;
use mastra_auth_cloud_core::counters::{CallResult, Counting};
use mastra_auth_cloud_core::engine::{Engine, SignedIn};
use mastra_auth_cloud_core::error::{CloudApiError, Code};
use mastra_auth_cloud_core::flow::authenticate::{Authenticate, Credentials};
use mastra_auth_cloud_core::flow::permissions::FetchPermissions;
use mastra_auth_cloud_core::flow::sign_out::{Logout, SignOut};
use mastra_auth_cloud_core::flow::{Authentication, Event, Fetched, Finished, Step, Task, Work};
use mastra_auth_cloud_core::http::{Delivery, Request};
use mastra_auth_cloud_core::rbac::pattern::Permissions;
use mastra_auth_cloud_core::revocation::redis::Command;
use mastra_auth_cloud_core::secret::SessionToken;
use mastra_auth_cloud_core::session::TokenDigest;
use tokio::sync::watch;
use tracing::Instrument as _;

use crate::revocation::RevocationChannel;
use crate::single_flight::SingleFlight;
use crate::system;
use crate::telemetry::{self, AuthOutcome, RequestIds};
use crate::transport::Transport;

pub(crate) struct Driver {
    pub(crate) engine: Arc<Engine>,
    transport: Arc<dyn Transport>,
    /// The channel over which instances share newer sessions, which is the one over Redis, and the time-out of a step.
    redis: Option<(Arc<dyn RevocationChannel>, Duration)>,
    verifications: SingleFlight<TokenDigest, Finished>,
    refreshes: SingleFlight<TokenDigest, Finished>,
    key_fetches: SingleFlight<TokenDigest, Finished>,
    permissions: SingleFlight<TokenDigest, Result<Arc<Permissions>, CloudApiError>>,
    /// Notified whenever a session ends.
    ends: watch::Sender<()>,
    sign_ins: SingleFlight<TokenDigest, Result<SignedIn, CloudApiError>>,
}

impl Driver {
    pub(crate) fn new(
        engine: Arc<Engine>,
        transport: Arc<dyn Transport>,
        channel: Option<Arc<dyn RevocationChannel>>,
    ) -> Self {
        let redis = channel.filter(|channel| channel.redis(&[]).is_some());
        let redis = redis.map(|redis| (redis, engine.share_sessions()));
        // Two calls, the wait between them, another instance's turn, and a margin.
        let longest = engine
            .config()
            .policy
            .call_timeout
            .saturating_mul(4)
            .saturating_add(Duration::from_secs(2));
        let ends = watch::Sender::new(());
        let end = ends.clone();
        engine.on_end(move || end.send_replace(()));
        Self {
            ends,
            transport,
            redis,
            engine,
            verifications: SingleFlight::new(longest),
            // A refresh validates the session and then verifies the token.
            refreshes: SingleFlight::new(longest.saturating_mul(2)),
            key_fetches: SingleFlight::new(longest),
            permissions: SingleFlight::new(longest),
            // Keys, the exchange, and two verifications of the token.
            sign_ins: SingleFlight::new(longest.saturating_mul(4)),
        }
    }

    /// Drives a task to completion.
    pub(crate) async fn run<T>(self: &Arc<Self>, mut task: Task<'_, T>) -> T {
        let mut event = Event::Start;
        loop {
            (event, task) = match task.step(event, system::now()) {
                Step::Done(output) => {
                    // The Cloud accepted a token that is expired by the clock of this machine.
                    if let Some(by) = self.engine.take_clock_ahead() {
                        telemetry::clock_ahead(by);
                    }
                    return output;
                }
                Step::Send(request, rest) => (Event::Delivered(self.send(request).await), rest),
                Step::Wait(time, rest) => {
                    system::sleep(time).await;
                    (Event::Woken, rest)
                }
                Step::Share(work, rest) => (self.share(work).await, rest),
                Step::Spawn(work, rest) => {
                    self.spawn(work);
                    (Event::Start, rest)
                }
                Step::Check(check, rest) => (Event::Checked(check.run()), rest),
                Step::Redis(commands, rest) => (self.redis(&commands).await, rest),
            };
        }
    }

    /// Sends a request to the Cloud; counts, times and logs the call.
    async fn send(&self, request: Request) -> Delivery {
        let (call, endpoint) = (request.call(), request.endpoint().to_owned());
        let span = telemetry::call_span(call);
        let begun = system::now().monotonic;
        let sending = self.transport.send(request).instrument(span.clone());
        let delivery = sending.await;
        let took = system::now().monotonic.saturating_sub(begun);
        let counters = self.engine.counters();
        counters.called(call, CallResult::of(&delivery), took);
        telemetry::called(&span, call, &endpoint, &delivery, took);
        delivery
    }

    /// Runs commands on the Redis of the deployment.
    async fn redis(&self, commands: &[Command]) -> Event {
        if let Some((redis, timeout)) = &self.redis
            && let Some(running) = redis.redis(commands)
            && let Ok(Ok(replies)) = tokio::time::timeout(*timeout, running).await
        {
            return Event::Replied(replies);
        }
        if let Some(count) = self.engine.redis_failed(system::now()) {
            telemetry::revocations::sessions_not_shared(count);
        }
        Event::Lost
    }

    /// Runs work once for all tasks that ask for it.
    async fn share(self: &Arc<Self>, work: Work) -> Event {
        let finished = self
            .single_flight(&work)
            .join(work.key(), self.working(work))
            .await;
        finished.map_or(Event::Lost, Event::Shared)
    }

    /// Starts work in the background; no request waits for it.
    fn spawn(self: &Arc<Self>, work: Work) {
        self.single_flight(&work)
            .start_in_background(work.key(), self.working(work));
    }

    const fn single_flight(&self, work: &Work) -> &SingleFlight<TokenDigest, Finished> {
        match work {
            Work::Verify(_) => &self.verifications,
            Work::Refresh(_) => &self.refreshes,
            Work::FetchKeys(_) => &self.key_fetches,
        }
    }

    fn working(self: &Arc<Self>, work: Work) -> BoxFuture<'static, Finished> {
        let driver = Arc::clone(self);
        let work = async move {
            let finished = driver.run(work.into_task()).await;
            match &finished {
                Finished::Refreshed(renewal) => telemetry::session_refresh(renewal),
                Finished::KeysFetched(Fetched::Failed(error)) => {
                    telemetry::key_set_fetch_failed(error);
                }
                Finished::KeysFetched(Fetched::UpdatedInPart(count)) => {
                    telemetry::key_set_invalid_entries(*count);
                }
                Finished::Verified(_) | Finished::KeysFetched(_) => {}
            }
            finished
        };
        Box::pin(work.in_current_span())
    }

    /// Authenticates a request. Concurrent calls with one token share one call to the Cloud.
    pub(crate) async fn authenticate(
        self: &Arc<Self>,
        request: Authenticate<'_>,
    ) -> (AuthOutcome, Option<SetCookie>) {
        let begun = system::now().monotonic;
        let verdict = self.run(request.into_task(system::jitter())).await;
        let outcome = AuthOutcome {
            answer: verdict.answer,
            source: verdict.source,
            begun,
        };
        (outcome, verdict.cookie)
    }

    /// Authenticates the token of a long-running request again, without counting it as another request.
    pub(crate) async fn look_again(self: &Arc<Self>, token: &SessionToken) -> Authentication {
        let request = Authenticate::new(&self.engine, Credentials::session(token));
        let request = request.counting(Counting::Never);
        self.run(request.into_task(system::jitter())).await.answer
    }

    /// Notified whenever a session ends here or another instance revokes one.
    pub(crate) fn ends(&self) -> watch::Receiver<()> {
        self.ends.subscribe()
    }

    /// How long a verified session counts before the driver asks the Cloud again.
    pub(crate) fn fresh_for(&self) -> Duration {
        let config = self.engine.config();
        config
            .verification
            .session_every()
            .unwrap_or(config.policy.fresh)
    }

    /// Finishes a sign-in once, however often its callback is called and even if the client disconnects.
    pub(crate) async fn sign_in(
        &self,
        key: TokenDigest,
        work: impl Future<Output = Result<SignedIn, CloudApiError>> + Send + 'static,
    ) -> Result<SignedIn, CloudApiError> {
        let shared = self.sign_ins.join(key, work.in_current_span()).await;
        shared.unwrap_or_else(|| Err(lost()))
    }

    /// A user's permissions, if they are cached.
    #[cfg(feature = "axum")]
    pub(crate) fn known_permissions(&self, user: &CloudUser) -> Option<Arc<Permissions>> {
        FetchPermissions::new(Arc::clone(&self.engine), user).known(system::now())
    }

    /// Reads a user's permissions. Concurrent calls share one call to the Cloud.
    pub(crate) async fn permissions(
        self: &Arc<Self>,
        user: &CloudUser,
    ) -> Result<Arc<Permissions>, CloudApiError> {
        let fetch = FetchPermissions::new(Arc::clone(&self.engine), user);
        if let Some(permissions) = fetch.known(system::now()) {
            return Ok(permissions);
        }
        let (driver, fetch) = (Arc::clone(self), fetch.into_shared(system::jitter()));
        let key = fetch.key();
        let work = async move { driver.run(fetch.into_task()).await };
        let outcome = self.permissions.join(key, work.in_current_span()).await;
        outcome.unwrap_or_else(|| Err(lost()))
    }

    /// Drives a sign-out in a task of its own, so that the Cloud hears of it even if the client disconnects.
    pub(crate) async fn sign_out(
        self: &Arc<Self>,
        logout: Logout,
        ids: RequestIds,
        counting: Counting,
    ) -> SignOut {
        let driver = Arc::clone(self);
        let work = async move {
            let identity = logout.identity().map(Arc::clone);
            let end = driver.run(logout.into_task()).await;
            if counting == Counting::Always {
                let counters = driver.engine.counters();
                counters.session_end(telemetry::session_end(&end));
            }
            telemetry::signed_out(&end, identity.as_deref(), &ids);
            end
        };
        let task = tokio::spawn(work.instrument(telemetry::sign_out_span()));
        task.await.unwrap_or_else(|_| SignOut::NotConfirmed(lost()))
    }
}

/// The error for work whose runtime ended first.
fn lost() -> CloudApiError {
    CloudApiError::new(Code::NetworkError)
}
