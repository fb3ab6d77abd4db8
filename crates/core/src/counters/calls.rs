//! Calls to the Cloud: how many, with which result, and how long they took.
//!
//! A result is a stable label. A status outside of the list counts under its class, so that no response can create a new one.

use core::sync::atomic::AtomicU64;
use core::time::Duration;

use crate::cloud_call::CloudCall;
use crate::counters::{add, of, read};
use crate::http::{Delivery, TransportError};

/// The upper bounds of the time buckets. Longer calls are counted in [`CallTimes::count`] alone.
pub const TIME_BOUNDS: [Duration; 11] = [
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_millis(2_500),
    Duration::from_secs(5),
    Duration::from_secs(10),
];

/// The result of a call: its status or the status's class, or why there was no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallResult(&'static str);

impl CallResult {
    /// All results.
    pub const ALL: [Self; 19] = [
        Self("2xx"),
        Self("3xx"),
        Self("400"),
        Self("401"),
        Self("403"),
        Self("404"),
        Self("408"),
        Self("429"),
        Self("4xx"),
        Self("500"),
        Self("502"),
        Self("503"),
        Self("504"),
        Self("5xx"),
        Self("connect"),
        Self("closed"),
        Self("timeout"),
        Self("too_large"),
        Self("other"),
    ];

    /// The result of a delivery.
    pub fn of(delivery: &Delivery) -> Self {
        match delivery {
            Ok(response) => match response.lost() {
                None => Self::of_status(response.status()),
                Some(error) => Self::of_error(error),
            },
            Err(error) => Self::of_error(*error),
        }
    }

    /// The result for a response's status.
    pub const fn of_status(status: u16) -> Self {
        Self(match status {
            200..=299 => "2xx",
            300..=399 => "3xx",
            400 => "400",
            401 => "401",
            403 => "403",
            404 => "404",
            408 => "408",
            429 => "429",
            402..=499 => "4xx",
            500 => "500",
            502 => "502",
            503 => "503",
            504 => "504",
            501..=599 => "5xx",
            _ => "other",
        })
    }

    /// The result of a call without a response.
    pub const fn of_error(error: TransportError) -> Self {
        Self(match error {
            TransportError::Connect => "connect",
            TransportError::Closed | TransportError::Stale => "closed",
            TransportError::Timeout => "timeout",
            TransportError::TooLarge => "too_large",
            TransportError::Cancelled | TransportError::Other => "other",
        })
    }

    /// The label.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

/// The number of calls with one result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallCount {
    /// The endpoint.
    pub call: CloudCall,
    /// The result.
    pub result: CallResult,
    /// How many calls.
    pub count: u64,
}

/// How long the calls of one endpoint took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallTimes {
    /// The endpoint.
    pub call: CloudCall,
    /// How many calls.
    pub count: u64,
    /// The sum of their times.
    pub sum: Duration,
    /// How many calls took up to each bound of [`TIME_BOUNDS`] and longer than the one before.
    pub up_to: [u64; TIME_BOUNDS.len()],
}

/// One row for each endpoint.
#[derive(Debug, Default)]
pub(super) struct Calls([Row; CloudCall::ALL.len()]);

#[derive(Debug, Default)]
struct Row {
    results: [AtomicU64; CallResult::ALL.len()],
    micros: AtomicU64,
    up_to: [AtomicU64; TIME_BOUNDS.len()],
    longer: AtomicU64,
}

impl Calls {
    pub(super) fn add(&self, call: CloudCall, result: CallResult, took: Duration) {
        let Some(row) = of(&self.0, CloudCall::ALL, call) else {
            return;
        };
        add(of(&row.results, CallResult::ALL, result), 1);
        let mut bounds = row.up_to.iter().zip(TIME_BOUNDS);
        let bound = bounds.find(|(_, bound)| took <= *bound);
        add(Some(bound.map_or(&row.longer, |(counter, _)| counter)), 1);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        add(Some(&row.micros), micros);
    }

    pub(super) fn counts(&self) -> impl Iterator<Item = CallCount> {
        self.0.iter().zip(CloudCall::ALL).flat_map(|(row, call)| {
            row.results
                .iter()
                .zip(CallResult::ALL)
                .filter_map(move |(counter, result)| {
                    let count = read(counter);
                    (count > 0).then_some(CallCount {
                        call,
                        result,
                        count,
                    })
                })
        })
    }

    pub(super) fn times(&self) -> impl Iterator<Item = CallTimes> {
        self.0.iter().zip(CloudCall::ALL).filter_map(|(row, call)| {
            let up_to = row.up_to.each_ref().map(read);
            let count = up_to.iter().sum::<u64>().saturating_add(read(&row.longer));
            (count > 0).then(|| CallTimes {
                call,
                count,
                sum: Duration::from_micros(read(&row.micros)),
                up_to,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_its_own_label_or_its_classes() {
        for (status, expect) in [
            (100, "other"),
            (200, "2xx"),
            (302, "3xx"),
            (400, "400"),
            (401, "401"),
            (402, "4xx"),
            (403, "403"),
            (404, "404"),
            (408, "408"),
            (429, "429"),
            (499, "4xx"),
            (500, "500"),
            (501, "5xx"),
            (502, "502"),
            (503, "503"),
            (504, "504"),
            (600, "other"),
        ] {
            assert_eq!(CallResult::of_status(status).as_str(), expect, "{status}");
        }
    }

    #[test]
    fn calls_are_counted_by_endpoint_and_result() {
        let calls = Calls::default();
        let (verify, gone) = (CloudCall::VerifyToken, CallResult::of_status(401));
        calls.add(verify, gone, Duration::from_millis(5));
        calls.add(verify, gone, Duration::from_millis(6));
        calls.add(
            CloudCall::KeySet,
            CallResult::of_status(200),
            Duration::from_secs(11),
        );
        assert_eq!(
            calls.counts().collect::<Vec<_>>(),
            [
                CallCount {
                    call: verify,
                    result: gone,
                    count: 2
                },
                CallCount {
                    call: CloudCall::KeySet,
                    result: CallResult::of_status(200),
                    count: 1
                },
            ]
        );
    }

    #[test]
    fn a_time_counts_under_the_first_bound_that_holds_it() {
        let calls = Calls::default();
        for millis in [0, 5, 6, 10_000, 10_001] {
            calls.add(
                CloudCall::GetUser,
                CallResult::of_status(200),
                Duration::from_millis(millis),
            );
        }
        let times: Vec<CallTimes> = calls.times().collect();
        assert_eq!(times.len(), 1);
        assert_eq!(times[0].up_to, [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(
            (times[0].count, times[0].sum),
            (5, Duration::from_millis(20_012))
        );
    }

    #[test]
    fn every_status_has_a_word_of_the_list() {
        for status in 0..=u16::MAX {
            let result = CallResult::of_status(status);
            assert!(CallResult::ALL.contains(&result), "{status}");
        }
        for (status, word) in [
            (204, "2xx"),
            (307, "3xx"),
            (401, "401"),
            (418, "4xx"),
            (499, "4xx"),
            (501, "5xx"),
            (503, "503"),
            (599, "5xx"),
            (199, "other"),
            (600, "other"),
        ] {
            assert_eq!(CallResult::of_status(status).as_str(), word);
        }
        for error in [
            TransportError::Connect,
            TransportError::Closed,
            TransportError::Stale,
            TransportError::Timeout,
            TransportError::TooLarge,
            TransportError::Cancelled,
            TransportError::Other,
        ] {
            assert!(CallResult::ALL.contains(&CallResult::of(&Err(error))));
        }
    }
}
