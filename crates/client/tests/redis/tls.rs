//! Redis over TLS: a server is trusted for its certificate, which must be of an authority that is trusted, and for its host.
//!
//! Needs a redis-server and certificates, so these are left out of the usual run: `cargo xtask redis` makes and runs them.

use std::path::PathBuf;
use std::time::Duration;

use crate::common::{cloud, until};
use crate::redis_server::RedisServer;
use mastra_auth_cloud::revocation::RedisRevocations;
use mastra_auth_cloud::{Dialect, MastraCloudAuth, SessionId};
use mastra_auth_local_cloud::LocalCloud;

/// `ours.pem` is of the authority that this process trusts, and `strangers.pem` of another; both are for 127.0.0.1.
fn server(certificate: &str) -> RedisServer {
    let folder = std::env::var_os("REDIS_CERTIFICATES").map(PathBuf::from);
    RedisServer::with_tls(folder.unwrap().join(certificate))
}

fn instance(cloud: &LocalCloud, url: &str) -> MastraCloudAuth {
    MastraCloudAuth::builder()
        .project_id("demo")
        .base_url(cloud.url())
        .revocations(RedisRevocations::new(url).unwrap())
        .build()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server: cargo xtask redis"]
async fn instances_tell_each_other_over_tls_and_no_other_server_is_trusted() {
    let (ours, strangers) = (server("ours.pem"), server("strangers.pem"));
    let cloud = cloud(Dialect::V1).await;
    // Of another authority; and for another host than its own.
    let refused = [strangers.url(), ours.url_at("localhost")].map(|url| instance(&cloud, &url));
    let (here, there) = (instance(&cloud, &ours.url()), instance(&cloud, &ours.url()));
    for one in [&here, &there] {
        until("the link is there", || async {
            one.revocation_status().unwrap().is_connected()
        })
        .await;
    }
    here.end_session(&SessionId::parse("ses_1").unwrap());
    until("it is told", || async {
        there.revocation_status().unwrap().received == 1
    })
    .await;
    for one in &refused {
        one.end_session(&SessionId::parse("ses_2").unwrap());
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    for one in &refused {
        let status = one.revocation_status().unwrap();
        assert!(!status.is_connected(), "{status:?}");
        assert_eq!((status.sent, status.pending), (0, 1), "{status:?}");
    }
}
