//! `cargo xtask soak NAME`: long runs. To add one, add a row: command line and help follow.
//!
//! A long run in Rust is a test that the usual run skips, in release mode, or has a file of its own. A long run of the npm
//! package is a script of its own. The results are what it prints.

use anyhow::{Context as _, Result};

use crate::builds::TESTING_IN_RELEASE;
use crate::process::run as run_program;
use crate::workspace::Workspace;
use crate::{browser, contract, differential, miri, mutants, node, redis, supply};

/// A long run.
pub(crate) struct Soak {
    pub(crate) name: &'static str,
    work: Work,
    pub(crate) about: &'static str,
}

#[derive(Clone, Copy)]
enum Work {
    /// A test that the usual run skips: package, test binary and the function in it.
    Test(&'static str, &'static str, &'static str),
    Plain(fn(&Workspace) -> Result<()>),
    /// A script of `npm run soak` with the same name.
    Npm,
}

use Work::{Npm, Plain, Test};

const CORE: &str = "mastra-auth-cloud-core";
const CLIENT: &str = "mastra-auth-cloud";
const CLI: &str = "mastra-auth-cli";

#[rustfmt::skip]
pub(crate) const SOAKS: &[Soak] = &[
    soak("account", Test(CLIENT, "soaks", "account::soak_account"), "One account that the Cloud cannot serve costs 99 others nothing"),
    soak("account-node", Npm, "In Node an account that the Cloud cannot serve costs others nothing"),
    soak("bitflips", Test(CORE, "jwt", "bitflips::soak_bitflips"), "A million single bits of signed tokens are flipped; none is accepted"),
    soak("bytes", Plain(bytes), "Answers and requests break at any byte; 1 GB of logs holds no secret"),
    soak("cloudflare", Plain(browser::cloudflare), "The Cloudflare deployer builds the example, and people sign in at it"),
    soak("contract", Plain(contract::soak), "2,000 calls of each operation hold the local Cloud to the contract"),
    soak("cost", Test(CLIENT, "soaks", "cost::soak_cost"), "100,000 requests of 1,000 sessions, and what they cost in calls"),
    soak("crossing", Test(CLIENT, "soaks", "crossing::soak_crossing"), "10,000 requests at once over 500 people: none is taken for another"),
    soak("deploy", Test(CLIENT, "soaks", "deploy::soak_deploy"), "Three instances are replaced under 200 sessions: none is signed out"),
    soak("deploy-node", Npm, "Three instances are replaced under 200 sessions in Node: none ends"),
    soak("differential", Plain(differential::run), "A million mutated tokens before us and three other libraries"),
    soak("differential-web", Plain(browser::differential), "Return paths, cookies and answers before Chromium and other readers"),
    soak("eventloop", Npm, "How long Node's event loop waits at 5,000 requests a second"),
    soak("hostile", Test(CLIENT, "soaks", "hostile::soak_hostile"), "Headers and answers of hostile sizes, and what others wait meanwhile"),
    soak("hostile-node", Npm, "Headers and answers of hostile sizes in Node, and what others wait"),
    soak("killed", Test(CLIENT, "it", "program::killed::soak_killed"), "A thousand processes are killed as they write the credentials file"),
    soak("load", Plain(browser::load), "Both examples under load of all kinds, beside 10,000 slow connections"),
    soak("memory", Test(CORE, "memory", "soak_memory"), "Ten million tokens come by, and the memory stays level"),
    soak("miri", Plain(miri::run), "The core's unit tests in Miri, which stops at undefined behaviour"),
    soak("mutants", Plain(mutants::run), "The core is changed one place at a time, and the tests must notice"),
    soak("outage", Test(CLIENT, "soaks", "outage::soak_outage"), "The Cloud is away for ten minutes, then slow: no user is signed out"),
    soak("panics", Npm, "Every export of the Node addon panics again and again; Node lives"),
    soak("permissions", Npm, "A million random permissions, granted in Node as the host grants them"),
    soak("rotation", Test(CLIENT, "soaks", "rotation::soak_rotation"), "Keys change, the key server talks nonsense, key ids are made up"),
    soak("sealed", Test(CLIENT, "soaks", "cost::soak_sealed"), "What 1,000 sealed sessions that rotate cost in calls"),
    soak("sessions", Test(CORE, "allocations", "soak_sessions"), "Ten million sign-ins in a table of one million, and what each takes"),
    soak("signout", Test(CLIENT, "redis", "sign_outs::soak_signout"), "10,000 sign-outs on four instances, with Redis killed in the middle"),
    soak("studio", Plain(browser::rotation), "Sessions rotate every second under Studio and a balancer"),
    soak("supply", Plain(supply::audit), "Known flaws of every dependency, and what the packages hold"),
    soak("timing", Test(CORE, "jwt", "timing::soak_timing"), "Whether the time to compare a secret tells what of a guess is right"),
    soak("workers", Npm, "Ten thousand worker threads of Node load and unload the addon"),
];

const fn soak(name: &'static str, work: Work, about: &'static str) -> Soak {
    Soak { name, work, about }
}

pub(crate) fn run(workspace: &Workspace, name: &str) -> Result<()> {
    let soak = SOAKS.iter().find(|soak| soak.name == name);
    let soak = soak.with_context(|| format!("there is no long run `{name}`"))?;
    match soak.work {
        Plain(work) => work(workspace),
        Npm => node::soak(workspace, name),
        Test(package, binary, function) => test(workspace, package, binary, function),
    }
}

fn test(workspace: &Workspace, package: &str, binary: &str, function: &str) -> Result<()> {
    let mut test = workspace.cargo("test --quiet --release --all-features");
    test.args(["--package", package, "--test", binary]);
    test.args(["--", "--ignored", "--nocapture", "--exact", function]);
    test.env(TESTING_IN_RELEASE, "1");
    if binary == "redis" {
        test.env(redis::SERVER.variable, redis::SERVER.find(workspace)?);
    }
    run_program(&mut test)
}

/// Faults at every byte in Rust, under the commands of a program, and in Node.
fn bytes(workspace: &Workspace) -> Result<()> {
    test(workspace, CLIENT, "faults", "soak_bytes")?;
    test(workspace, CLI, "it", "program::faults::soak_bytes")?;
    node::faults(workspace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_left_out_of_the_usual_run_by_its_name() {
        for soak in SOAKS {
            if let Test(_, _, function) = soak.work {
                let own = function.rsplit("::").next().unwrap();
                assert_eq!(own, format!("soak_{}", soak.name));
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
        let own = SOAKS.iter().filter(|soak| matches!(soak.work, Npm));
        let own: Vec<_> = own.map(|soak| format!("'{}'", soak.name)).collect();
        let script = Workspace::find()
            .unwrap()
            .read("npm/auth-cloud/scripts/soak.mjs");
        let wanted = format!("const NAMES = [{}];", own.join(", "));
        assert!(script.unwrap().contains(&wanted), "{wanted}");
    }
}
