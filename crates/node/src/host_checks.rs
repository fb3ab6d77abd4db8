//! Signatures that JavaScript checks with WebCrypto: each one in WebAssembly, and on the native addon where `open` is told so.
//!
//! The core makes every other check. JavaScript may keep the keys that it imports, each by its text.

use mastra_auth_cloud_core::flow::Event;
use mastra_auth_cloud_core::jwt::host::{HostVerdict, Signature};
use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;

use crate::engine::Engine;
use crate::flow::{Kind, Step};
use crate::guard::{Result, guard};
use crate::js_values::Found;

/// A signature to check.
#[napi(object, object_from_js = false)]
pub struct HostSignature {
    /// The algorithm: RSASSA-PKCS1-v1_5 with SHA-256, ECDSA on P-256 with SHA-256, or Ed25519.
    #[napi(ts_type = "'RS256' | 'ES256' | 'EdDSA'")]
    pub algorithm: &'static str,
    /// The public key as a JSON Web Key, without `alg` and `kid`. One key has one text.
    pub key: String,
    /// The bytes that are signed.
    #[napi(ts_type = "Uint8Array<ArrayBuffer>")]
    pub input: Uint8Array,
    /// The signature; for ES256 both numbers, as WebCrypto takes them.
    #[napi(ts_type = "Uint8Array<ArrayBuffer>")]
    pub signature: Uint8Array,
}

impl From<Signature<'_>> for HostSignature {
    fn from(asked: Signature<'_>) -> Self {
        Self {
            algorithm: asked.algorithm.as_str(),
            key: asked.key.to_owned(),
            input: asked.input.to_vec().into(),
            signature: asked.signature.to_vec().into(),
        }
    }
}

/// A check that a job waits for.
#[napi(object, object_from_js = false)]
pub struct HostCheck {
    /// What to report the verdict with.
    pub number: u32,
    /// What to check.
    pub signature: HostSignature,
}

#[napi]
impl Engine {
    /// Takes the enqueued checks. A verdict must be reported for each, unless all checks are abandoned.
    #[napi]
    pub fn host_checks(&self) -> Result<Vec<HostCheck>> {
        guard(|| {
            self.1.take_for_host(|number, check| HostCheck {
                number,
                signature: check.signature().into(),
            })
        })
    }

    /// Gives every check up. Returns the tickets that waited for one.
    #[napi]
    pub fn abandon_checks(&self) -> Result<Vec<u32>> {
        guard(|| self.1.abandon_checks())
    }

    /// Reports a verdict: `valid`, `invalid`, `bad_key` for a key that cannot be imported, and anything else where
    /// JavaScript could not check.
    ///
    /// Returns a user where that is all there is to do: the caller whose ticket is the check's number is authenticated by keys.
    #[napi(ts_return_type = "Step | User")]
    pub fn host_checked(
        &self,
        number: u32,
        #[napi(ts_arg_type = "'valid' | 'invalid' | 'bad_key' | 'unchecked'")] verdict: String,
    ) -> Result<Found<Step>> {
        guard(|| {
            let mut step = Step::default();
            if let Some(check) = self.1.take_from_host(number) {
                let key = (Kind::Check, check.key());
                // After a panic the check counts as lost.
                let checked = guard(|| check.finish(read(&verdict))).ok();
                self.1.settle(key, checked, Event::Checked, &mut step);
            }
            let mut step = self.1.report(step);
            let user = step.only_user(number);
            user.map_or_else(|| Found::from(step), Found::User)
        })
    }
}

/// The verdict by its name.
pub(crate) fn read(verdict: &str) -> HostVerdict {
    match verdict {
        "valid" => HostVerdict::Valid,
        "invalid" => HostVerdict::Invalid,
        "bad_key" => HostVerdict::BadKey,
        _ => HostVerdict::Unchecked,
    }
}
