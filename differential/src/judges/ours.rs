//! The core of this repository.

use anyhow::{Result, anyhow};
use core::time::Duration;
use mastra_auth_cloud_core::jwt::{
    Algorithm, Algorithms, KeySet, Leeway, Rules, SharedSecret, verify,
};
use mastra_auth_cloud_core::secret::SessionToken;
use mastra_auth_cloud_core::time::Timestamp;

use super::Verdict;
use crate::make::Case;
use crate::setting::{AUDIENCE, Deployment, ISSUER, LEEWAY, NOW, SECRET, Setting};

pub(crate) struct Ours {
    secret: (KeySet, Rules),
    keys: (KeySet, Rules),
    now: Timestamp,
}

impl Ours {
    pub(crate) fn new(setting: &Setting) -> Result<Self> {
        let rules = |algorithms: Option<&[Algorithm]>| -> Result<Rules> {
            let mut rules = Rules::new(AUDIENCE).map_err(|_| anyhow!("the audience"))?;
            rules.issuer = Some(ISSUER.into());
            rules.leeway =
                Leeway::new(Duration::from_secs(LEEWAY)).map_err(|_| anyhow!("the leeway"))?;
            if let Some(algorithms) = algorithms {
                rules.algorithms =
                    Algorithms::new(algorithms).map_err(|_| anyhow!("the algorithms"))?;
            }
            Ok(rules)
        };
        let secret = SharedSecret::new(SECRET).map_err(|_| anyhow!("the secret"))?;
        let set = KeySet::parse(setting.jwks.to_string().as_bytes())?;
        Ok(Self {
            secret: (
                KeySet::from_secret(secret),
                rules(Some(&[Algorithm::Hs256]))?,
            ),
            keys: (set, rules(None)?),
            now: Timestamp::from_unix_seconds(i64::try_from(NOW)?),
        })
    }

    pub(crate) fn judge(&self, case: &Case<'_>) -> Verdict {
        let Ok(token) = SessionToken::parse(&case.token) else {
            return Err("no_token".into());
        };
        let (keys, rules) = match case.deployment {
            Deployment::Secret => &self.secret,
            Deployment::Keys => &self.keys,
        };
        match verify(&token, keys, rules, self.now) {
            Ok(_) => Ok(()),
            Err(reason) => Err(reason.code().to_owned()),
        }
    }
}
