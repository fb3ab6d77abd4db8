//! Mutated tokens, judged by the core and by three others: `cargo xtask soak differential`.
//!
//! Promises: it fails where the core accepts what all others refuse, or differs from them in a way that `reasons.toml` does
//! not list. The same seed makes the same tokens. Does not say who is right: the list does.

mod counters;
mod dice;
mod draft;
mod judges;
mod make;
mod setting;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, bail};

use counters::{Counters, Reasons};
use dice::Dice;
use judges::{Child, Jsonwebtoken, Ours, Verdict};
use make::Case;
use setting::Setting;

/// Tokens that are judged at a time.
const BATCH: usize = 10_000;

fn main() -> Result<()> {
    let [node, python, count, seed, examples] = arguments()?;
    let count: usize = text(&count)?.parse().context("how many tokens")?;
    let seed: u64 = text(&seed)?.parse().context("the seed")?;
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let reasons: Reasons = toml::from_str(&std::fs::read_to_string(here.join("reasons.toml"))?)?;

    let setting = Setting::new()?;
    let mut panel = Panel {
        ours: Ours::new(&setting)?,
        jsonwebtoken: Jsonwebtoken::new(&setting)?,
        jose: Child::start(&node, &here.join("judges/jose.mjs"), &setting)?,
        pyjwt: Child::start(&python, &here.join("judges/pyjwt.py"), &setting)?,
    };
    let (begin, mut dice, mut counters) = (Instant::now(), Dice::new(seed), Counters::default());
    let mut batch = |left: usize| -> Vec<Case> {
        (0..left.min(BATCH))
            .map(|_| make::case(&mut dice, &setting))
            .collect()
    };
    let (mut left, mut cases) = (count, batch(count));
    while !cases.is_empty() {
        left -= cases.len();
        let (verdicts, next) = panel.judge(&cases, || batch(left))?;
        for (case, [ours, jsonwebtoken, jose, pyjwt]) in cases.iter().zip(verdicts) {
            counters.add(case, &ours, [&jsonwebtoken, &jose, &pyjwt], &reasons);
        }
        cases = next;
        if left % (10 * BATCH) == 0 && left > 0 {
            eprintln!("{left} to go, after {} s", begin.elapsed().as_secs());
        }
    }
    println!("seed {seed}, {} s", begin.elapsed().as_secs());
    print!("{}", counters.report());
    std::fs::write(PathBuf::from(examples), counters.examples())?;
    match counters.faults() {
        faults if faults.is_empty() => Ok(()),
        faults => bail!("{}", faults.join("\n")),
    }
}

fn arguments() -> Result<[OsString; 5]> {
    let given: Vec<_> = std::env::args_os().skip(1).collect();
    given
        .try_into()
        .map_err(|_| anyhow!("wanted: NODE PYTHON COUNT SEED EXAMPLES"))
}

fn text(argument: &OsString) -> Result<&str> {
    argument.to_str().context("an argument is no text")
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
        cases: &[Case],
        meanwhile: impl FnOnce() -> T,
    ) -> Result<(Vec<[Verdict; 4]>, T)> {
        let Self {
            ours,
            jsonwebtoken,
            jose,
            pyjwt,
        } = self;
        thread::scope(|scope| {
            let jose = scope.spawn(move || jose.judge(cases));
            let pyjwt = scope.spawn(move || pyjwt.judge(cases));
            let here: Vec<_> = cases
                .iter()
                .map(|case| (ours.judge(case), jsonwebtoken.judge(case)))
                .collect();
            let made = meanwhile();
            let joined = |result: thread::Result<Result<Vec<Verdict>>>, name| {
                result.map_err(|_| anyhow!("{name} ended"))?.context(name)
            };
            let (jose, pyjwt) = (joined(jose.join(), "jose")?, joined(pyjwt.join(), "PyJWT")?);
            let verdicts = here
                .into_iter()
                .zip(jose.into_iter().zip(pyjwt))
                .map(|((ours, jsonwebtoken), (jose, pyjwt))| [ours, jsonwebtoken, jose, pyjwt])
                .collect();
            Ok((verdicts, made))
        })
    }
}
