//! A sign-in replaces the browser's earlier session: refused here at once, ended at the Cloud in the background.

use std::sync::Arc;
use std::time::Duration;

use mastra_auth_cloud::login::State;
use mastra_auth_cloud::transport::{
    BaseUrl, CloudCall, Request, ReqwestTransport, Transport, TransportFuture,
};
use mastra_auth_cloud::{Authentication, Dialect, MastraCloudAuth};
use tokio::sync::Semaphore;

use crate::common::{almost_in, cloud, id, patient, until};

/// Holds each call that ends a session until it has a permit.
struct Gated {
    inner: ReqwestTransport,
    gate: Arc<Semaphore>,
}

impl Transport for Gated {
    fn send(&self, request: Request) -> TransportFuture<'_> {
        Box::pin(async move {
            if request.call() == CloudCall::DestroySession {
                self.gate.acquire().await.unwrap().forget();
            }
            self.inner.send(request).await
        })
    }
}

#[tokio::test]
async fn a_sign_in_does_not_wait_for_the_end_of_the_previous_session() {
    let cloud = cloud(Dialect::V1).await;
    let gate = Arc::new(Semaphore::new(0));
    let inner = ReqwestTransport::new(&BaseUrl::parse(cloud.url()).unwrap()).unwrap();
    let transport = Gated {
        inner,
        gate: Arc::clone(&gate),
    };
    let auth = MastraCloudAuth::builder()
        .project_id("demo")
        .base_url(cloud.url())
        .policy(patient())
        .transport(transport)
        .build()
        .unwrap();
    let hour = Duration::from_hours(1);
    let old = cloud.control().sign_in("owner", hour).unwrap();
    assert_eq!(id(&auth.authenticate_token(&old).await), "usr_olivia");

    let [code, state, login_cookie] = almost_in(&auth, &cloud).await;
    let cookies = format!("{login_cookie}; {}={old}", auth.cookie_name());
    let state = State::parse(&state, None).unwrap();
    let finishing = auth.finish_login(&code, state, &cookies);
    let finished = tokio::time::timeout(Duration::from_mins(1), finishing).await;
    let signed_in = finished.expect("it waits for the Cloud").unwrap();
    assert_eq!(signed_in.identity.user().id().as_str(), "usr_mei");

    let answer = auth.authenticate_token(&old).await;
    assert!(
        matches!(&answer, Authentication::Rejected(error) if error.code() == "signed_out"),
        "{answer:?}"
    );
    let is_open = || {
        let sessions = cloud.control().sessions();
        let of_owner = sessions.iter().find(|row| row.user_id == "usr_olivia");
        of_owner.unwrap().ended_at.is_none()
    };
    assert!(is_open(), "the Cloud has not heard of it");
    gate.add_permits(1);
    until("the Cloud ended it", async || !is_open()).await;
}
