//! Ed25519 public keys (RFC 8032, RFC 8037) that are refused.

/// The points of small order, encoded without their sign bit: 0, 1, the two of order 8, and -1; then 0 and 1 once more, not
/// reduced. With such a key a stranger can make a signature that fits many messages.
const SMALL_ORDER: [[u8; 32]; 7] = [
    [0; 32],
    spread(1, 0, 0),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
    spread(0xec, 0xff, 0x7f),
    spread(0xed, 0xff, 0x7f),
    spread(0xee, 0xff, 0x7f),
];

/// The low byte, 30 times one byte, the high byte.
const fn spread(low: u8, middle: u8, high: u8) -> [u8; 32] {
    [
        low, middle, middle, middle, middle, middle, middle, middle, middle, middle, middle,
        middle, middle, middle, middle, middle, middle, middle, middle, middle, middle, middle,
        middle, middle, middle, middle, middle, middle, middle, middle, middle, high,
    ]
}

/// Whether the key is a point of small order.
pub(super) fn is_small_order(key: &[u8; 32]) -> bool {
    let mut unsigned = *key;
    let [.., high] = &mut unsigned;
    *high &= 0x7f;
    SMALL_ORDER.contains(&unsigned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_order_is_seen_with_either_sign() {
        for key in SMALL_ORDER {
            assert!(is_small_order(&key));
            let mut negative = key;
            negative[31] |= 0x80;
            assert!(is_small_order(&negative));
        }
        assert!(!is_small_order(&[2; 32]));
    }
}
