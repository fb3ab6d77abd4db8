//! `cargo xtask bench rust`: verifying a token, and authenticating a request whose token was verified a moment ago.

mod layer;
mod tokens;
mod verify;
mod warm;

use anyhow::Result;
use mastra_auth_benches::report::print;

fn main() -> Result<()> {
    let mut tables = vec![];
    for signed in tokens::of_every_algorithm()? {
        tables.push(verify::table(&signed)?);
    }
    tables.extend([warm::table()?, layer::table()?]);
    print("rust", &tables);
    Ok(())
}
