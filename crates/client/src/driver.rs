//! The driver loop: runs any flow of the core over a transport, a clock and single flight.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use mastra_auth_cloud_core::cloud::model::CloudUser;
use mastra_auth_cloud_core::cookie::SetCookie;
use mastra_auth_cloud_core::counters::Counting;
use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::error::{CloudApiError, Code};
use mastra_auth_cloud_core::flow::authenticate::{Authenticate, Background, Credentials, Next};
use mastra_auth_cloud_core::flow::callback::SignedIn;
use mastra_auth_cloud_core::flow::identify::{Answer, Identify};
use mastra_auth_cloud_core::flow::keys::{FetchKeys, Fetched};
use mastra_auth_cloud_core::flow::logout::{Logout, SignOut};
use mastra_auth_cloud_core::flow::permissions::FetchPermissions;
use mastra_auth_cloud_core::flow::renew::{Renew, Renewal};
use mastra_auth_cloud_core::flow::renewing::{Renewing, Wanted};
use mastra_auth_cloud_core::flow::{Event, Flow, Step};
use mastra_auth_cloud_core::rbac::pattern::Permissions;
use mastra_auth_cloud_core::secret::SessionToken;
use mastra_auth_cloud_core::session::TokenDigest;
use tokio::sync::watch;
use tracing::Instrument as _;

use crate::signals::{self, Found, Trail, Watched};
use crate::single_flight::SingleFlight;
use crate::system;
use crate::transport::Transport;

pub(crate) struct Driver {
    pub(crate) engine: Arc<Engine>,
    transport: Arc<dyn Transport>,
    identities: SingleFlight<TokenDigest, Answer>,
    renewals: SingleFlight<TokenDigest, Renewal>,
    permissions: SingleFlight<TokenDigest, Result<Arc<Permissions>, CloudApiError>>,
    keys: SingleFlight<TokenDigest, Fetched>,
    /// Notified whenever a session ends.
    ends: watch::Sender<()>,
    sign_ins: SingleFlight<TokenDigest, Result<SignedIn, CloudApiError>>,
}

impl Driver {
    pub(crate) fn new(engine: Arc<Engine>, transport: Arc<dyn Transport>) -> Self {
        // Two calls, the wait between them, and a margin.
        let longest = engine
            .config()
            .policy
            .call_timeout
            .saturating_mul(3)
            .saturating_add(Duration::from_secs(1));
        let ends = watch::Sender::new(());
        let end = ends.clone();
        engine.on_end(move || end.send_replace(()));
        Self {
            ends,
            transport: Arc::new(Watched::new(transport, Arc::clone(&engine))),
            engine,
            identities: SingleFlight::new(longest),
            // A renewal validates the session and then verifies the token.
            renewals: SingleFlight::new(longest.saturating_mul(2)),
            permissions: SingleFlight::new(longest),
            keys: SingleFlight::new(longest),
            // Keys, the exchange, and two verifications of the token.
            sign_ins: SingleFlight::new(longest.saturating_mul(4)),
        }
    }

    /// Drives a flow to completion.
    pub(crate) async fn run<F: Flow>(&self, flow: F) -> F::Output {
        let output = drive(self.transport.as_ref(), flow).await;
        tell_clock(&self.engine);
        output
    }

    /// Authenticates these credentials. Concurrent calls with one token share one call to the Cloud.
    pub(crate) async fn authenticate(&self, credentials: Credentials<'_>) -> Found {
        self.find(Authenticate::new(&self.engine, credentials))
            .await
    }

    /// Authenticates the token of a long-running request again, without counting it as another request.
    pub(crate) async fn look_again(&self, token: &SessionToken) -> Answer {
        let credentials = Credentials::token(token.expose());
        let search = Authenticate::new(&self.engine, credentials).counting(Counting::Never);
        self.find(search).await.answer
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

    async fn find(&self, mut authenticate: Authenticate<'_>) -> Found {
        let (mut last, mut begun) = (None, None);
        loop {
            let now = system::now();
            let begun = *begun.get_or_insert(now.monotonic);
            match authenticate.next(last.take(), now, system::jitter()) {
                Next::Done(answer) => {
                    self.begin(authenticate.take_background());
                    return Found {
                        answer,
                        source: authenticate.source(),
                        begun,
                    };
                }
                Next::Identify(flow) => last = Some(self.identify(flow).await),
                Next::Keys(flow) => self.fetch_keys(flow).await,
            }
        }
    }

    /// Authenticates a request whose answer can set a cookie. Renews a session that is near or past its expiry.
    pub(crate) async fn authenticate_and_renew(
        &self,
        credentials: Credentials<'_>,
        cookies: Option<&str>,
    ) -> (Found, Option<SetCookie>) {
        let mut renewing = Renewing::new(&self.engine, credentials, cookies);
        let (mut last, mut begun) = (None, None);
        loop {
            let now = system::now();
            let begun = *begun.get_or_insert(now.monotonic);
            match renewing.next(last.take(), now, system::jitter()) {
                Wanted::Next(Next::Done(answer)) => {
                    self.begin(renewing.take_background());
                    let found = Found {
                        answer,
                        source: renewing.source(),
                        begun,
                    };
                    return (found, renewing.take_cookie());
                }
                Wanted::Next(Next::Identify(flow)) => last = Some(self.identify(flow).await),
                Wanted::Next(Next::Keys(flow)) => self.fetch_keys(flow).await,
                Wanted::Renew(flow) => renewing.renewed(self.renew(flow).await),
            }
        }
    }

    async fn identify(&self, flow: Identify) -> Answer {
        let shared = self
            .identities
            .join(flow.key(), self.identifying(flow))
            .await;
        shared.unwrap_or_else(|| Answer::Unavailable(cut_short()))
    }

    fn identifying(&self, flow: Identify) -> impl Future<Output = Answer> + Send + 'static {
        let transport = Arc::clone(&self.transport);
        let engine = Arc::clone(&self.engine);
        async move {
            let answer = drive(transport.as_ref(), flow).await;
            tell_clock(&engine);
            answer
        }
        .in_current_span()
    }

    /// The caller reads the result from the key cache.
    async fn fetch_keys(&self, flow: FetchKeys) {
        let key = flow.key();
        let _ = self.keys.join(key, self.fetching(flow)).await;
    }

    fn fetching(&self, flow: FetchKeys) -> impl Future<Output = Fetched> + Send + 'static {
        let transport = Arc::clone(&self.transport);
        async move {
            let fetched = drive(transport.as_ref(), flow).await;
            match &fetched {
                Fetched::Failed(error) => signals::keys_not_fetched(error),
                Fetched::BroughtInPart(count) => signals::key_set_odd(*count),
                Fetched::Brought | Fetched::NotNow => {}
            }
            fetched
        }
        .in_current_span()
    }

    /// Starts background work; no request waits for it.
    fn begin(&self, task: Option<Background>) {
        match task {
            None => {}
            Some(Background::Identify(flow)) => {
                self.identities
                    .start_in_background(flow.key(), self.identifying(flow));
            }
            Some(Background::Keys(flow)) => self
                .keys
                .start_in_background(flow.key(), self.fetching(flow)),
        }
    }

    /// Asks for a newer token. Concurrent calls share one call to the Cloud.
    pub(crate) async fn renew(&self, flow: Renew) -> Renewal {
        let transport = Arc::clone(&self.transport);
        let engine = Arc::clone(&self.engine);
        let renewal = self.renewals.join(
            flow.key(),
            async move {
                let renewal = drive(transport.as_ref(), flow).await;
                signals::renewal(&renewal);
                tell_clock(&engine);
                renewal
            }
            .in_current_span(),
        );
        renewal
            .await
            .unwrap_or_else(|| Renewal::Unavailable(cut_short()))
    }

    /// Finishes a sign-in once, however often its callback is called and even if the client disconnects.
    pub(crate) async fn sign_in(
        &self,
        key: TokenDigest,
        work: impl Future<Output = Result<SignedIn, CloudApiError>> + Send + 'static,
    ) -> Result<SignedIn, CloudApiError> {
        let shared = self.sign_ins.join(key, work.in_current_span()).await;
        shared.unwrap_or_else(|| Err(cut_short()))
    }

    /// A user's permissions, if they are cached.
    #[cfg(feature = "axum")]
    pub(crate) fn known_permissions(&self, user: &CloudUser) -> Option<Arc<Permissions>> {
        let flow = FetchPermissions::new(Arc::clone(&self.engine), user, system::jitter());
        flow.known(system::now())
    }

    /// Reads a user's permissions. Concurrent calls share one call to the Cloud.
    pub(crate) async fn permissions(
        &self,
        user: &CloudUser,
    ) -> Result<Arc<Permissions>, CloudApiError> {
        let flow = FetchPermissions::new(Arc::clone(&self.engine), user, system::jitter());
        if let Some(grants) = flow.known(system::now()) {
            return Ok(grants);
        }
        let transport = Arc::clone(&self.transport);
        self.permissions
            .join(
                flow.key(),
                async move { drive(transport.as_ref(), flow).await }.in_current_span(),
            )
            .await
            .unwrap_or_else(|| Err(cut_short()))
    }

    /// Drives a sign-out in a task of its own, so that the Cloud hears of it even if the client disconnects.
    pub(crate) async fn sign_out(&self, flow: Logout, trail: Trail) -> SignOut {
        let transport = Arc::clone(&self.transport);
        let engine = Arc::clone(&self.engine);
        let work = async move {
            let whose = flow.identity().map(Arc::clone);
            let end = drive(transport.as_ref(), flow).await;
            signals::session_ended(engine.counters(), &end, whose.as_deref(), &trail);
            end
        };
        let task = tokio::spawn(work.instrument(signals::sign_out_span()));
        task.await
            .unwrap_or_else(|_| SignOut::NotConfirmed(cut_short()))
    }
}

/// Warns if the Cloud accepted a token that is expired by the clock of this machine.
fn tell_clock(engine: &Engine) {
    if let Some(by) = engine.take_clock_ahead() {
        signals::clock_ahead(by);
    }
}

/// The error for work whose runtime ended first.
fn cut_short() -> CloudApiError {
    CloudApiError::new(Code::NetworkError)
}

async fn drive<F: Flow>(transport: &dyn Transport, mut flow: F) -> F::Output {
    let mut event = Event::Start;
    loop {
        match flow.step(event, system::now()) {
            Step::Done(output) => return output,
            Step::Send(request) => event = Event::Delivered(transport.send(request).await),
            Step::Wait(time) => {
                system::sleep(time).await;
                event = Event::Woken;
            }
        }
    }
}
