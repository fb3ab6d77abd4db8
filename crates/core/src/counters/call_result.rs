//! The result of a call to the Cloud as a stable label, for counters and logs.
//!
//! A status outside of the list counts under its class, so that no response can create a new label.

use crate::http::{Delivery, TransportError};

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
            Ok(response) => Self::of_status(response.status()),
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
            TransportError::Other => "other",
        })
    }

    /// The label.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            TransportError::Other,
        ] {
            assert!(CallResult::ALL.contains(&CallResult::of(&Err(error))));
        }
    }
}
