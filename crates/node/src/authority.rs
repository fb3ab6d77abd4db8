//! A deployment at work. What it does stands in a file for each part of the job.

use std::sync::{Arc, Mutex};

use mastra_auth_cloud_core::encoding::encode_component;
use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::identity::authority::Authority as CoreAuthority;
use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;

use crate::config::Options;
use crate::convert::{Or, or};
use crate::guard::{Result, guard};
use crate::left::Left;

/// A deployment at work.
#[napi]
pub struct Authority(pub(crate) Arc<CoreAuthority>, pub(crate) Arc<Mutex<Left>>);

/// What follows from the options.
#[napi(object, object_from_js = false)]
pub struct Facts {
    /// Whether the Cloud is one on this machine.
    pub is_local: bool,
    /// How many identities are remembered.
    pub max_entries: f64,
    /// The longest time in milliseconds that an identity is of use.
    pub longest: f64,
}

/// Checks options and sets a deployment to work. `entropy` is 32 bytes that nobody can guess.
#[napi]
pub fn open(options: Options, entropy: Uint8Array) -> Result<Or<Authority>> {
    guard("open", || {
        or(options.into_config().and_then(|config| {
            let bytes = <[u8; 32]>::try_from(entropy.as_ref())
                .map_err(|_| CloudApiError::configuration("entropy must be 32 bytes"))?;
            let authority = CoreAuthority::new(config, Entropy::new(bytes));
            Ok(Authority(authority, Arc::default()))
        }))
    })
}

#[napi]
impl Authority {
    /// What follows from the options.
    #[napi]
    #[allow(clippy::cast_precision_loss)]
    pub fn facts(&self) -> Result<Facts> {
        guard("Authority.facts", || {
            let config = self.0.config();
            let longest = config
                .policy
                .fresh
                .saturating_add(config.policy.stale_if_error);
            Facts {
                is_local: config.base_url.is_loopback(),
                max_entries: config.policy.capacity as f64,
                longest: longest.as_secs_f64() * 1e3,
            }
        })
    }

    /// By how many seconds the clock of this machine is ahead of the Cloud's at least, where that is to be told now.
    #[napi]
    #[allow(clippy::cast_precision_loss)]
    pub fn take_clock_ahead(&self) -> Result<Option<f64>> {
        guard("Authority.takeClockAhead", || {
            self.0.take_clock_ahead().map(|by| by.as_secs() as f64)
        })
    }

    /// The page of a user at the Cloud.
    #[napi]
    pub fn profile_url(&self, user_id: String) -> Result<String> {
        guard("Authority.profileUrl", || {
            let path = format!("/users/{}", encode_component(&user_id));
            self.0.config().base_url.join(&path)
        })
    }
}
