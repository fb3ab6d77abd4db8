//! This machine's platform in npm's terms: the name in an addon's file, and the fields that keep its package off other
//! machines.

use std::env::consts;

use anyhow::{Context as _, Result};

/// All platforms that the addon is built for, by npm's names.
pub(super) const NAMES: [&str; 7] = [
    "darwin-arm64",
    "darwin-x64",
    "linux-arm64-gnu",
    "linux-arm64-musl",
    "linux-x64-gnu",
    "linux-x64-musl",
    "win32-x64-msvc",
];

/// A platform that the addon is built for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Platform {
    pub(super) name: String,
    pub(super) os: &'static str,
    pub(super) cpu: &'static str,
    /// Linux only.
    pub(super) libc: Option<&'static str>,
}

impl Platform {
    /// The platform that this tool was built for, and so the one that cargo builds for.
    pub(super) fn host() -> Result<Self> {
        let host = of(consts::OS, consts::ARCH, cfg!(target_env = "musl"));
        host.with_context(|| {
            format!(
                "the addon is not built for {} on {}",
                consts::OS,
                consts::ARCH
            )
        })
    }

    /// The addon's file name.
    pub(super) fn file(&self) -> String {
        format!("auth-cloud.{}.node", self.name)
    }
}

fn of(os: &str, arch: &str, is_musl: bool) -> Option<Platform> {
    let (os, abi, libc) = match (os, is_musl) {
        ("linux", false) => ("linux", "-gnu", Some("glibc")),
        ("linux", true) => ("linux", "-musl", Some("musl")),
        ("macos", _) => ("darwin", "", None),
        ("windows", _) => ("win32", "-msvc", None),
        _ => return None,
    };
    let cpu = match arch {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        _ => return None,
    };
    let name = format!("{os}-{cpu}{abi}");
    NAMES.contains(&name.as_str()).then_some(Platform {
        name,
        os,
        cpu,
        libc,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_has_a_name_or_no_addon() {
        let name = |os, arch, is_musl| of(os, arch, is_musl).map(|platform| platform.name);
        assert_eq!(
            name("linux", "x86_64", false).as_deref(),
            Some("linux-x64-gnu")
        );
        assert_eq!(
            name("linux", "aarch64", true).as_deref(),
            Some("linux-arm64-musl")
        );
        assert_eq!(
            name("macos", "aarch64", false).as_deref(),
            Some("darwin-arm64")
        );
        assert_eq!(
            name("windows", "x86_64", false).as_deref(),
            Some("win32-x64-msvc")
        );
        assert_eq!(name("windows", "aarch64", false), None);
        assert_eq!(name("freebsd", "x86_64", false), None);
        assert!(Platform::host().unwrap().file().starts_with("auth-cloud."));
    }
}
