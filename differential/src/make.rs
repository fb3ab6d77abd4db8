//! Mutated tokens: what is done to a good one, by name.
//!
//! To add a mutation, write it or its values in one of the modules below and add a row to its table.

mod change;
mod claims;
mod compact;
mod header;
mod json;

use crate::dice::Dice;
use crate::draft::Draft;
use crate::setting::{Deployment, Setting};

use change::Change;

/// A change to what is signed, or to how.
type BeforeSigning = (&'static str, Change);
/// A change to the token as it travels.
type AfterSigning = (&'static str, fn(&mut String, &mut Dice, &Setting));

/// A token with the names of what was done to it.
pub(crate) struct Case {
    pub(crate) deployment: Deployment,
    pub(crate) token: String,
    pub(crate) mutations: Vec<&'static str>,
}

/// One mutated token: seven of ten have one mutation, the others two or three.
pub(crate) fn case(dice: &mut Dice, setting: &Setting) -> Case {
    let mut draft = Draft::good(dice);
    let mut mutations = vec![];
    let mut after = vec![];
    let count = match dice.below(20) {
        0 => 3,
        1..=5 => 2,
        _ => 1,
    };
    for _ in 0..count {
        let table: &[BeforeSigning] = match dice.below(7) {
            0 | 1 => header::MUTATIONS,
            2 | 3 => claims::MUTATIONS,
            4 => json::MUTATIONS,
            _ => {
                after.push(*dice.pick(compact::MUTATIONS));
                continue;
            }
        };
        let (name, change) = dice.pick(table);
        change.make(&mut draft, dice, setting);
        mutations.push(*name);
    }
    let deployment = draft.deployment;
    let mut token = draft.render(setting);
    for (name, mutate) in after {
        mutate(&mut token, dice, setting);
        mutations.push(name);
    }
    Case {
        deployment,
        token,
        mutations,
    }
}
