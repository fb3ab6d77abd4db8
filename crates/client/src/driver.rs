//! The loop: any flow of the core, driven over a transport, a clock and single flight.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use mastra_auth_cloud_core::error::{CloudApiError, Code};
use mastra_auth_cloud_core::flow::authenticate::{Authenticate, Background, Credentials, Next};
use mastra_auth_cloud_core::flow::identify::{Answer, Identify};
use mastra_auth_cloud_core::flow::keys::{FetchKeys, Fetched};
use mastra_auth_cloud_core::flow::logout::{Logout, SignOut};
use mastra_auth_cloud_core::flow::permissions::Permissions;
use mastra_auth_cloud_core::flow::{Event, Flow, Step};
use mastra_auth_cloud_core::http::{Delivery, Request};
use mastra_auth_cloud_core::identity::authority::Authority;
use mastra_auth_cloud_core::identity::key::TokenKey;
use mastra_auth_cloud_core::model::CloudUser;
use mastra_auth_cloud_core::permission::Grants;

use crate::flights::Flights;
use crate::system;
use crate::transport::Transport;

pub(crate) struct Driver {
    pub(crate) authority: Arc<Authority>,
    transport: Arc<dyn Transport>,
    identities: Flights<TokenKey, Answer>,
    permissions: Flights<TokenKey, Result<Arc<Grants>, CloudApiError>>,
    keys: Flights<TokenKey, Fetched>,
}

impl Driver {
    pub(crate) fn new(authority: Arc<Authority>, transport: Arc<dyn Transport>) -> Self {
        // Two calls, the wait between them, and time to spare.
        let longest = authority
            .config()
            .policy
            .call_timeout
            .saturating_mul(3)
            .saturating_add(Duration::from_secs(1));
        Self {
            authority,
            transport,
            identities: Flights::new(longest),
            permissions: Flights::new(longest),
            keys: Flights::new(longest),
        }
    }

    /// Drives a flow to its end.
    pub(crate) async fn run<F: Flow>(&self, flow: F) -> F::Output {
        drive(self.transport.as_ref(), flow).await
    }

    /// Finds out who these credentials belong to; a token is asked for once however many wait.
    pub(crate) async fn authenticate(&self, credentials: Credentials<'_>) -> Answer {
        let mut authenticate = Authenticate::new(&self.authority, credentials);
        let mut last = None;
        loop {
            match authenticate.next(last.take(), system::now(), system::jitter()) {
                Next::Done(answer) => {
                    match authenticate.take_background() {
                        None => {}
                        Some(Background::Identify(flow)) => {
                            self.identities.begin(flow.key(), self.identify(flow));
                        }
                        Some(Background::Keys(flow)) => {
                            self.keys.begin(flow.key(), self.fetch(flow))
                        }
                    }
                    return answer;
                }
                Next::Identify(flow) => {
                    let landed = self.identities.join(flow.key(), self.identify(flow)).await;
                    last = Some(landed.unwrap_or_else(|| Answer::Unavailable(cut_short())));
                }
                Next::Keys(flow) => {
                    // What came of it shows in the next look at the keys.
                    let _ = self.keys.join(flow.key(), self.fetch(flow)).await;
                }
            }
        }
    }

    fn identify(&self, flow: Identify) -> impl Future<Output = Answer> + Send + 'static {
        let transport = Arc::clone(&self.transport);
        async move { drive(transport.as_ref(), flow).await }
    }

    fn fetch(&self, flow: FetchKeys) -> impl Future<Output = Fetched> + Send + 'static {
        let transport = Arc::clone(&self.transport);
        async move {
            let fetched = drive(transport.as_ref(), flow).await;
            if let Fetched::Failed(error) = &fetched {
                tracing::warn!(code = error.code(), "the key set could not be fetched");
            }
            fetched
        }
    }

    /// Finds out what a user may do; asked for once however many wait.
    pub(crate) async fn permissions(&self, user: &CloudUser) -> Result<Arc<Grants>, CloudApiError> {
        let flow = Permissions::new(Arc::clone(&self.authority), user, system::jitter());
        if let Some(grants) = flow.known(system::now()) {
            return Ok(grants);
        }
        let transport = Arc::clone(&self.transport);
        self.permissions
            .join(
                flow.key(),
                async move { drive(transport.as_ref(), flow).await },
            )
            .await
            .unwrap_or_else(|| Err(cut_short()))
    }

    /// Drives a sign-out in a task of its own: whoever hangs up must not keep the Cloud from hearing of it.
    pub(crate) async fn sign_out(&self, flow: Logout) -> SignOut {
        let transport = Arc::clone(&self.transport);
        let task = tokio::spawn(async move { drive(transport.as_ref(), flow).await });
        task.await
            .unwrap_or_else(|_| SignOut::NotConfirmed(cut_short()))
    }
}

/// The runtime ended before the work did.
fn cut_short() -> CloudApiError {
    CloudApiError::new(Code::NetworkError)
}

async fn drive<F: Flow>(transport: &dyn Transport, mut flow: F) -> F::Output {
    let mut event = Event::Start;
    loop {
        match flow.step(event, system::now()) {
            Step::Done(output) => return output,
            Step::Send(request) => event = Event::Delivered(send(transport, request).await),
            Step::Wait(time) => {
                system::sleep(time).await;
                event = Event::Woken;
            }
        }
    }
}

/// One call, told with its endpoint, its status and its time; never with a value.
async fn send(transport: &dyn Transport, request: Request) -> Delivery {
    let (endpoint, begun) = (request.endpoint().to_owned(), system::now().monotonic);
    let delivery = transport.send(request).await;
    let micros = system::now().monotonic.saturating_sub(begun).as_micros();
    match &delivery {
        Ok(response) => tracing::debug!(
            endpoint,
            status = response.status(),
            micros,
            "cloud answered"
        ),
        Err(error) => tracing::warn!(endpoint, ?error, micros, "cloud not reached"),
    }
    delivery
}
