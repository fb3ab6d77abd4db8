//! TLS in front of a Cloud, with a right certificate or a wrong one.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tokio::io::copy;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What a Cloud presents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Certificate {
    Good,
    SelfSigned,
    WrongHost,
    Expired,
}

/// Who signs certificates: kept in a folder, so that another process can go on.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// Makes one, and writes its certificate and its key.
    pub(crate) fn create(certificate: &Path, key: &Path) {
        let made = Self::of(KeyPair::generate().unwrap());
        std::fs::write(certificate, made.0.pem()).unwrap();
        std::fs::write(key, made.0.key().serialize_pem()).unwrap();
    }

    pub(crate) fn read(key: &Path) -> Self {
        Self::of(KeyPair::from_pem(&std::fs::read_to_string(key).unwrap()).unwrap())
    }

    fn of(key: KeyPair) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    fn config(&self, certificate: Certificate) -> Arc<ServerConfig> {
        let host = match certificate {
            Certificate::WrongHost => "cloud.example",
            _ => "localhost",
        };
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        if let Certificate::Expired = certificate {
            params.not_after = date_time_ymd(2026, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let signed = match certificate {
            Certificate::SelfSigned => params.self_signed(&key),
            _ => params.signed_by(&key, &self.0),
        };
        let chain = vec![CertificateDer::from(signed.unwrap())];
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder().with_no_client_auth();
        Arc::new(config.with_single_cert(chain, key).unwrap())
    }
}

/// Passes connections on to a Cloud, once their TLS is off.
pub(crate) struct Front {
    url: String,
    authority: Arc<Authority>,
    presented: watch::Sender<(Certificate, Arc<ServerConfig>)>,
    wrong: Arc<AtomicU64>,
    /// Its clock is the system's.
    _runtime: Runtime,
}

impl Front {
    pub(crate) fn start(authority: &Arc<Authority>, port: u16) -> Self {
        let good = (Certificate::Good, authority.config(Certificate::Good));
        let (presented, presenting) = watch::channel(good);
        let wrong = Arc::<AtomicU64>::default();
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!(
            "https://localhost:{}",
            listener.local_addr().unwrap().port()
        );
        let counted = Arc::clone(&wrong);
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let mut presenting = presenting.clone();
                let (certificate, config) = presenting.borrow_and_update().clone();
                if certificate != Certificate::Good {
                    counted.fetch_add(1, Ordering::SeqCst);
                }
                tokio::spawn(async move {
                    tokio::select! {
                        // A handshake that fails is an end too.
                        _ = pass(config.into(), stream, port) => {}
                        // What was kept is closed: the next call meets the other certificate.
                        _ = presenting.changed() => {}
                    }
                });
            }
        });
        Self {
            url,
            authority: Arc::clone(authority),
            presented,
            wrong,
            _runtime: runtime,
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// How many connections were met with a wrong certificate.
    pub(crate) fn wrong(&self) -> u64 {
        self.wrong.load(Ordering::SeqCst)
    }

    /// Presents it to each call from now on: there is no other connection when this returns, and this thread knows.
    pub(crate) async fn present(&self, certificate: Certificate) {
        let config = self.authority.config(certificate);
        self.presented.send_replace((certificate, config));
        loop {
            let are_closed = self.presented.receiver_count() == 1;
            tokio::time::sleep(Duration::from_millis(2)).await;
            if are_closed {
                return;
            }
        }
    }
}

/// The connection ends as that of the Cloud does, without a farewell.
async fn pass(acceptor: TlsAcceptor, stream: TcpStream, port: u16) -> std::io::Result<()> {
    let tls = acceptor.accept(stream).await?;
    let cloud = TcpStream::connect(("127.0.0.1", port)).await?;
    let (mut from_client, mut to_client) = tokio::io::split(tls);
    let (mut from_cloud, mut to_cloud) = cloud.into_split();
    let answered = tokio::select! {
        _ = copy(&mut from_client, &mut to_cloud) => Ok(0),
        answered = copy(&mut from_cloud, &mut to_client) => answered,
    };
    if answered.is_err() {
        let tls = from_client.unsplit(to_client);
        tls.get_ref().0.set_zero_linger()?;
    }
    Ok(())
}
