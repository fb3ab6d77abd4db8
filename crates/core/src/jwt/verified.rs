//! The type of verified values.
//!
//! A value exists only where the signature and every rule held: only [`crate::jwt`] can make one.

/// A verified value; only verification makes one.
///
/// # Examples
///
/// It cannot be made by hand:
///
/// ```compile_fail,E0423
/// use mastra_auth_cloud_core::jwt::Verified;
///
/// let forged = Verified("usr_1");
/// ```
///
/// nor through the constructor that this module has:
///
/// ```compile_fail,E0624
/// use mastra_auth_cloud_core::jwt::Verified;
///
/// let forged = Verified::new("usr_1");
/// ```
///
/// and claims have no fields to fill in:
///
/// ```compile_fail,E0451
/// use mastra_auth_cloud_core::jwt::Claims;
///
/// fn forge(claims: Claims) -> Claims {
///     Claims { email: None, ..claims }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    pub(super) const fn new(checked: T) -> Self {
        Self(checked)
    }

    /// The verified value.
    pub const fn as_inner(&self) -> &T {
        &self.0
    }

    /// Unwraps the verified value; its type no longer shows that it was verified.
    pub fn into_inner(self) -> T {
        self.0
    }
}
