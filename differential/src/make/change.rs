//! What is done to a token before it is signed: a function, or a member that is given another value.

use crate::dice::Dice;
use crate::draft::{Draft, Members, remove, set};
use crate::setting::Setting;

pub(super) enum Change {
    By(fn(&mut Draft, &mut Dice, &Setting)),
    Header(&'static Values),
    Claim(&'static Values),
}

/// A member and its value, each one of these, as they are written in JSON. The value `-` takes the member away.
pub(super) struct Values {
    pub(super) names: &'static [&'static str],
    pub(super) values: &'static [&'static str],
}

impl Change {
    pub(super) fn make(&self, draft: &mut Draft, dice: &mut Dice, setting: &Setting) {
        match self {
            Self::By(change) => change(draft, dice, setting),
            Self::Header(values) => values.give(&mut draft.header, dice),
            Self::Claim(values) => values.give(&mut draft.claims, dice),
        }
    }
}

impl Values {
    fn give(&self, members: &mut Members, dice: &mut Dice) {
        let name = match self.names {
            [only] => only,
            names => dice.pick(names),
        };
        match *dice.pick(self.values) {
            "-" => remove(members, name),
            value => set(members, name, value),
        }
    }
}
