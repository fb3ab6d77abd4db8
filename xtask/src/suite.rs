//! `cargo xtask test`: the steps one after another, each named and timed.
//!
//! Stops at the first failure and says how to run that step alone. No step is left out without a word.

use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::steps::{Mode, Pace, STEPS, Work};
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace, quick: bool) -> Result<()> {
    let all = Instant::now();
    let mut left_out = Vec::new();
    for step in STEPS {
        if quick && step.pace == Pace::Slow {
            left_out.push(step.name);
            continue;
        }
        println!("-- {}", step.name);
        let start = Instant::now();
        match step.work {
            Work::Plain(work) => work(workspace),
            Work::Checkable(work) => work(workspace, Mode::Check),
        }
        .with_context(|| {
            let seconds = start.elapsed().as_secs_f32();
            format!(
                "{} failed after {seconds:.1} s; run it alone with: {}",
                step.name,
                step.command()
            )
        })?;
        println!(
            "== {} ({:.1} s)\n",
            step.name,
            start.elapsed().as_secs_f32()
        );
    }
    let seconds = all.elapsed().as_secs_f32();
    if left_out.is_empty() {
        println!("everything passed ({seconds:.0} s)");
    } else {
        println!(
            "passed ({seconds:.0} s); left out by --quick: {}",
            left_out.join(", ")
        );
    }
    Ok(())
}
