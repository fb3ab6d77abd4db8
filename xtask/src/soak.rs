//! `cargo xtask soak NAME`: long runs. To add one, add a row: command line and help follow.
//!
//! A long run in Rust is a test that the usual run skips, in release mode, or has a file of its own. A long run of the npm
//! package is a script of its own. The results are what it prints.

use anyhow::{Context as _, Result};

use crate::debian::{self, Wanted};
use crate::process::{cargo, run as run_program};
use crate::workspace::Workspace;
use crate::{differential, node, redis};

/// A long run.
pub(crate) struct Soak {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    work: Work,
}

#[derive(Clone, Copy)]
enum Work {
    Test(Test),
    Plain(fn(&Workspace) -> Result<()>),
    /// A script of `npm run soak` with the same name.
    Npm,
}

/// A test that the usual run skips.
#[derive(Clone, Copy)]
struct Test {
    package: &'static str,
    /// The test binary, and the test function in it.
    binary: &'static str,
    function: &'static str,
    /// The system program that it needs.
    needs: Option<&'static Wanted>,
}

const CORE: &str = "mastra-auth-cloud-core";
const CLIENT: &str = "mastra-auth-cloud";

pub(crate) const SOAKS: &[Soak] = &[
    Soak {
        name: "account",
        about: "One account that the Cloud cannot serve costs 99 others nothing",
        work: test(CLIENT, "soaks", "account::soak_account"),
    },
    Soak {
        name: "account-node",
        about: "The same in Node",
        work: Work::Npm,
    },
    Soak {
        name: "bitflips",
        about: "A million single bits of signed tokens are flipped; none is accepted",
        work: test(CORE, "jwt", "bitflips::soak_bitflips"),
    },
    Soak {
        name: "cost",
        about: "100,000 requests of 1,000 sessions, and what they cost in calls",
        work: test(CLIENT, "soaks", "cost::soak_cost"),
    },
    Soak {
        name: "crossing",
        about: "10,000 requests at once over 500 people: nobody is somebody else",
        work: test(CLIENT, "soaks", "crossing::soak_crossing"),
    },
    Soak {
        name: "deploy",
        about: "Three instances are replaced under 200 sessions: none is signed out",
        work: test(CLIENT, "soaks", "deploy::soak_deploy"),
    },
    Soak {
        name: "deploy-node",
        about: "The same in Node, as a Mastra server calls it",
        work: Work::Npm,
    },
    Soak {
        name: "differential",
        about: "A million mutated tokens before us and three other libraries",
        work: Work::Plain(differential::run),
    },
    Soak {
        name: "eventloop",
        about: "How long Node's event loop waits at 5,000 requests a second",
        work: Work::Npm,
    },
    Soak {
        name: "memory",
        about: "Ten million tokens come by, and the memory stays level",
        work: test(CORE, "memory", "soak_memory"),
    },
    Soak {
        name: "outage",
        about: "The Cloud is away for ten minutes, then slow: nobody is signed out",
        work: test(CLIENT, "soaks", "outage::soak_outage"),
    },
    Soak {
        name: "panics",
        about: "Every export of the Node addon panics again and again; Node lives",
        work: Work::Npm,
    },
    Soak {
        name: "permissions",
        about: "A million random permissions, granted in Node as the host grants them",
        work: Work::Npm,
    },
    Soak {
        name: "rotation",
        about: "Keys change, the key server talks nonsense, key ids are made up",
        work: test(CLIENT, "soaks", "rotation::soak_rotation"),
    },
    Soak {
        name: "signout",
        about: "10,000 sign-outs on four instances, with Redis killed in the middle",
        work: Work::Test(Test {
            package: CLIENT,
            binary: "redis",
            function: "sign_outs::soak_signout",
            needs: Some(&redis::SERVER),
        }),
    },
    Soak {
        name: "timing",
        about: "Whether the time to compare a secret tells what of a guess is right",
        work: test(CORE, "jwt", "timing::soak_timing"),
    },
    Soak {
        name: "workers",
        about: "Ten thousand worker threads of Node load and unload the addon",
        work: Work::Npm,
    },
];

/// A test that needs no system program.
const fn test(package: &'static str, binary: &'static str, function: &'static str) -> Work {
    Work::Test(Test {
        package,
        binary,
        function,
        needs: None,
    })
}

pub(crate) fn run(workspace: &Workspace, name: &str) -> Result<()> {
    let soak = SOAKS.iter().find(|soak| soak.name == name);
    let soak = soak.with_context(|| format!("there is no long run `{name}`"))?;
    match soak.work {
        Work::Plain(work) => work(workspace),
        Work::Npm => node::soak(workspace, name),
        Work::Test(test) => {
            let mut command = cargo(workspace, &test.arguments());
            if let Some(wanted) = test.needs {
                command.env(wanted.variable, debian::program(wanted)?);
            }
            run_program(&mut command)
        }
    }
}

impl Test {
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
            self.function,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_left_out_of_the_usual_run_by_its_name() {
        for soak in SOAKS {
            if let Work::Test(test) = soak.work {
                let own = test.function.rsplit("::").next().unwrap();
                assert_eq!(own, format!("soak_{}", soak.name));
                assert_eq!(test.arguments().last(), Some(&test.function));
            }
        }
    }

    #[test]
    fn names_are_in_order_and_those_of_npm_are_what_it_knows() {
        assert!(SOAKS.is_sorted_by_key(|soak| soak.name));
        assert!(
            SOAKS.iter().all(|soak| soak.about.len() <= 70),
            "one line each"
        );
        let own = SOAKS.iter().filter(|soak| matches!(soak.work, Work::Npm));
        let own: Vec<_> = own.map(|soak| format!("'{}'", soak.name)).collect();
        let script = Workspace::find()
            .unwrap()
            .read("npm/auth-cloud/scripts/soak.mjs");
        let wanted = format!("const NAMES = [{}];", own.join(", "));
        assert!(script.unwrap().contains(&wanted), "{wanted}");
    }
}
