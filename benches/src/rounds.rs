//! Interleaved rounds: in each of them every contender is measured once, and the first round only warms up.
//!
//! divan is the house's choice for the time of one thing. Here ratios count, and divan runs one bench to its end before the
//! next begins, so that whatever else the machine does meanwhile weighs on one and not on the other. In a round all stand
//! side by side within a moment; a ratio is taken within its round, and the median of all rounds is told. What runs in this
//! thread is measured in the thread's processor time: what others do in between is not counted.

use std::hint::black_box;
use std::time::Duration;

use anyhow::Result;
use cpu_time::ThreadTime;

/// How long an operation is repeated in one round: shorter than most systems let one thread run on.
const TURN: Duration = Duration::from_millis(2);

/// Something to measure.
pub struct Contender<'a> {
    name: &'static str,
    turn: Turn<'a>,
}

type Turn<'a> = Box<dyn FnMut() -> Result<f64> + 'a>;

impl<'a> Contender<'a> {
    /// One that measures itself: each turn answers the microseconds that one operation took.
    pub fn measured(name: &'static str, turn: impl FnMut() -> Result<f64> + 'a) -> Self {
        Self {
            name,
            turn: Box::new(turn),
        }
    }

    /// An operation that is repeated; how often in a turn is found out in the first one.
    pub fn repeated<T>(name: &'static str, mut operation: impl FnMut() -> T + 'a) -> Self {
        let mut count = 0;
        Self::measured(name, move || {
            if count == 0 {
                count = fitting(&mut operation);
            }
            let begun = ThreadTime::now();
            for _ in 0..count {
                black_box(operation());
            }
            Ok(begun.elapsed().as_secs_f64() * 1e6 / f64::from(count))
        })
    }
}

/// How many times an operation fits into a turn: doubled until it is long enough.
fn fitting<T>(operation: &mut impl FnMut() -> T) -> u32 {
    let mut count = 1_u32;
    loop {
        let begun = ThreadTime::now();
        for _ in 0..count {
            black_box(operation());
        }
        if begun.elapsed() >= TURN / 2 || count > u32::MAX / 2 {
            return count;
        }
        count *= 2;
    }
}

/// What was measured: for each contender the microseconds per operation of each round.
pub struct Rounds(Vec<(&'static str, Vec<f64>)>);

impl Rounds {
    /// Measures. Who begins changes from round to round, so that no row always follows the same neighbour.
    pub fn run(count: usize, mut contenders: Vec<Contender<'_>>) -> Result<Self> {
        let mut all: Vec<_> = contenders
            .iter()
            .map(|contender| (contender.name, Vec::new()))
            .collect();
        for round in 0..=count {
            for (contender, (_, micros)) in contenders.iter_mut().zip(&mut all) {
                let measured = (contender.turn)()?;
                if round > 0 {
                    micros.push(measured);
                }
            }
            contenders.rotate_left(1);
            all.rotate_left(1);
        }
        // After as many turns as it took, the order is the one that was given.
        let turned = count.saturating_add(1) % all.len().max(1);
        all.rotate_right(turned);
        Ok(Self(all))
    }

    /// What was measured elsewhere, in rounds like these.
    pub fn given(measured: Vec<(&'static str, Vec<f64>)>) -> Self {
        Self(measured)
    }

    /// The contenders in their order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(name, _)| *name)
    }

    /// The median of one contender.
    pub fn median(&self, name: &str) -> f64 {
        median(self.of(name).to_vec())
    }

    /// The least of one contender.
    pub fn least(&self, name: &str) -> f64 {
        self.of(name).iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// How many times as long one takes as another: the median over the rounds.
    pub fn ratio(&self, name: &str, to: &str) -> f64 {
        self.compared(name, to, |one, other| one / other)
    }

    /// How many microseconds longer one takes than another: the median over the rounds.
    pub fn excess(&self, name: &str, over: &str) -> f64 {
        self.compared(name, over, |one, other| one - other)
    }

    fn compared(&self, name: &str, with: &str, compare: fn(f64, f64) -> f64) -> f64 {
        let pairs = self.of(name).iter().zip(self.of(with));
        median(pairs.map(|(one, other)| compare(*one, *other)).collect())
    }

    fn of(&self, name: &str) -> &[f64] {
        let found = self.0.iter().find(|(one, _)| *one == name);
        found.map_or(&[], |(_, micros)| micros.as_slice())
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    values.get(middle).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn falling(name: &'static str, first: f64) -> Contender<'static> {
        let mut next = first;
        Contender::measured(name, move || {
            next -= 1.0;
            Ok(next)
        })
    }

    #[test]
    fn ratios_are_taken_within_a_round_and_the_first_round_counts_for_nothing() {
        for rounds in [3, 4, 5] {
            let measured =
                Rounds::run(rounds, vec![falling("a", 20.0), falling("b", 39.0)]).unwrap();
            assert_eq!(measured.names().collect::<Vec<_>>(), ["a", "b"]);
            assert_eq!(measured.of("a").first(), Some(&18.0));
            assert_eq!(measured.excess("b", "a"), 19.0);
            assert!(measured.ratio("b", "a") > 2.0);
        }
    }

    #[test]
    fn the_order_is_the_one_that_was_given() {
        let contenders = ["a", "b", "c"].map(|name| falling(name, 9.0));
        let measured = Rounds::run(4, contenders.into()).unwrap();
        assert_eq!(measured.names().collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!(median(vec![9.0, 1.0, 5.0]), 5.0);
        assert!(median(vec![]).is_nan());
    }
}
