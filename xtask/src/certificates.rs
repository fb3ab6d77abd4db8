//! Certificates for tests over TLS, generated for each run: the repository holds no private key.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::debian::{self, Wanted};
use crate::process::capture;

const MAKER: Wanted = Wanted {
    package: "openssl",
    programs: &["openssl"],
    variable: "OPENSSL",
};
/// Longer than any run, and expired soon after.
const DAYS: &str = "2";

/// Two authorities, and a server certificate of each for 127.0.0.1.
pub(crate) struct Certificates {
    /// The folder of `ours.pem` and `strangers.pem`, each with its key beside it.
    pub(crate) folder: PathBuf,
    /// The authority of `ours.pem`, which tests trust.
    pub(crate) trusted: PathBuf,
}

pub(crate) fn make(folder: &Path) -> Result<Certificates> {
    let openssl = debian::program(&MAKER)?;
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    for name in ["ours", "strangers"] {
        let authority = format!("{name}-authority");
        let subject = format!("/CN=the authority of {name}");
        capture(&mut request(&openssl, folder, &authority, &subject))?;
        let mut server = request(&openssl, folder, name, "/CN=a redis-server");
        server
            .args(["-CA", &format!("{authority}.pem")])
            .args(["-CAkey", &format!("{authority}.key")])
            .args(["-addext", "subjectAltName=IP:127.0.0.1"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"]);
        capture(&mut server)?;
    }
    Ok(Certificates {
        folder: folder.to_owned(),
        trusted: folder.join("ours-authority.pem"),
    })
}

fn request(openssl: &Path, folder: &Path, name: &str, subject: &str) -> Command {
    let mut command = Command::new(openssl);
    command
        .current_dir(folder)
        .args(["req", "-x509", "-nodes", "-days", DAYS])
        .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-subj", subject])
        .args(["-keyout", &format!("{name}.key")])
        .args(["-out", &format!("{name}.pem")]);
    command
}
