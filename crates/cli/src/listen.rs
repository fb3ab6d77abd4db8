//! Listens on both loopback addresses of this machine, so that `localhost` works whichever it means.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr};

use tokio::net::TcpListener;

use crate::failure::Failure;

/// Attempts to find a free port: one picked on the first address may be taken on the second.
const TRIES: usize = 8;

/// Binds a loopback port; 0 picks one. The second address is optional: some machines have no IPv6.
pub(crate) async fn loopback(port: u16) -> Result<(u16, Vec<TcpListener>), Failure> {
    let mut result = both(port).await;
    for _ in 1..TRIES {
        if port != 0 || result.is_ok() {
            break;
        }
        result = both(port).await;
    }
    result
}

async fn both(port: u16) -> Result<(u16, Vec<TcpListener>), Failure> {
    let first = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(|error| refused(port, &error))?;
    let port = first
        .local_addr()
        .map_err(|error| refused(port, &error))?
        .port();
    let mut listeners = vec![first];
    match TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
        Ok(second) => listeners.push(second),
        Err(error) if error.kind() == ErrorKind::AddrInUse => return Err(refused(port, &error)),
        Err(_) => {}
    }
    Ok((port, listeners))
}

fn refused(port: u16, error: &std::io::Error) -> Failure {
    match error.kind() {
        ErrorKind::AddrInUse => in_use(port, "--port"),
        ErrorKind::PermissionDenied => Failure::usage(format!(
            "port {port} may not be used; choose one above 1023"
        )),
        _ => Failure::failed(format!("port {port} cannot be used: {error}")),
    }
}

pub(crate) fn in_use(port: u16, option: &str) -> Failure {
    Failure::usage(format!(
        "port {port} is in use; choose another with {option}, or {option} 0 for any"
    ))
}
