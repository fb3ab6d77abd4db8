//! The endpoints of the Cloud as stable labels, for requests, counters and logs: their names in the contract.

/// An endpoint of the Cloud, by its name in the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloudCall {
    /// Verify a token and return its user.
    VerifyToken,
    /// Check that a session is alive.
    ValidateSession,
    /// End a session.
    DestroySession,
    /// Exchange an authorization code for a session.
    ExchangeCode,
    /// Read an account.
    GetUser,
    /// Read a user's permissions.
    GetUserPermissions,
    /// Fetch the keys that tokens are signed with.
    KeySet,
}

impl CloudCall {
    /// All endpoints.
    pub const ALL: [Self; 7] = [
        Self::VerifyToken,
        Self::ValidateSession,
        Self::DestroySession,
        Self::ExchangeCode,
        Self::GetUser,
        Self::GetUserPermissions,
        Self::KeySet,
    ];

    /// The name as stable lower-case text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::VerifyToken => "verify_token",
            Self::ValidateSession => "validate_session",
            Self::DestroySession => "destroy_session",
            Self::ExchangeCode => "exchange_code",
            Self::GetUser => "get_user",
            Self::GetUserPermissions => "get_user_permissions",
            Self::KeySet => "key_set",
        }
    }

    /// The endpoint with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|call| call.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_is_written() {
        for call in CloudCall::ALL {
            assert_eq!(CloudCall::parse(call.as_str()), Some(call));
        }
        assert_eq!(CloudCall::parse("login_page"), None);
    }
}
