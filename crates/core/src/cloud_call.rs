//! The endpoints of the Cloud as stable labels, for requests, counters and logs: their names in the contract.

macro_rules! calls {
    ($($name:ident $text:literal, $about:literal;)*) => {
        /// An endpoint of the Cloud, by its name in the contract.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum CloudCall {
            $(#[doc = $about] $name,)*
        }

        impl CloudCall {
            /// All endpoints.
            pub const ALL: [Self; [$(Self::$name),*].len()] = [$(Self::$name),*];

            /// The name as stable lower-case text.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

calls! {
    VerifyToken "verify_token", "Verify a token and return its user.";
    ValidateSession "validate_session", "Check that a session is alive.";
    DestroySession "destroy_session", "End a session.";
    ExchangeCode "exchange_code", "Exchange an authorization code for a session.";
    GetUser "get_user", "Read an account.";
    GetUserPermissions "get_user_permissions", "Read a user's permissions.";
    KeySet "key_set", "Fetch the keys that tokens are signed with.";
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
