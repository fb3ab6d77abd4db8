//! This machine's platform in npm's terms: the name in an addon's file, and the fields that keep its package off other
//! machines.

use std::env::consts;

use anyhow::{Context as _, Result};

/// A platform that the addon is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Platform {
    pub(super) name: &'static str,
    pub(super) os: &'static str,
    pub(super) cpu: &'static str,
    /// Linux only.
    pub(super) libc: Option<&'static str>,
    /// Cargo's name of the library.
    pub(super) library: &'static str,
}

impl Platform {
    /// The platform that this tool was built for, and so the one that cargo builds for.
    pub(super) fn host() -> Result<Self> {
        of(consts::OS, consts::ARCH, cfg!(target_env = "musl")).with_context(|| {
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

fn of(os: &str, arch: &str, is_musl: bool) -> Option<Platform> {
    let (name, os, cpu, libc) = match (os, arch, is_musl) {
        ("linux", "x86_64", false) => ("linux-x64-gnu", "linux", "x64", Some("glibc")),
        ("linux", "x86_64", true) => ("linux-x64-musl", "linux", "x64", Some("musl")),
        ("linux", "aarch64", false) => ("linux-arm64-gnu", "linux", "arm64", Some("glibc")),
        ("linux", "aarch64", true) => ("linux-arm64-musl", "linux", "arm64", Some("musl")),
        ("macos", "x86_64", _) => ("darwin-x64", "darwin", "x64", None),
        ("macos", "aarch64", _) => ("darwin-arm64", "darwin", "arm64", None),
        ("windows", "x86_64", _) => ("win32-x64-msvc", "win32", "x64", None),
        _ => return None,
    };
    let library = match os {
        "darwin" => "libmastra_auth_cloud_node.dylib",
        "win32" => "mastra_auth_cloud_node.dll",
        _ => "libmastra_auth_cloud_node.so",
    };
    Some(Platform {
        name,
        os,
        cpu,
        libc,
        library,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_made_of_its_parts() {
        for os in ["linux", "macos", "windows"] {
            for arch in ["x86_64", "aarch64"] {
                for is_musl in [false, true] {
                    let Some(platform) = of(os, arch, is_musl) else {
                        assert_eq!((os, arch), ("windows", "aarch64"));
                        continue;
                    };
                    assert!(NAMES.contains(&platform.name), "{}", platform.name);
                    let end = match platform.libc {
                        Some("glibc") => "-gnu",
                        Some(_) => "-musl",
                        None if os == "windows" => "-msvc",
                        None => "",
                    };
                    assert_eq!(
                        platform.name,
                        format!("{}-{}{end}", platform.os, platform.cpu)
                    );
                    assert_eq!(platform.libc.is_some(), os == "linux");
                }
            }
        }
        assert_eq!(of("freebsd", "x86_64", false), None);
    }

    #[test]
    fn this_machine_has_an_addon() {
        let platform = Platform::host().unwrap();
        let library = format!(
            "{}mastra_auth_cloud_node{}",
            consts::DLL_PREFIX,
            consts::DLL_SUFFIX
        );
        assert_eq!(platform.library, library);
        assert_eq!(
            platform.file(),
            format!("auth-cloud.{}.node", platform.name)
        );
    }
}
