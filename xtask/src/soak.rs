//! `cargo xtask soak NAME`: what runs for long. To add one in Rust, add a row; any other name is one of the npm package.
//!
//! One in Rust is a test that the usual run leaves out, in release, or has a file of its own. Its figures are what it prints.

use anyhow::Result;

use crate::debian::{self, Wanted};
use crate::process::{cargo, run as run_program};
use crate::workspace::Workspace;
use crate::{differential, node, redis};

/// A long run in Rust.
struct Soak {
    name: &'static str,
    package: &'static str,
    /// The test binary, and the test in it.
    binary: &'static str,
    test: &'static str,
    /// What it needs of the system.
    needs: Option<&'static Wanted>,
}

const SOAKS: &[Soak] = &[
    Soak {
        name: "bitflips",
        package: "mastra-auth-cloud-core",
        binary: "jwt",
        test: "bitflips::soak_bitflips",
        needs: None,
    },
    Soak {
        name: "timing",
        package: "mastra-auth-cloud-core",
        binary: "jwt",
        test: "timing::soak_timing",
        needs: None,
    },
    Soak {
        name: "signout",
        package: "mastra-auth-cloud",
        binary: "redis",
        test: "soak_signout",
        needs: Some(&redis::SERVER),
    },
    Soak {
        name: "memory",
        package: "mastra-auth-cloud-core",
        binary: "memory",
        test: "soak_memory",
        needs: None,
    },
    of_client("cost", "cost::soak_cost"),
    of_client("outage", "outage::soak_outage"),
    of_client("rotation", "rotation::soak_rotation"),
    of_client("crossing", "crossing::soak_crossing"),
];

/// One of those that share a binary.
const fn of_client(name: &'static str, test: &'static str) -> Soak {
    Soak {
        name,
        package: "mastra-auth-cloud",
        binary: "soaks",
        test,
        needs: None,
    }
}

pub(crate) fn run(workspace: &Workspace, name: &str) -> Result<()> {
    if name == differential::NAME {
        return differential::run(workspace);
    }
    let Some(soak) = SOAKS.iter().find(|soak| soak.name == name) else {
        return node::soak(workspace, name);
    };
    let mut command = cargo(workspace, &soak.arguments());
    if let Some(wanted) = soak.needs {
        command.env(wanted.variable, debian::program(wanted)?);
    }
    run_program(&mut command)
}

impl Soak {
    fn arguments(&self) -> [&'static str; 13] {
        [
            "test",
            "--quiet",
            "--release",
            "--all-features",
            "--package",
            self.package,
            "--test",
            self.binary,
            "--",
            "--ignored",
            "--nocapture",
            "--exact",
            self.test,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_left_out_of_the_usual_run_by_its_name() {
        for soak in SOAKS {
            let own = soak.test.rsplit("::").next().unwrap();
            assert_eq!(own, format!("soak_{}", soak.name));
            assert_eq!(soak.arguments().last(), Some(&soak.test));
        }
    }
}
