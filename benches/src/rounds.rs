//! Interleaved rounds: in each of them every contender is measured once, and the first round only warms up.
//!
//! Libraries for benchmarks run one bench to its end before the next begins, so other load on the machine falls on one and not
//! on the other. Here ratios count: they are taken within a round, and the median of all rounds is reported. What runs in
//! this thread is measured in the thread's processor time, which excludes what other threads do in between.

use std::hint::black_box;
use std::time::Duration;

use anyhow::Result;
use cpu_time::ThreadTime;

/// How long an operation is repeated in one round: shorter than most systems let one thread run on.
const TURN: Duration = Duration::from_millis(2);

/// Measures itself once: each turn returns the microseconds of one operation.
pub type Turn<'a> = Box<dyn FnMut() -> Result<f64> + 'a>;

/// An operation that is repeated; how often in a turn is found out in the first one.
pub fn repeated<'a, T>(mut operation: impl FnMut() -> T + 'a) -> Turn<'a> {
    let mut count = 0;
    Box::new(move || {
        if count == 0 {
            count = 1;
            while time(count, &mut operation) < TURN / 2 && count < 1 << 30 {
                count *= 2;
            }
        }
        Ok(time(count, &mut operation).as_secs_f64() * 1e6 / f64::from(count))
    })
}

fn time<T>(count: u32, operation: &mut impl FnMut() -> T) -> Duration {
    let begun = ThreadTime::now();
    for _ in 0..count {
        black_box(operation());
    }
    begun.elapsed()
}

/// For each contender, by its name, the microseconds per operation of each round.
pub struct Rounds(pub Vec<(&'static str, Vec<f64>)>);

impl Rounds {
    /// Measures. Who begins changes from round to round, so that no row always follows the same neighbour.
    pub fn run(count: usize, mut contenders: Vec<(&'static str, Turn<'_>)>) -> Result<Self> {
        let all = contenders.len();
        let mut rounds: Vec<_> = contenders.iter().map(|(name, _)| (*name, vec![])).collect();
        for round in 0..=count {
            for at in 0..all {
                let at = (round + at) % all;
                let micros = contenders[at].1()?;
                if round > 0 {
                    rounds[at].1.push(micros);
                }
            }
        }
        Ok(Self(rounds))
    }

    /// How many times as long one takes as another: the median over the rounds.
    pub fn ratio(&self, name: &str, to: &str) -> f64 {
        paired(self.of(name), self.of(to), |one, other| one / other)
    }

    /// How many microseconds longer one takes than another: the median over the rounds.
    pub fn excess(&self, name: &str, over: &str) -> f64 {
        paired(self.of(name), self.of(over), |one, other| one - other)
    }

    /// The rounds of one contender; none where there is no such one.
    pub fn of(&self, name: &str) -> &[f64] {
        let found = self.0.iter().find(|(one, _)| *one == name);
        found.map_or(&[], |(_, micros)| micros)
    }
}

/// The median of what two contenders of the same rounds give when compared.
pub fn paired(one: &[f64], other: &[f64], compare: fn(f64, f64) -> f64) -> f64 {
    let pairs = one.iter().zip(other);
    median(pairs.map(|(one, other)| compare(*one, *other)))
}

/// The middle value; not a number where there is none.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn falling(name: &'static str, mut next: f64) -> (&'static str, Turn<'static>) {
        let turn = move || {
            next -= 1.0;
            Ok(next)
        };
        (name, Box::new(turn))
    }

    #[test]
    fn ratios_are_taken_within_a_round_and_the_first_round_counts_for_nothing() {
        for rounds in [3, 4, 5] {
            let contenders = vec![falling("a", 20.0), falling("b", 39.0), falling("c", 9.0)];
            let measured = Rounds::run(rounds, contenders).unwrap();
            let names: Vec<_> = measured.0.iter().map(|(name, _)| *name).collect();
            assert_eq!(names, ["a", "b", "c"], "in the order that was given");
            assert_eq!(measured.of("a").first(), Some(&18.0));
            assert_eq!(measured.of("a").len(), rounds);
            assert_eq!(measured.excess("b", "a"), 19.0);
            assert!(measured.ratio("b", "a") > 2.0);
        }
    }

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!(median([9.0, 1.0, 5.0]), 5.0);
        assert!(median([]).is_nan());
    }
}
