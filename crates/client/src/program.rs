//! Programs that sign in: the credentials file of Mastra's command line, and tokens that are refreshed once. Feature `program`.
//!
//! A person signs in with `mastra-auth login` or `mastra auth login`. A [`TokenSource`] gives a program the token of that
//! sign-in, or the one of `MASTRA_API_TOKEN`, and refreshes it. However many callers of however many processes want a newer
//! token, the platform is asked once: its refresh tokens are good for one use.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use mastra_auth_cloud::program::TokenSource;
//!
//! let source = TokenSource::from_env()?;
//! let http = reqwest::Client::new();
//! let answer = source
//!     .call(
//!         |token| http.get("https://my-server.example/api/agents").bearer_auth(token.expose()).send(),
//!         |answer| answer.as_ref().is_ok_and(|answer| answer.status() == 401),
//!     )
//!     .await??;
//! # let _ = answer;
//! # Ok(())
//! # }
//! ```

mod credentials;
mod file;
mod lock;
mod new_file;
mod platform;
mod source;

pub use credentials::Credentials;
pub use file::{CredentialsFile, LockedFile, NewFile};
pub use mastra_auth_cloud_core::secret::RefreshToken;
pub use platform::{ApiToken, DEFAULT_PLATFORM_URL, NewApiToken, Platform, TokenPair, Verified};
pub use source::{TokenOrigin, TokenSource};
