//! Jobs of a program that a person signed in.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use mastra_auth_cloud::program::{
    Credentials, CredentialsFile, Platform, RefreshToken, TokenSource,
};
use mastra_auth_cloud::{CloudApiError, SessionToken};
use mastra_auth_cloud_core::ids::OrganizationId;
use serde_json::json;

use crate::lane::Scene;
use crate::operations::Operation;

/// A program with a file of its own, which goes with it.
pub(crate) struct Program {
    platform: Platform,
    source: TokenSource,
    token: SessionToken,
    refresh_token: String,
    /// The id and the secret of a key.
    key: (String, SessionToken),
    home: PathBuf,
}

impl Program {
    pub(crate) async fn new(scene: &Scene) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("mastra-faults-{}-{number}", std::process::id());
        let home = std::env::temp_dir().join(name);
        let signed_in = scene.cloud.control().sign_in_as("member").unwrap();
        let token = SessionToken::parse(&signed_in.token).unwrap();
        let refresh_token = signed_in.refresh_token.unwrap();
        let file = CredentialsFile::at(home.join("credentials.json"));
        let credentials = Credentials::new(
            token.clone(),
            RefreshToken::parse(&refresh_token).ok(),
            json!({ "id": "usr_mei" }),
            &OrganizationId::parse("org_1").unwrap(),
        );
        let locked = file.lock().await.unwrap();
        locked.new_file().unwrap().write(&credentials).unwrap();
        drop(locked);
        let platform = scene.platform.clone();
        let key = again(async || platform.create_token(&token, None, "before").await).await;
        Self {
            source: TokenSource::new(platform.clone(), file),
            platform,
            token,
            refresh_token,
            key: (key.token.id, key.secret),
            home,
        }
    }

    pub(crate) fn secrets(&self) -> [&str; 3] {
        [
            self.token.expose(),
            &self.refresh_token,
            self.key.1.expose(),
        ]
    }

    pub(crate) async fn work(&self, operation: Operation) -> Result<(), CloudApiError> {
        let (platform, token) = (&self.platform, &self.token);
        match operation {
            Operation::ProgramToken => {
                let found = self.source.token().await?;
                assert!(found.same_as(token), "another token");
                Ok(())
            }
            Operation::ProgramRefresh => {
                let newer = self.source.refreshed(token).await?;
                assert!(!newer.same_as(token), "the refused token");
                Ok(())
            }
            Operation::ProgramSignOut => platform.sign_out(token).await,
            Operation::ProgramKeys => {
                let keys = platform.tokens(token, None).await?;
                assert!(
                    keys.iter().any(|key| key.id == self.key.0),
                    "a key is missing"
                );
                Ok(())
            }
            Operation::ProgramNewKey => {
                let made = platform.create_token(token, None, "new").await?;
                let verified = platform.verify(&made.secret).await?;
                assert_eq!(verified.user_id, made.token.id, "another key");
                Ok(())
            }
            _ => platform.revoke_token(token, None, &self.key.0).await,
        }
    }

    /// The sign-in of the file is as good as before, or newer.
    pub(crate) async fn goes_on(&self, what: &str, operation: Operation) {
        let token = again(async || match operation {
            Operation::ProgramRefresh => self.source.refreshed(&self.token).await,
            _ => self.source.token().await,
        });
        let token = token.await;
        let verified = again(async || self.platform.verify(&token).await).await;
        assert_eq!(verified.user_id, "usr_mei", "{what}");
        let held = self.source.file().read().unwrap().unwrap();
        assert!(held.token().same_as(&token), "{what}: not kept");
    }
}

/// Asks again where a connection was kept that the fault before had closed: a call of a program is made once.
async fn again<T>(ask: impl AsyncFn() -> Result<T, CloudApiError>) -> T {
    let mut answer = ask().await;
    for _ in 0..3 {
        if answer.as_ref().is_err_and(|error| !error.is_refusal()) {
            answer = ask().await;
        }
    }
    answer.unwrap()
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.home));
    }
}
