//! One bit of one part of a token: whichever it is, the token is refused.
//!
//! The bits are those of the decoded parts, so that every flip is a well-formed token; flips of its text are in `faults.rs`.

use mastra_auth_cloud_core::encoding::{base64url, base64url_decode};
use mastra_auth_cloud_core::jwt::Algorithm;
use serde_json::json;

use crate::signer::{EVERY, NOW, check, good_claims, keys, rules, token};

/// Flips every bit of one token after another, until there are so many cases; returns how many there were.
fn flip(algorithm: Algorithm, cases: usize) -> usize {
    let (keys, rules) = (keys(algorithm), rules(algorithm));
    let mut done = 0;
    for serial in 0_u32.. {
        let mut claims = good_claims();
        claims["sub"] = json!(format!("usr_{serial}"));
        claims["exp"] = json!(NOW + 1 + i64::from(serial));
        let good = token(algorithm, &claims);
        assert!(check(&good, &keys, &rules).is_ok());
        let parts: Vec<_> = good
            .split('.')
            .map(|part| base64url_decode(part).unwrap())
            .collect();
        for (which, part) in parts.iter().enumerate() {
            for bit in 0..part.len() * 8 {
                let mut changed = parts.clone();
                changed[which][bit / 8] ^= 1 << (bit % 8);
                let changed: Vec<_> = changed.iter().map(|part| base64url(part)).collect();
                let verdict = check(&changed.join("."), &keys, &rules);
                assert!(
                    verdict.is_err(),
                    "{algorithm:?}: bit {bit} of part {which} of {serial}"
                );
                done += 1;
            }
        }
        if done >= cases {
            break;
        }
    }
    done
}

#[test]
fn threat_001_no_bit_of_any_part_can_be_flipped() {
    for algorithm in EVERY {
        assert!(flip(algorithm, 1) > 2000);
    }
}

#[test]
#[ignore = "a million cases: cargo xtask soak bitflips"]
#[allow(clippy::print_stdout, reason = "its figures")]
fn soak_bitflips() {
    for algorithm in EVERY {
        let begin = std::time::Instant::now();
        let cases = flip(algorithm, 250_000);
        println!(
            "{}: {cases} flipped bits, none accepted, {:.1} s",
            algorithm.as_str(),
            begin.elapsed().as_secs_f64()
        );
    }
}
