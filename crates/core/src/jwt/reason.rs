//! Why a token is refused.
//!
//! Each reason has its own code, which shows an operator what to mend; none holds any part of the token. The checks
//! themselves are in `header`, `key_set` and `claims`.

use core::fmt;

use crate::error::{CloudApiError, Code};

labels! {
    /// The checks, in the order they are made.
    #[derive(PartialOrd, Ord)]
    #[non_exhaustive]
    enum TokenCheck {
        /// Three parts of strict base64url.
        Form = "form",
        /// The header's members.
        Header = "header",
        /// Whether the algorithm is allowed.
        Algorithm = "algorithm",
        /// The key, and whether it is for that algorithm.
        Key = "key",
        /// The signature.
        Signature = "signature",
        /// The claims.
        Claims = "claims",
    }
}

macro_rules! reasons {
    ($($name:ident $step:ident $code:ident, $meaning:literal;)*) => {
        /// Why a token is refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Reason {
            $(#[doc = $meaning] $name,)*
        }

        impl Reason {
            /// All reasons, in the order of the checks.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The check that failed.
            pub const fn check(self) -> TokenCheck {
                match self {
                    $(Self::$name => TokenCheck::$step,)*
                }
            }

            /// The error code of this reason.
            pub const fn error_code(self) -> Code {
                match self {
                    $(Self::$name => Code::$code,)*
                }
            }
        }
    };
}

reasons! {
    MalformedToken Form TokenMalformed, "It is not three parts of strict base64url.";
    MalformedHeader Header TokenHeaderMalformed, "The header is not a JSON object with members of the right type, each once.";
    RefusedHeader Header TokenHeaderRefused, "The header asks for what is not done: `crit`, `b64`, `zip`, a nested token, or a key of its own.";
    WrongKind Header TokenKindRefused, "It is a token of another kind.";
    RefusedAlgorithm Algorithm TokenAlgorithmRefused, "The algorithm is not one of those that are allowed.";
    UnknownKey Key TokenKeyUnknown, "The key it names is not in the key set.";
    AmbiguousKey Key TokenKeyAmbiguous, "It names no key, and several could be meant.";
    KeyMismatch Key TokenKeyMismatch, "The key it names is for another algorithm.";
    BadSignature Signature TokenSignatureInvalid, "The signature is not one of the key's.";
    MalformedClaims Claims TokenClaimsMalformed, "The claims are not a JSON object with members of the right type, each once.";
    WrongPurpose Claims TokenPurposeRefused, "The claims are those of a token of another kind.";
    MissingExpiry Claims TokenExpiryMissing, "It has no expiry.";
    MalformedTime Claims TokenTimeMalformed, "A time is not a number of seconds from 1970 to 9999.";
    Expired Claims SessionExpired, "It is past its expiry.";
    NotYetValid Claims TokenNotYetValid, "It is not valid yet, or was issued later than now.";
    MissingIssueTime Claims TokenIssueTimeMissing, "It has no issue time, and a greatest age is set.";
    TooOld Claims TokenTooOld, "It was issued longer ago than is allowed.";
    WrongIssuer Claims TokenIssuerMismatch, "Its issuer is not the one that is configured.";
    WrongAudience Claims TokenAudienceMismatch, "It is not for this project.";
    BadSubject Claims TokenSubjectMalformed, "It has no subject that can be a user.";
}

impl Reason {
    /// The stable code.
    pub fn code(self) -> &'static str {
        self.error_code().own_text()
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl core::error::Error for Reason {}

impl From<Reason> for CloudApiError {
    fn from(reason: Reason) -> Self {
        Self::new(reason.error_code())
    }
}
