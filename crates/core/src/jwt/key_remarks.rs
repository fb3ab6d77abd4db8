//! Remarks on the keys of a set: why one is not used, or what is odd about one that is.

use core::fmt;

macro_rules! remarks {
    ($(#[$outer:meta])* $type:ident $($name:ident $code:literal, $meaning:literal;)*) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $type {
            $(#[doc = $meaning] $name,)*
        }

        impl $type {
            /// All values.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The stable code.
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                }
            }

            /// The meaning, in one sentence.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => $meaning,)*
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.meaning())
            }
        }
    };
}

remarks! {
    /// Why a key of a set is not used.
    KeyRefusal
    NotAnObject "not_an_object", "It is no object, and so no key.";
    MalformedMember "malformed_member", "A member is missing, has the wrong type or is not in its one spelling.";
    UnknownType "unknown_type", "The key type is none that is known here.";
    Symmetric "symmetric", "It is a shared secret, which never comes from a key set.";
    PrivateKey "private_key", "It holds the private half: a reader of the set could sign tokens.";
    OtherUse "other_use", "It is for another use than signatures.";
    OtherOperations "other_operations", "Its operations do not include to verify.";
    OtherCurve "other_curve", "The curve is none that is used here.";
    OtherAlgorithm "other_algorithm", "Its algorithm does not fit its type and curve.";
    ModulusTooSmall "modulus_too_small", "The modulus has fewer than 2048 bits.";
    ModulusTooLarge "modulus_too_large", "The modulus has more than 8192 bits.";
    UnsoundExponent "unsound_exponent", "The exponent is even, 1, or larger than 32 bits.";
    RocaFingerprint "roca_fingerprint", "The modulus has the fingerprint of keys that can be factored (CVE-2017-15361).";
    NotOnCurve "not_on_curve", "The point is not on the curve, or one of those that prove nothing.";
    DuplicateKeyId "duplicate_key_id", "Another key of the set has the same id and algorithm.";
}

remarks! {
    /// A warning about a key that is used.
    KeyWarning
    UnusualExponent "unusual_exponent", "The exponent is not 65537.";
    Repeated "repeated", "The set has the same key before.";
    NoKeyId "no_key_id", "It has no id: it is only found where the set has no other for its algorithm.";
}
