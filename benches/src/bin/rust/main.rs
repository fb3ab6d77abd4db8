//! `cargo xtask bench rust`: checking a token, and knowing a token that was checked a moment ago.
//!
//! Prints one table per algorithm and one for the warm look, with what was hoped for. `--json` prints the same as JSON.

mod layer;
mod tokens;
mod verify;
mod warm;

use anyhow::Result;
use mastra_auth_benches::report::Report;

fn main() -> Result<()> {
    let mut report = Report::begin("rust");
    for signed in tokens::of_every_algorithm()? {
        report.add(verify::table(&signed)?);
    }
    report.add(warm::table()?);
    report.add(layer::table()?);
    println!("{}", report.text());
    Ok(())
}
