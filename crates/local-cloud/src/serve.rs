//! Starts and stops the server: sockets on loopback or where it is told, one router, a runtime of its own.
//!
//! Dropping the runtime cuts every open connection, as when a machine is switched off. So a client that keeps connections
//! alive sees the outage at once.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use tokio::runtime::{Builder, Runtime};

use crate::cloud::{Cloud, lock, now};
use crate::control::Control;
use crate::keys::PinnedKey;
use crate::open::Open;
use crate::seed::Person;
use crate::store::{Store, StoreError};
use crate::wire::{Armed, Wires};
use crate::{Dialect, Options, admin, api, guard, pages, platform};

/// A local Cloud cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Another process listens on the port.
    #[error("port {port} is in use")]
    PortInUse {
        /// The port.
        port: u16,
    },
    /// The port cannot be used.
    #[error("port {port} cannot be used: {reason}")]
    Port {
        /// The port.
        port: u16,
        /// The system's reason.
        reason: std::io::Error,
    },
    /// The address cannot be listened at.
    #[error("{address} cannot be listened at: {reason}")]
    Address {
        /// The address and the port.
        address: SocketAddr,
        /// The system's reason.
        reason: std::io::Error,
    },
    /// A name to answer by is none.
    #[error(
        "{0:?} is no name to answer by: a host name or an address, without scheme, port and path"
    )]
    Host(String),
    /// The database file cannot be used.
    #[error("{0}")]
    Database(String),
    /// The person to sign in is unknown.
    #[error("there is no person {name:?} to approve; there are: {people}")]
    UnknownPerson {
        /// The requested person.
        name: String,
        /// The known people.
        people: String,
    },
}

/// A running Cloud. Stops when dropped.
pub struct LocalCloud {
    cloud: Arc<Cloud>,
    port: u16,
    runtime: Option<Runtime>,
}

impl LocalCloud {
    /// Starts a Cloud. It accepts requests when this returns.
    ///
    /// # Errors
    ///
    /// [`StartError`].
    #[allow(
        clippy::unused_async,
        reason = "whoever starts a server expects to wait for it"
    )]
    pub async fn start(mut options: Options) -> Result<Self, StartError> {
        if options.dialect == Dialect::Platform {
            options.seed = options.seed.of_platform();
        }
        let unknown = |name: &String| {
            let people = options.seed.people.iter();
            let people: Vec<_> = people.map(|person| person.handle.as_str()).collect();
            StartError::UnknownPerson {
                name: name.clone(),
                people: people.join(", "),
            }
        };
        let id = |name: &String| {
            options
                .seed
                .find(name)
                .map(Person::id)
                .ok_or_else(|| unknown(name))
        };
        let auto_approve = options.auto_approve.as_ref().map(id).transpose()?;
        let hosts: Result<Vec<_>, _> = options.hosts.iter().map(|name| host(name)).collect();
        let mut hosts = hosts?;
        // A machine elsewhere may know this one by its address alone.
        if let Some(address) = options.bind.filter(|address| !address.is_unspecified()) {
            hosts.push(host(&address.to_string())?);
        }
        let (port, listeners) = match options.bind {
            None => listen(options.port)?,
            Some(address) => listen_at(SocketAddr::new(address, options.port))?,
        };
        let database = |error: StoreError| StartError::Database(error.to_string());
        let store = Store::open(options.db.as_deref(), &options.seed, now()).map_err(database)?;
        let pinned = options.signing_key;
        let algorithm = pinned
            .as_ref()
            .map_or(options.algorithm, PinnedKey::algorithm);
        let keys = store.keys(algorithm, pinned.as_ref()).map_err(database)?;
        let name = hosts.first().map_or("localhost", String::as_str);
        let cloud = Arc::new(Cloud {
            url: format!("http://{name}:{port}"),
            hosts,
            dialect: options.dialect,
            seed: options.seed,
            auto_approve,
            algorithm,
            pinned,
            session_lifetime: options.session_lifetime,
            token_lifetime: options.token_lifetime,
            code_lifetime: options.code_lifetime,
            store,
            faults: crate::fault::Faults::default(),
            keys: keys.into(),
            counts: Mutex::default(),
            log: Mutex::default(),
            pending: Open::default(),
            sign_ins: Open::default(),
            platform: Mutex::new(options.platform.clone()),
            platform_at_start: options.platform,
            ahead: AtomicI64::new(0),
        });
        let router = router(&cloud);
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("local-cloud")
            .enable_all()
            .build()
            .map_err(|reason| StartError::Port { port, reason })?;
        for listener in listeners {
            let router = router.clone();
            let faults = Arc::new(api::faults_of_requests(&cloud));
            runtime.spawn(async move {
                let served = async {
                    let wires = Wires(tokio::net::TcpListener::from_std(listener)?, faults);
                    let service = router.into_make_service_with_connect_info::<Armed>();
                    axum::serve(wires, service).await
                };
                if let Err(error) = served.await {
                    tracing::error!(%error, "the server ended");
                }
            });
        }
        Ok(Self {
            cloud,
            port,
            runtime: Some(runtime),
        })
    }

    /// The base URL: `http://localhost:4300`, or with the first of [`Options::hosts`], else with the address of [`Options::bind`].
    pub fn url(&self) -> &str {
        &self.cloud.url
    }

    /// The port that it listens on.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The number of requests to an endpoint: `exchange`, `verify`, `validate`, `destroy`, `user`, `permissions`, `jwks`,
    /// or `any` of them. In the dialect `platform`: `login`, `callback`, `me`, `verify`, `refresh`, `refresh-token`, `logout`, `orgs`,
    /// `switch-org`, `ingest`, `tokens`, `members`, `invitations`, `jwks`. `renewal` is the number of renewed tokens, `rotation` that of
    /// rotated sessions and refresh tokens. `wire` is the number of answers and requests that a
    /// [`FaultKind::Wire`](crate::FaultKind::Wire) struck.
    pub fn requests(&self, endpoint: &str) -> u64 {
        lock(&self.cloud.counts).get(endpoint).copied().unwrap_or(0)
    }

    /// The admin page's actions as calls.
    pub fn control(&self) -> Control {
        Control::new(Arc::clone(&self.cloud))
    }

    /// What answers its requests, for a test without a socket.
    #[doc(hidden)]
    pub fn router(&self) -> Router {
        router(&self.cloud)
    }

    /// Stops the Cloud. When this returns, the port is free and all connections are cut.
    pub async fn stop(mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Blocking on a runtime is not allowed on another runtime's thread. If that thread is lost, the runtime has
            // ended with it.
            let _ = tokio::task::spawn_blocking(move || {
                runtime.shutdown_timeout(Duration::from_secs(2));
            })
            .await;
        }
    }
}

impl Drop for LocalCloud {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl std::fmt::Debug for LocalCloud {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalCloud")
            .field("url", &self.cloud.url)
            .finish_non_exhaustive()
    }
}

fn router(cloud: &Arc<Cloud>) -> Router {
    let pages = pages::router(cloud.dialect)
        .merge(admin::router())
        .layer(from_fn(guard::own_pages));
    let closed = from_fn_with_state(Arc::clone(cloud), pages::headers);
    Router::new()
        .merge(pages.layer(closed.clone()))
        .merge(Router::new().fallback(pages::not_found).layer(closed))
        .merge(match cloud.dialect {
            Dialect::Platform => platform::router(cloud),
            _ => api::router(cloud),
        })
        .route("/healthz", get(|| async { "ok" }))
        .layer(from_fn_with_state(Arc::clone(cloud), guard::own_host))
        .with_state(Arc::clone(cloud))
}

/// Attempts to find a port that is free on both addresses.
const TRIES: usize = 8;

/// Binds both loopback addresses on one port, so that `localhost` works whichever it means. Port 0 picks a free one. The
/// second address is optional: some machines have no IPv6.
///
/// # Errors
///
/// [`StartError::PortInUse`], [`StartError::Port`].
pub fn listen(port: u16) -> Result<(u16, Vec<TcpListener>), StartError> {
    let mut result = bind(port);
    for _ in 1..TRIES {
        if port != 0 || result.is_ok() {
            break;
        }
        result = bind(port);
    }
    result
}

/// Listens at one address, which may let other machines in.
fn listen_at(address: SocketAddr) -> Result<(u16, Vec<TcpListener>), StartError> {
    let refused = |reason: std::io::Error| match reason.kind() {
        ErrorKind::AddrInUse => StartError::PortInUse {
            port: address.port(),
        },
        _ => StartError::Address { address, reason },
    };
    let listener = TcpListener::bind(address).map_err(refused)?;
    let port = listener.local_addr().map_err(refused)?.port();
    listener.set_nonblocking(true).map_err(refused)?;
    Ok((port, vec![listener]))
}

/// A name as browsers write it in `Host`.
fn host(name: &str) -> Result<String, StartError> {
    let is_bare = !name.contains(['/', '@', '?', '#', '*']) && name.trim() == name;
    // An IPv6 address is written without brackets everywhere but in an address of the web.
    let host = match name.parse::<Ipv6Addr>() {
        Ok(address) => Ok(url::Host::Ipv6(address)),
        Err(_) => url::Host::parse(name),
    };
    host.ok()
        .filter(|_| is_bare)
        .map(|host| host.to_string())
        .ok_or_else(|| StartError::Host(name.to_owned()))
}

fn bind(port: u16) -> Result<(u16, Vec<TcpListener>), StartError> {
    let refused = |reason: std::io::Error| match reason.kind() {
        ErrorKind::AddrInUse => StartError::PortInUse { port },
        _ => StartError::Port { port, reason },
    };
    let first = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(refused)?;
    let port = first.local_addr().map_err(refused)?.port();
    let mut listeners = vec![first];
    match TcpListener::bind((Ipv6Addr::LOCALHOST, port)) {
        Ok(second) => listeners.push(second),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            return Err(StartError::PortInUse { port });
        }
        Err(_) => {}
    }
    for listener in &listeners {
        listener
            .set_nonblocking(true)
            .map_err(|reason| StartError::Port { port, reason })?;
    }
    Ok((port, listeners))
}
