//! The one error type: its kind, code, status and endpoint; never a value.
//!
//! Codes are listed once, in [`CODES`]; the reference page and the other languages are generated from it. The fields are
//! private so that every message passes through here. This crate's texts are fixed; [`crate::cloud::envelope`] cleans the Cloud's
//! texts before they come in.

use core::fmt;

use crate::http::TransportError;
use crate::malformed::Malformed;

/// Whose fault an error is, and so who can mend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The calling program passed an invalid value or asked for an operation that does not exist: status 400 or 501.
    Caller,
    /// The deployment is configured wrongly: status 500. The message names the option.
    Configuration,
    /// The credential or the login was refused here: status 401, 403 or 400.
    Credential,
    /// The Cloud responded with an error, or broke the contract: its own status, or 502. A refusal of the Cloud is one of these;
    /// [`CloudApiError::is_refusal`] tells it from an outage.
    Cloud,
    /// The Cloud could not be asked: status 503. Try again in a moment.
    Network,
}

impl Kind {
    /// The kind as stable lower-case text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Configuration => "configuration",
            Self::Credential => "credential",
            Self::Cloud => "cloud",
            Self::Network => "network",
        }
    }
}

/// One row of the list of codes.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CodeInfo {
    /// The stable code.
    pub code: &'static str,
    /// The kind of the error.
    pub kind: Kind,
    /// The HTTP status of the error; `None` where it is the response's own.
    pub status: Option<u16>,
    /// One sentence for the reference page.
    pub meaning: &'static str,
}

macro_rules! codes {
    ($($name:ident $text:literal $kind:ident $remedy:ident $status:expr, $meaning:literal;)*) => {
        /// A stable code for an error.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = $meaning] $name,)*
            /// A code that the Cloud gave in its response.
            Cloud(Box<str>),
        }

        /// Every code of this crate, with its kind, its status and its meaning.
        pub const CODES: &[CodeInfo] = &[
            $(CodeInfo { code: $text, kind: Kind::$kind, status: $status, meaning: $meaning },)*
        ];

        impl Code {
            /// Every code of this crate, in the order of [`CODES`].
            pub const OWN: &'static [Self] = &[$(Self::$name),*];

            /// The code as text.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$name => $text,)*
                    Self::Cloud(code) => code,
                }
            }

            /// The code as text, where it is one of this crate's.
            pub(crate) const fn own_text(&self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                    Self::Cloud(_) => "request_failed",
                }
            }

            const fn kind(&self) -> Kind {
                match self {
                    $(Self::$name => Kind::$kind,)*
                    Self::Cloud(_) => Kind::Cloud,
                }
            }

            const fn default_status(&self) -> Option<u16> {
                match self {
                    $(Self::$name => $status,)*
                    Self::Cloud(_) => None,
                }
            }

            const fn remedy(&self) -> Remedy {
                match self {
                    $(Self::$name => Remedy::$remedy,)*
                    Self::Cloud(_) => Remedy::TryAgain,
                }
            }

            const fn meaning(&self) -> &'static str {
                match self {
                    $(Self::$name => $meaning,)*
                    Self::Cloud(_) => "The Cloud refused the request.",
                }
            }
        }
    };
}

codes! {
    InvalidArgument "invalid_argument" Caller Operator Some(400), "An argument does not have the form it must have.";
    NotImplemented "not_implemented" Caller Operator Some(501), "The Cloud has no such operation.";
    InvalidConfiguration "invalid_configuration" Configuration Operator Some(500), "An option is missing or has a value that cannot be used.";
    NotSignedIn "not_signed_in" Credential SignIn Some(401), "The request carries no credential.";
    InvalidToken "invalid_token" Credential SignIn Some(401), "The token does not have the form of a token.";
    SignedOut "signed_out" Credential SignIn Some(401), "The session was signed out here.";
    SessionExpired "session_expired" Credential SignIn Some(401), "The session is past its expiry.";
    ClockAhead "clock_ahead" Credential Operator Some(401), "The session was over as it began: the clock of this machine may be ahead.";
    ClockBehind "clock_behind" Credential Operator Some(401), "The token of the sign-in was issued later than now: the clock of this machine may be behind.";
    TokenMalformed "token_malformed" Credential SignIn Some(401), "The token is not three parts of strict base64url.";
    TokenHeaderMalformed "token_header_malformed" Credential SignIn Some(401), "The token's header is not an object with members of the right type, each once.";
    TokenHeaderRefused "token_header_refused" Credential SignIn Some(401), "The token's header asks for an extension, or brings or names a key.";
    TokenKindRefused "token_kind_refused" Credential SignIn Some(401), "The token's type is that of another kind of token.";
    TokenAlgorithmRefused "token_algorithm_refused" Credential SignIn Some(401), "The token is signed with an algorithm that is not allowed.";
    TokenKeyUnknown "token_key_unknown" Credential SignIn Some(401), "The token names a key that is not in the key set.";
    TokenKeyAmbiguous "token_key_ambiguous" Credential SignIn Some(401), "The token names no key, and the key set has several for its algorithm.";
    TokenKeyMismatch "token_key_mismatch" Credential SignIn Some(401), "The token names a key that is for another algorithm.";
    TokenSignatureInvalid "token_signature_invalid" Credential SignIn Some(401), "The token's signature is not one of the key it names.";
    TokenClaimsMalformed "token_claims_malformed" Credential SignIn Some(401), "The token's claims are not an object with members of the right type, each once.";
    TokenPurposeRefused "token_purpose_refused" Credential SignIn Some(401), "The token's claims are those of another kind of token.";
    TokenExpiryMissing "token_expiry_missing" Credential SignIn Some(401), "The token has no expiry.";
    TokenTimeMalformed "token_time_malformed" Credential SignIn Some(401), "A time in the token is not a number of seconds from 1970 to 9999.";
    TokenNotYetValid "token_not_yet_valid" Credential SignIn Some(401), "The token is valid, or was issued, only later than now.";
    TokenIssueTimeMissing "token_issue_time_missing" Credential SignIn Some(401), "The token does not say when it was issued, and a greatest age is set.";
    TokenTooOld "token_too_old" Credential SignIn Some(401), "The token was issued longer ago than the greatest age that is set.";
    TokenIssuerMismatch "token_issuer_mismatch" Credential SignIn Some(401), "The token's issuer is not the one that is configured.";
    TokenAudienceMismatch "token_audience_mismatch" Credential SignIn Some(401), "The token is not for this project.";
    TokenSubjectMalformed "token_subject_malformed" Credential SignIn Some(401), "The token has no subject that can be a user.";
    TooManyCookies "too_many_cookies" Credential ClearCookies Some(400), "The request carries more session cookies of one name than are tried.";
    CookieHeaderTooLarge "cookie_header_too_large" Credential ClearCookies Some(400), "The Cookie header is larger than is read.";
    PermissionDenied "permission_denied" Credential AskForAccess Some(403), "The user may not do this.";
    OrganizationForbidden "organization_forbidden" Credential AskForAccess Some(403), "The user is not a member of the organization.";
    CrossOrigin "cross_origin" Credential Operator Some(403), "The request comes from a page of another origin.";
    StateMalformed "state_malformed" Credential SignIn Some(400), "The sign-in callback has no usable state.";
    CodeMalformed "code_malformed" Credential SignIn Some(400), "The sign-in callback has no usable authorization code.";
    LoginCookieMissing "login_cookie_missing" Credential SignIn Some(400), "The browser did not bring the cookie of a sign-in begun here.";
    StateMismatch "state_mismatch" Credential SignIn Some(400), "The sign-in was begun by another browser.";
    LoginExpired "login_expired" Credential SignIn Some(400), "The sign-in took longer than is allowed.";
    ProjectMismatch "project_mismatch" Credential SignIn Some(400), "The sign-in was begun for another project.";
    CloudMismatch "cloud_mismatch" Credential SignIn Some(400), "The sign-in was begun at another Cloud.";
    CallbackReplayed "callback_replayed" Credential SignIn Some(400), "This sign-in callback was already used.";
    CodeReplayed "code_replayed" Credential SignIn Some(400), "This authorization code was already used.";
    AccessDenied "access_denied" Credential SignIn Some(403), "The sign-in was declined at the Cloud.";
    LoginRejected "login_rejected" Credential SignIn Some(400), "The Cloud ended the sign-in with an error.";
    RequestFailed "request_failed" Cloud TryAgain None, "The Cloud refused the request and gave no code.";
    NoData "no_data" Cloud TryAgain Some(502), "The Cloud's answer has no data where data is needed.";
    InvalidResponse "invalid_response" Cloud TryAgain None, "The Cloud's answer does not have the form the contract gives it.";
    CookieTooLarge "cookie_too_large" Cloud Operator Some(502), "The session cookie would be larger than browsers keep.";
    InvalidKeySet "invalid_key_set" Cloud TryAgain Some(502), "The key set holds no key that can be used.";
    NetworkError "network_error" Network TryAgain Some(503), "The Cloud could not be reached.";
    Timeout "timeout" Network TryAgain Some(503), "The Cloud did not answer in time.";
    ResponseTooLarge "response_too_large" Network TryAgain Some(503), "The Cloud's answer is larger than is read.";
    KeysUnavailable "keys_unavailable" Network TryAgain Some(503), "The signing keys could not be fetched.";
    CircuitOpen "circuit_open" Network TryAgain Some(503), "The Cloud failed several times in a row and is not asked for a moment.";
    SignOutNotConfirmed "sign_out_not_confirmed" Network TryAgain Some(503), "The session is signed out here, but the Cloud did not confirm its end.";
}

/// Codes of callbacks that are rejected without a call to the Cloud.
const UNUSABLE_CALLBACK: [Code; 10] = [
    Code::StateMalformed,
    Code::CodeMalformed,
    Code::LoginCookieMissing,
    Code::StateMismatch,
    Code::LoginExpired,
    Code::ProjectMismatch,
    Code::CloudMismatch,
    Code::CallbackReplayed,
    Code::CodeReplayed,
    Code::AccessDenied,
];

/// What the user in front of a browser can do about an error.
///
/// Only [`SignIn`](Self::SignIn) may redirect to the sign-in automatically: with any other remedy the error would come back,
/// in a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Remedy {
    /// Sign in, or sign in again.
    SignIn,
    /// Clear the cookies of this site: the browser sends too many, or too large ones.
    ClearCookies,
    /// Ask for access, or use another account: the user is known and lacks the permission.
    AskForAccess,
    /// Try again in a moment: the Cloud could not be asked, or gave no usable answer.
    TryAgain,
    /// Nothing: an operator or developer has to mend the deployment.
    Operator,
}

/// Whether an error is the Cloud's refusal of a credential.
///
/// Only a refusal may sign a user out; with any other error the credential could not be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The Cloud refused.
    Refused,
    /// The Cloud reports that it cannot answer now.
    Outage,
    /// Neither: the credential could not be checked.
    Unclear,
}

/// The error of every operation: a stable code, a message, an HTTP status and the endpoint.
///
/// # Examples
///
/// ```
/// use mastra_auth_cloud_core::error::{CloudApiError, Code, Kind};
///
/// let error = CloudApiError::new(Code::Timeout);
/// assert_eq!((error.code(), error.kind(), error.status()), ("timeout", Kind::Network, 503));
/// assert_eq!(error.to_string(), "The Cloud did not answer in time.");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudApiError {
    code: Code,
    kind: Kind,
    message: Box<str>,
    status: u16,
    endpoint: Option<Box<str>>,
    verdict: Verdict,
    undelivered: Option<TransportError>,
}

impl CloudApiError {
    /// An error with the code's own message and status.
    pub fn new(code: Code) -> Self {
        let message = code.meaning().into();
        let status = code.default_status().unwrap_or(502);
        Self {
            kind: code.kind(),
            code,
            message,
            status,
            endpoint: None,
            verdict: Verdict::Unclear,
            undelivered: None,
        }
    }

    /// An error of the calling program: an argument of the wrong form.
    pub fn argument(malformed: Malformed) -> Self {
        Self {
            message: malformed.to_string().into(),
            ..Self::new(Code::InvalidArgument)
        }
    }

    /// An error of the configuration, in fixed words.
    pub fn configuration(message: impl Into<Box<str>>) -> Self {
        Self {
            message: message.into(),
            ..Self::new(Code::InvalidConfiguration)
        }
    }

    /// The refusal of a user who is not a member of the deployment's organization.
    pub(crate) fn not_a_member() -> Self {
        Self {
            verdict: Verdict::Refused,
            ..Self::new(Code::OrganizationForbidden)
        }
    }

    /// An error for a value that does not fit into a cookie, with both sizes in bytes.
    pub(crate) fn too_large(size: usize, room: usize) -> Self {
        Self {
            message: format!(
                "A token of {size} bytes does not fit into the cookie, which has room for {room}."
            )
            .into(),
            ..Self::new(Code::CookieTooLarge)
        }
    }

    /// An error with this code, another message and another status. The message must be fixed or cleaned.
    pub(crate) fn answer(
        code: Code,
        message: impl Into<Box<str>>,
        status: u16,
        verdict: Verdict,
    ) -> Self {
        Self {
            message: message.into(),
            status,
            verdict,
            ..Self::new(code)
        }
    }

    /// Sets what kept the call from being answered; it becomes the error's source.
    #[must_use]
    pub(crate) fn caused_by(self, why: TransportError) -> Self {
        Self {
            undelivered: Some(why),
            ..self
        }
    }

    /// Sets the endpoint: a path of the contract, with `{id}` as placeholder.
    #[must_use]
    pub(crate) fn at(self, endpoint: &str) -> Self {
        Self {
            endpoint: Some(endpoint.into()),
            ..self
        }
    }

    /// The stable code: one of [`CODES`], or the one that the Cloud gave.
    pub fn code(&self) -> &str {
        self.code.as_str()
    }

    /// Whether the error has this code. A code that the Cloud spelled alike does not count.
    pub fn is(&self, code: &Code) -> bool {
        self.code == *code
    }

    /// Whether a session that was accepted is over: it was revoked here, or is expired.
    pub fn is_end_of_session(&self) -> bool {
        self.is(&Code::SignedOut) || self.is(&Code::SessionExpired)
    }

    /// Whether only a callback cannot be finished: it was used before, belongs to another browser, came too late, cannot be
    /// parsed or was declined, or the Cloud refused its code. A session that the browser has stays signed in.
    pub fn is_unusable_callback(&self) -> bool {
        let is_exchange = |endpoint: &str| endpoint.ends_with("/auth/callback");
        UNUSABLE_CALLBACK.contains(&self.code)
            || self.is_refusal() && self.endpoint().is_some_and(is_exchange)
    }

    /// The error of an unusable callback, by its code; `login_rejected` for a refusal of the Cloud.
    pub fn unusable_callback(code: &str) -> Option<Self> {
        UNUSABLE_CALLBACK
            .iter()
            .chain([&Code::LoginRejected])
            .find(|known| known.as_str() == code)
            .map(|known| Self::new(known.clone()))
    }

    /// What the user in front of a browser can do about the error.
    ///
    /// With status 403 the Cloud knows the user and refuses: signing in again as the same user would get the same answer.
    pub fn remedy(&self) -> Remedy {
        match self.verdict {
            Verdict::Refused if self.status == 403 => Remedy::AskForAccess,
            Verdict::Refused => Remedy::SignIn,
            Verdict::Outage | Verdict::Unclear => self.code.remedy(),
        }
    }

    /// Whose fault the error is.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// One short sentence without values.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The HTTP status of the error: the code's own, or that of the Cloud's answer. 503 where no answer came.
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The path of the contract that was called, where one was.
    pub fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }

    /// Whether the Cloud refused the credential: a 4xx other than 408, 425 and 429, and in dialect `platform` only 401, or 403 for a
    /// bearer. Never true for an outage.
    pub fn is_refusal(&self) -> bool {
        self.verdict == Verdict::Refused
    }

    /// Whether a client that hung up took the call along.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.undelivered == Some(TransportError::Cancelled)
    }

    /// Whether the error shows the Cloud's health and not only one response: no connection, a time-out, 5xx, 408, 425, 429.
    /// An unreadable response does not: otherwise one odd account could pass for an outage.
    pub(crate) fn is_outage(&self) -> bool {
        matches!(self.code, Code::NetworkError | Code::Timeout) || self.verdict == Verdict::Outage
    }
}

impl fmt::Display for CloudApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for CloudApiError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        let why = self.undelivered.as_ref()?;
        Some(why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_lower_case() {
        let mut seen = std::collections::BTreeSet::new();
        for info in CODES {
            assert!(seen.insert(info.code), "{} stands twice", info.code);
            assert!(
                info.code
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b == b'_'),
                "{}",
                info.code
            );
            assert!(info.meaning.ends_with('.'), "{}", info.code);
        }
    }

    #[test]
    fn every_code_has_the_remedy_that_mends_it() {
        for code in Code::OWN {
            let error = CloudApiError::new(code.clone());
            let expect = match error.code() {
                "too_many_cookies" | "cookie_header_too_large" => Remedy::ClearCookies,
                "permission_denied" | "organization_forbidden" => Remedy::AskForAccess,
                // The same sign-in ends the same way until a clock, a token or a page changes.
                "cross_origin" | "cookie_too_large" | "clock_ahead" | "clock_behind" => {
                    Remedy::Operator
                }
                _ => match error.kind() {
                    Kind::Credential => Remedy::SignIn,
                    Kind::Cloud | Kind::Network => Remedy::TryAgain,
                    Kind::Caller | Kind::Configuration => Remedy::Operator,
                },
            };
            assert_eq!(error.remedy(), expect, "{}", error.code());
        }
        assert_eq!(Code::OWN.len(), CODES.len());
    }

    #[test]
    fn a_refusal_of_somebody_who_is_known_is_not_mended_by_signing_in() {
        for (status, verdict, expect) in [
            (401, Verdict::Refused, Remedy::SignIn),
            (404, Verdict::Refused, Remedy::SignIn),
            (403, Verdict::Refused, Remedy::AskForAccess),
            (503, Verdict::Outage, Remedy::TryAgain),
        ] {
            let error = CloudApiError::answer(Code::RequestFailed, "Refused.", status, verdict);
            assert_eq!(error.remedy(), expect, "{status}");
        }
    }

    #[test]
    fn a_cloud_code_is_never_one_of_ours() {
        let error = CloudApiError::new(Code::Cloud("timeout".into()));
        assert_eq!(error.code(), "timeout");
        assert!(!error.is(&Code::Timeout));
        assert_eq!(error.kind(), Kind::Cloud);
    }

    #[test]
    fn the_end_of_a_session_and_an_unusable_callback_are_told_by_their_codes() {
        for code in Code::OWN {
            let error = CloudApiError::new(code.clone());
            let ends = matches!(code, Code::SignedOut | Code::SessionExpired);
            assert_eq!(error.is_end_of_session(), ends, "{}", error.code());
            let unusable = UNUSABLE_CALLBACK.contains(code);
            assert_eq!(error.is_unusable_callback(), unusable, "{}", error.code());
            let read = CloudApiError::unusable_callback(error.code());
            let is_read = unusable || *code == Code::LoginRejected;
            assert_eq!(read.map(|read| read.code), is_read.then(|| code.clone()));
        }
    }

    #[test]
    fn a_code_that_the_cloud_refuses_makes_a_callback_unusable() {
        for (endpoint, status, verdict, unusable) in [
            ("/auth/callback", 400, Verdict::Refused, true),
            ("/auth/callback", 503, Verdict::Outage, false),
            ("/auth/verify", 400, Verdict::Refused, false),
        ] {
            let mut error = CloudApiError::answer(Code::RequestFailed, "No.", status, verdict);
            error.endpoint = Some(endpoint.into());
            assert_eq!(
                error.is_unusable_callback(),
                unusable,
                "{endpoint} {status}"
            );
        }
    }

    #[test]
    fn a_wrong_argument_is_named_with_its_rule() {
        let error = CloudApiError::argument(Malformed::new("user id", "be short"));
        assert_eq!(error.message(), "user id must be short");
    }
}
