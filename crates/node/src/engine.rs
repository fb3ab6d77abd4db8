//! A running deployment. Each part of its work has a file of its own.

use std::sync::Arc;

use mastra_auth_cloud_core::encoding::encode_component;
use mastra_auth_cloud_core::engine::Engine as CoreEngine;
use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::error::CloudApiError;
use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;

use crate::config::Options;
use crate::convert::{Or, or};
use crate::flow::Room;
use crate::guard::{Result, guard};

/// A running deployment.
#[napi]
pub struct Engine(pub(crate) Arc<CoreEngine>, pub(crate) Arc<Room>);

/// Values that follow from the options.
#[napi(object, object_from_js = false)]
pub struct Facts {
    /// Whether the Cloud is a local one.
    pub is_local: bool,
    /// How many identities are cached.
    pub max_entries: f64,
    /// The longest time in milliseconds that a cached identity is of use.
    pub longest: f64,
}

/// Checks options and opens a deployment. `entropy` is 32 bytes from a secure random generator. With `asks_host` JavaScript
/// checks the signatures, as it always does in WebAssembly.
#[napi]
pub fn open(options: Options, entropy: Uint8Array, asks_host: Option<bool>) -> Result<Or<Engine>> {
    guard(|| {
        or(options.into_config().and_then(|config| {
            let bytes = <[u8; 32]>::try_from(entropy.as_ref())
                .map_err(|_| CloudApiError::configuration("entropy must be 32 bytes"))?;
            let entropy = Entropy::new(bytes);
            let engine = if asks_host == Some(true) {
                CoreEngine::asking_host(config, entropy)
            } else {
                CoreEngine::new(config, entropy)
            };
            Ok(Engine(Arc::clone(&engine), Room::new(engine)))
        }))
    })
}

#[napi]
impl Engine {
    /// Values that follow from the options.
    #[napi]
    #[allow(clippy::cast_precision_loss)]
    pub fn facts(&self) -> Result<Facts> {
        guard(|| {
            let config = self.0.config();
            let longest = config
                .policy
                .fresh
                .saturating_add(config.policy.stale_if_error);
            Facts {
                is_local: config.base_url.is_local(),
                max_entries: config.policy.max_entries as f64,
                longest: longest.as_secs_f64() * 1e3,
            }
        })
    }

    /// The URL of a user's page at the Cloud.
    #[napi]
    pub fn profile_url(&self, user_id: String) -> Result<String> {
        guard(|| {
            let path = format!("/users/{}", encode_component(&user_id));
            self.0.config().base_url.join(&path)
        })
    }
}
