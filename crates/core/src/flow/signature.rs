//! Signature checks of a job, wherever they are made: here at once, or by the host that the job waits for.

use std::sync::Arc;

use super::task::Host;
use crate::engine::signature_check::SignatureError;
use crate::engine::{Engine, SignatureCheck};
use crate::secret::SessionToken;
use crate::session::{Identity, TokenDigest};
use crate::time::Timestamp;

impl Host {
    /// Checks a token's signature and claims, without the cache.
    pub(crate) async fn check_signature(
        &self,
        engine: &Arc<Engine>,
        key: TokenDigest,
        token: &SessionToken,
    ) -> Result<Identity, SignatureError> {
        loop {
            let found = engine.check_signature(key, token, self.now());
            if !matches!(found, Err(SignatureError::Unchecked)) {
                return found;
            }
            let check = SignatureCheck::new(engine, key, token, self.now());
            let Some(checked) = self.check(check.ok_or(SignatureError::NoKeys)?).await else {
                return Err(SignatureError::Unchecked);
            };
            // Without a result for these keys, which were replaced meanwhile, the token is checked anew.
            if let Some(found) = checked.of(engine, &key, self.now()) {
                return found;
            }
        }
    }

    /// Revokes the whole session of a token that was signed out before the host could check its signature.
    pub(crate) async fn prove_sign_out(
        &self,
        engine: &Arc<Engine>,
        token: &SessionToken,
        known_end: Option<Timestamp>,
    ) {
        if !engine.asks_host() {
            return;
        }
        let key = engine.key(token);
        if let Ok(identity) = self.check_signature(engine, key, token).await {
            engine.sign_out_signed(token, &identity, known_end, self.now());
        }
    }
}
