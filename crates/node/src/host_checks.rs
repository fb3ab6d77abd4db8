//! Signatures that JavaScript checks with WebCrypto: each one in WebAssembly, and on the native addon where `open` is told so.
//!
//! The core makes every other check. JavaScript may keep the keys that it imports, each by its number.

use std::sync::Arc;

use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::Event;
use mastra_auth_cloud_core::jwt::host::{HostVerdict, Signature};
use napi::bindgen_prelude::{Env, Function, FunctionCallContext, Uint8Array};
use napi_derive::napi;

use crate::convert::{Or, or};
use crate::engine::Engine;
use crate::flow::{Kind, Room, Step};
use crate::guard::{Result, guard, thrown};
use crate::js_values::Found;

/// A public key to import.
#[napi(object, object_from_js = false)]
pub struct HostKey {
    /// The algorithm: RSASSA-PKCS1-v1_5 with SHA-256, ECDSA on P-256 with SHA-256, or Ed25519.
    #[napi(ts_type = "'RS256' | 'ES256' | 'EdDSA'")]
    pub algorithm: &'static str,
    /// The key as a JSON Web Key, without `alg` and `kid`.
    pub jwk: String,
}

impl From<Signature<'_>> for HostKey {
    fn from(asked: Signature<'_>) -> Self {
        Self {
            algorithm: asked.algorithm.as_str(),
            jwk: asked.key.to_owned(),
        }
    }
}

#[napi]
impl Engine {
    /// Takes the enqueued checks. A verdict must be reported for each, unless all checks are abandoned.
    ///
    /// Each is four numbers of 32 bits, the low byte first, then the signature and the bytes that are signed. The numbers are that of
    /// the check, which its verdict is reported with, that of its key, and the lengths of both. For ES256 the signature is both
    /// numbers, as WebCrypto takes them. An object for each would cost more than the rest.
    #[napi(ts_return_type = "Uint8Array<ArrayBuffer>")]
    pub fn host_checks(&self) -> Result<Uint8Array> {
        guard(|| {
            let mut packed = Vec::new();
            self.1.take_for_host(|number, check| {
                let Signature {
                    key_number,
                    input,
                    signature,
                    ..
                } = check.signature();
                #[allow(
                    clippy::cast_possible_truncation,
                    reason = "no token is longer than 8 kB"
                )]
                let lengths = [signature, input].map(|bytes| bytes.len() as u32);
                for word in [number, key_number].into_iter().chain(lengths) {
                    packed.extend_from_slice(&word.to_le_bytes());
                }
                packed.extend_from_slice(signature);
                packed.extend_from_slice(input);
            });
            packed.into()
        })
    }

    /// The key of a check that was taken and has no verdict yet.
    #[napi]
    pub fn host_key(&self, number: u32) -> Result<Option<HostKey>> {
        guard(|| self.1.at_host(number, |check| check.signature().into()))
    }

    /// Gives every check up. Returns the tickets that waited for one.
    #[napi]
    pub fn abandon_checks(&self) -> Result<Vec<u32>> {
        guard(|| self.1.abandon_checks())
    }

    /// A function that reports the verdict on a check: 0 where its signature is wrong, 1 where it is good, 2 where its key cannot
    /// be imported, and any other number where JavaScript could not check.
    ///
    /// Returns a user where that is all there is to do: the caller whose ticket is the check's number is authenticated by keys.
    #[napi(ts_return_type = "Or<HostChecked>")]
    pub fn host_checker<'env>(
        &self,
        env: &'env Env,
    ) -> Result<Or<Function<'env, (), Found<Step>>>> {
        guard(|| {
            let room = Arc::clone(&self.1);
            or(env
                .create_function_from_closure("hostChecked", move |call| host_checked(&room, &call))
                .map_err(|_| CloudApiError::configuration("Node makes no function")))
        })
    }
}

fn host_checked(room: &Arc<Room>, call: &FunctionCallContext<'_>) -> napi::Result<Found<Step>> {
    let (number, verdict) = (call.get::<u32>(0)?, call.get::<u32>(1)?);
    guard(|| {
        let mut step = Step::default();
        if let Some(check) = room.take_from_host(number) {
            let key = (Kind::Check, check.key());
            // After a panic the check counts as lost.
            let checked = guard(|| check.finish(read(verdict))).ok();
            room.settle(key, checked, Event::Checked, &mut step);
        }
        let mut step = room.report(step);
        let user = step.only_user(number);
        user.map_or_else(|| Found::from(step), Found::User)
    })
    .or_else(|error| thrown(*call.env, &error))
}

/// The verdict by its number.
pub(crate) fn read(verdict: u32) -> HostVerdict {
    match verdict {
        0 => HostVerdict::Invalid,
        1 => HostVerdict::Valid,
        2 => HostVerdict::BadKey,
        _ => HostVerdict::Unchecked,
    }
}
