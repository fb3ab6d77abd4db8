//! Mutated tokens, judged by the core and by three others: `cargo xtask soak differential`.
//!
//! Promises: it fails where the core accepts what all others refuse, or differs from them in a way that `reasons.toml` does
//! not list. The same seed makes the same tokens. Does not say who is right: the list does.

mod after;
mod before;
mod counters;
mod draft;
mod judges;
mod make;
mod setting;

use std::path::Path;
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, bail};
use fastrand::Rng;

use counters::{Counters, Reasons};
use judges::{Child, Jsonwebtoken, Ours, Verdict};
use make::{Case, Mutations};
use setting::Setting;

/// Tokens that are judged at a time.
const BATCH: usize = 10_000;

fn main() -> Result<()> {
    let given: Vec<_> = std::env::args_os().skip(1).collect();
    let [node, python, count, seed, examples] = given.as_slice() else {
        bail!("wanted: NODE PYTHON COUNT SEED EXAMPLES");
    };
    let text = |given: &std::ffi::OsString| given.to_string_lossy().into_owned();
    let count: usize = text(count).parse().context("how many tokens")?;
    let seed: u64 = text(seed).parse().context("the seed")?;
    let reasons: Reasons = toml::from_str(include_str!("../reasons.toml"))?;
    let mutations = Mutations::read(include_str!("../mutations.toml"))?;

    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let setting = Setting::new()?;
    let mut panel = Panel {
        ours: Ours::new(&setting)?,
        jsonwebtoken: Jsonwebtoken::new(&setting)?,
        jose: Child::start(node, &here.join("judges/jose.mjs"), &setting)?,
        pyjwt: Child::start(python, &here.join("judges/pyjwt.py"), &setting)?,
    };
    let (begin, mut rng, mut counters) =
        (Instant::now(), Rng::with_seed(seed), Counters::default());
    let mut batch = |left: usize| -> Vec<Case<'_>> {
        let numbers = 0..left.min(BATCH);
        numbers
            .map(|_| mutations.case(&mut rng, &setting))
            .collect()
    };
    let (mut left, mut cases) = (count, batch(count));
    while !cases.is_empty() {
        left -= cases.len();
        let (verdicts, next) = panel.judge(&cases, || batch(left))?;
        for (case, verdicts) in cases.iter().zip(verdicts) {
            counters.add(case, &verdicts, &reasons);
        }
        cases = next;
        if left % (10 * BATCH) == 0 && left > 0 {
            eprintln!("{left} to go, after {} s", begin.elapsed().as_secs());
        }
    }
    println!("seed {seed}, {} s", begin.elapsed().as_secs());
    print!("{}", counters.report());
    std::fs::write(examples, counters.examples())?;
    match counters.faults() {
        faults if faults.is_empty() => Ok(()),
        faults => bail!("{}", faults.join("\n")),
    }
}

struct Panel {
    ours: Ours,
    jsonwebtoken: Jsonwebtoken,
    jose: Child,
    pyjwt: Child,
}

impl Panel {
    /// The four verdicts on each, while the next batch is made.
    fn judge<T>(
        &mut self,
        cases: &[Case<'_>],
        meanwhile: impl FnOnce() -> T,
    ) -> Result<(Vec<[Verdict; 4]>, T)> {
        let (jose, pyjwt) = (&mut self.jose, &mut self.pyjwt);
        thread::scope(|scope| {
            let jose = scope.spawn(move || jose.judge(cases));
            let pyjwt = scope.spawn(move || pyjwt.judge(cases));
            let judged = |case| (self.ours.judge(case), self.jsonwebtoken.judge(case));
            let here: Vec<_> = cases.iter().map(judged).collect();
            let made = meanwhile();
            let joined = |result: thread::Result<Result<Vec<Verdict>>>, name| {
                result.map_err(|_| anyhow!("{name} ended"))?.context(name)
            };
            let (jose, pyjwt) = (joined(jose.join(), "jose")?, joined(pyjwt.join(), "PyJWT")?);
            let all = here.into_iter().zip(jose).zip(pyjwt);
            let all = all.map(|(((ours, jwt), jose), pyjwt)| [ours, jwt, jose, pyjwt]);
            Ok((all.collect(), made))
        })
    }
}
