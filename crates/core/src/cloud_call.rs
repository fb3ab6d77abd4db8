//! The endpoints of the Cloud as stable labels, for requests, counters and logs: their names in the contract.

labels! {
    /// An endpoint of the Cloud, by its name in the contract.
    #[non_exhaustive]
    enum CloudCall {
        /// Verify a token and return its user.
        VerifyToken = "verify_token",
        /// Check that a session is alive.
        ValidateSession = "validate_session",
        /// End a session.
        DestroySession = "destroy_session",
        /// Exchange an authorization code for a session.
        ExchangeCode = "exchange_code",
        /// Read an account.
        GetUser = "get_user",
        /// Read a user's permissions.
        GetUserPermissions = "get_user_permissions",
        /// Fetch the keys that tokens are signed with.
        KeySet = "key_set",
    }
}

impl CloudCall {
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
