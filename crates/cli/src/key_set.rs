//! Where the commands take a key set from: a file, or an address that is asked once, with no credential.

use std::path::PathBuf;

use mastra_auth_cloud::core::config::{Config, DEFAULT_BASE_URL};
use mastra_auth_cloud::core::cookie::{CookieOptions, CookieSpec};
use mastra_auth_cloud::core::error::Code;
use mastra_auth_cloud::core::jwt::{KeySet, NoKeySet, Report, lint};
use mastra_auth_cloud::core::op::Operation;
use mastra_auth_cloud::core::op::key_set::{ExplainKeySet, LintKeySet};
use mastra_auth_cloud::core::url::{BaseUrl, KeySetUrl};
use mastra_auth_cloud::{CloudApiError, ProjectId, ReqwestTransport, Transport as _};

use crate::failure::Failure;

/// Larger files are no key sets.
const MAX_FILE_BYTES: u64 = 64 * 1024;

pub(crate) enum Source {
    File(PathBuf),
    Url(KeySetUrl),
}

impl Source {
    /// An address where it begins like one, else a file.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        if text.starts_with("http://") || text.starts_with("https://") {
            let url = KeySetUrl::parse(text).map_err(|malformed| {
                Failure::usage(format!("the key set's address: {malformed}"))
            })?;
            return Ok(Self::Url(url));
        }
        Ok(Self::File(text.into()))
    }

    /// The keys that can be used; the outer failure is one of the call itself.
    pub(crate) async fn keys(self) -> Result<Result<KeySet, String>, Failure> {
        match self {
            Self::File(path) => {
                let text = read(&path)?;
                let none = |error| NoKeySet::new(error, &text).to_string();
                Ok(KeySet::parse(&text).map_err(none))
            }
            Self::Url(url) => match fetch(&url, ExplainKeySet::new(url.clone())).await {
                Ok(answer) => Ok(answer.map_err(|none| none.to_string())),
                Err(error) => Ok(Err(told(&error))),
            },
        }
    }

    /// What there is to say of each key.
    pub(crate) async fn report(self) -> Result<Result<Report, String>, Failure> {
        match self {
            Self::File(path) => Ok(Ok(lint(&read(&path)?))),
            Self::Url(url) => Ok(fetch(&url, LintKeySet::new(url.clone()))
                .await
                .map_err(|error| told(&error))),
        }
    }
}

/// For somebody who asked for this one address, and would otherwise not learn what was wrong with it.
fn told(error: &CloudApiError) -> String {
    if error.is(&Code::KeysUnavailable) {
        "No answer with the status 200 and of at most 64 KiB came from that address; redirects are not followed."
            .to_owned()
    } else {
        error.message().to_owned()
    }
}

fn read(path: &std::path::Path) -> Result<Vec<u8>, Failure> {
    use std::io::Read as _;
    let unreadable = |error| Failure::usage(format!("{} cannot be read: {error}", path.display()));
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_FILE_BYTES) {
        Ok(bytes)
    } else {
        let message = format!("{} is larger than 64 KiB", path.display());
        Err(Failure::usage(message))
    }
}

/// One call over the client's transport. The deployment around it says nothing that the call would use.
async fn fetch<O: Operation>(url: &KeySetUrl, operation: O) -> Result<O::Output, CloudApiError> {
    let base_url = BaseUrl::parse(url.as_str()).or_else(|_| BaseUrl::parse(DEFAULT_BASE_URL));
    let base_url = base_url.map_err(CloudApiError::argument)?;
    let project = ProjectId::parse("none").map_err(CloudApiError::argument)?;
    let transport = ReqwestTransport::new(&base_url)?;
    let config = Config::new(
        base_url,
        project,
        CookieSpec::new(CookieOptions::default())?,
    );
    let request = operation.request(&config)?;
    let delivery = transport.send(request).await;
    operation.response(&config, delivery)
}
