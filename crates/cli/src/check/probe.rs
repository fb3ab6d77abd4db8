//! The requests of the plan, by name, and what is known once they were made.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::exchange::{Answer, Exchange};
use super::mask::Secrets;
use super::verdict::Verdict;
use crate::args::DialectName;

/// The path of an app that a person wants, at the platform.
pub(super) const WANTED: &str = "/agents?tab=1";

/// A request of the plan. Each is made at most once.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Probe {
    LoginPage,
    LoginNoProject,
    LoginUnknownProject,
    LoginNoRedirect,
    LoginForeignRedirect,
    LoginUserinfoRedirect,
    LoginSuffixRedirect,
    LoginScriptRedirect,
    LoginFragmentRedirect,
    LoginNoState,
    LoginNoChallenge,
    LoginPlainChallenge,
    LoginListed,
    LoginListedPath,
    LoginListedHost,
    LoginListedPort,
    LoginListedScheme,
    LoginListedQuery,
    LoginWrongMethod,
    PlainHttp,
    /// The way back from the login page: its answer's `location` is the callback's address.
    Callback,
    Exchange,
    ExchangeSecond,
    ExchangeAgain,
    ExchangeAgainVerify,
    ExchangeUnknownCode,
    ExchangeNoCode,
    ExchangeNoProject,
    ExchangeUnknownProject,
    ExchangeOtherProject,
    ExchangeWrongVerifier,
    ExchangeNoVerifier,
    ExchangeOtherRedirect,
    ExchangeNotJson,
    ExchangeBroken,
    ExchangeHuge,
    ExchangeWrongMethod,
    Verify,
    VerifyAgain,
    VerifyJunk,
    VerifyNoToken,
    VerifyTampered,
    VerifyUnsigned,
    VerifyTwoTokens,
    VerifyNoProject,
    VerifyUnknownProject,
    VerifyOtherProject,
    VerifyInQuery,
    VerifyLowerCase,
    VerifyNotJson,
    VerifyBroken,
    VerifyHuge,
    VerifyWrongMethod,
    VerifyCrossOrigin,
    Validate,
    ValidateJunk,
    ValidateNoToken,
    ValidateNoProject,
    ValidateWrongMethod,
    ValidateTampered,
    ValidateUnsigned,
    ValidateOtherProject,
    DestroyJunk,
    DestroyNoToken,
    DestroyOthers,
    DestroyTampered,
    DestroyUnsigned,
    DestroyNoProject,
    DestroyOtherProject,
    DestroyWrongMethod,
    Destroy,
    DestroyedVerify,
    DestroyedValidate,
    DestroyedOther,
    User,
    UserNoToken,
    UserJunk,
    UserUnknown,
    UserTraversal,
    UserTampered,
    UserUnsigned,
    UserNoProject,
    UserOtherProject,
    UserWrongMethod,
    Permissions,
    PermissionsNoToken,
    PermissionsUnknown,
    PermissionsJunk,
    PermissionsTampered,
    PermissionsUnsigned,
    PermissionsNoProject,
    PermissionsOtherProject,
    PermissionsWrongMethod,
    Logout,
    LogoutBack,
    LogoutForeign,
    LogoutJunkHint,
    LogoutHint,
    LogoutHintVerify,
    LogoutWrongMethod,
    KeySet,
    KeySetWrongMethod,
    UnknownPath,
    // Of the platform alone.
    LoginApp,
    LoginNoProduct,
    /// The way back of an app's sign-in, as [`Callback`](Self::Callback) is that of a program's.
    AppCallback,
    VerifyOtherOrganization,
    VerifySealed,
    Me,
    MeNoSession,
    MeJunk,
    MeTampered,
    MeBearer,
    Refresh,
    RefreshNoSession,
    RefreshJunk,
    RefreshedMe,
    RefreshToken,
    RefreshTokenAgain,
    RefreshTokenJunk,
    RefreshTokenMissing,
    RefreshTokenNotJson,
    RefreshTokenBroken,
    RefreshTokenHuge,
    RefreshedVerify,
    Organizations,
    OrganizationsBearer,
    OrganizationsNobody,
    SignOut,
    SignOutNobody,
    SignedOutMe,
}

/// What the checks of the token by the key set have shown: the token itself is never kept.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(super) struct TokenFacts {
    /// The header's members, if the token is a JWT.
    pub(super) header: Option<Value>,
    /// The claims.
    pub(super) claims: Option<Value>,
    /// Why the key set does not verify it; absent where it does.
    pub(super) refusal: Option<String>,
    /// Keys of the set that cannot be used, by their ids, and why.
    pub(super) unusable: Vec<String>,
}

/// All that was seen in a run. The rules judge it, and nothing else.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Seen {
    pub(super) dialect: DialectName,
    pub(super) base_url: String,
    pub(super) project_id: String,
    /// When the run began, in seconds since the Unix epoch.
    pub(super) at: i64,
    pub(super) exchanges: BTreeMap<Probe, Exchange>,
    /// Why a request was not made.
    pub(super) left_out: BTreeMap<Probe, String>,
    /// Why the others were not made.
    pub(super) unasked: String,
    /// All requests, also those of sign-ins.
    pub(super) requests: usize,
    /// Two sign-ins made one session.
    pub(super) is_one_session: bool,
    pub(super) token: Option<TokenFacts>,
    /// What may not stand in a refusal. Not kept.
    #[serde(skip)]
    pub(super) secrets: Secrets,
}

impl Seen {
    /// The answer to a request of the plan.
    ///
    /// # Errors
    ///
    /// [`Verdict::NotTested`] where it was not made, [`Verdict::Failed`] where no answer came.
    pub(super) fn answer(&self, probe: Probe) -> Result<&Answer, Verdict> {
        let Some(exchange) = self.exchanges.get(&probe) else {
            let why = self.left_out.get(&probe).unwrap_or(&self.unasked);
            return Err(Verdict::NotTested(why.clone()));
        };
        let came = exchange.came.as_ref();
        came.map_err(|why| Verdict::Failed(why.clone()))
    }

    /// All that was seen, without secrets and personal data: to be shown and kept.
    pub(super) fn masked(&self) -> Self {
        let mut masked = self.clone();
        for (probe, exchange) in &mut masked.exchanges {
            self.secrets.mask(exchange, probe.is_page());
        }
        if let Some(token) = &mut masked.token {
            for part in token.header.iter_mut().chain(&mut token.claims) {
                self.secrets.claims(part);
            }
        }
        masked
    }

    /// The answer to another request than a rule's own, which it compares with.
    pub(super) fn beside(&self, probe: Probe) -> Result<&Answer, Verdict> {
        self.answer(probe).map_err(|verdict| match verdict {
            Verdict::Failed(why) => Verdict::NotTested(format!("{probe:?}: {why}")),
            other => other,
        })
    }

    /// The answers of the API that came, each with its request.
    pub(super) fn api_answers(&self) -> impl Iterator<Item = (Probe, &Answer)> {
        self.exchanges.iter().filter_map(|(probe, exchange)| {
            let is_api = probe.is_api();
            (exchange.came.as_ref().ok())
                .filter(|_| is_api)
                .map(|answer| (*probe, answer))
        })
    }
}

impl Probe {
    /// Whether the answer is a page for people.
    pub(super) const fn is_page(self) -> bool {
        let is_foreign = matches!(
            self,
            Self::KeySet | Self::UnknownPath | Self::VerifyCrossOrigin
        );
        !is_foreign && !self.is_wrong_method() && !self.is_api()
    }

    /// Whether an endpoint is asked by a method that it does not have.
    pub(super) const fn is_wrong_method(self) -> bool {
        matches!(
            self,
            Self::LoginWrongMethod
                | Self::LogoutWrongMethod
                | Self::ExchangeWrongMethod
                | Self::VerifyWrongMethod
                | Self::ValidateWrongMethod
                | Self::DestroyWrongMethod
                | Self::UserWrongMethod
                | Self::PermissionsWrongMethod
                | Self::KeySetWrongMethod
        )
    }

    /// Whether the contract says what the answer's body looks like.
    pub(super) const fn is_api(self) -> bool {
        !self.is_wrong_method()
            && !matches!(
                self,
                Self::LoginPage
                    | Self::LoginNoProject
                    | Self::LoginUnknownProject
                    | Self::LoginNoRedirect
                    | Self::LoginForeignRedirect
                    | Self::LoginUserinfoRedirect
                    | Self::LoginSuffixRedirect
                    | Self::LoginScriptRedirect
                    | Self::LoginFragmentRedirect
                    | Self::LoginNoState
                    | Self::LoginNoChallenge
                    | Self::LoginPlainChallenge
                    | Self::LoginListed
                    | Self::LoginListedPath
                    | Self::LoginListedHost
                    | Self::LoginListedPort
                    | Self::LoginListedScheme
                    | Self::LoginListedQuery
                    | Self::PlainHttp
                    | Self::Callback
                    | Self::Logout
                    | Self::LogoutBack
                    | Self::LogoutForeign
                    | Self::LogoutJunkHint
                    | Self::LogoutHint
                    | Self::KeySet
                    | Self::UnknownPath
                    | Self::VerifyCrossOrigin
                    | Self::LoginApp
                    | Self::LoginNoProduct
                    | Self::AppCallback
            )
    }
}
