//! Builds a whole request from a row of the dialect's table, and reads its response.
//!
//! The only place that writes headers and bodies, so that every call carries the same ones in the same order. A token is an
//! argument of the call, never state.

use serde_json::Value;
use zeroize::Zeroizing;

use crate::cloud::envelope::{Data, bad_member, open, open_unless};
use crate::cloud_call::CloudCall;
use crate::config::{Config, USER_AGENT};
use crate::dialect::{Endpoint, Field, ProjectHeader};
use crate::encoding::encode_component;
use crate::error::CloudApiError;
use crate::http::{Delivery, Request};
use crate::ids::{OrganizationId, UserId};
use crate::json::{BadMember, Object};
use crate::secret::SessionToken;

/// The values of one call.
#[derive(Default)]
pub(crate) struct Filling<'a> {
    pub(crate) token: Option<&'a SessionToken>,
    pub(crate) user: Option<&'a UserId>,
    /// The organization that the call is for.
    pub(crate) organization: Option<&'a OrganizationId>,
    pub(crate) fields: &'a [(Field, &'a str)],
}

impl Endpoint {
    /// The path of the contract, with `{id}` as placeholder.
    pub(crate) fn template(&self, config: &Config) -> String {
        config.api_path(self.path)
    }

    pub(crate) fn request(
        &self,
        config: &Config,
        filling: &Filling<'_>,
    ) -> Result<Request, CloudApiError> {
        let template = self.template(config);
        let path = match filling.user {
            Some(id) => template.replace("{id}", &encode_component(id.as_str())),
            None => template.clone(),
        };
        let body = self.body(filling)?;
        let mut headers = vec![
            ("accept", plain("application/json")),
            ("user-agent", plain(USER_AGENT)),
        ];
        if self.project_header == ProjectHeader::Sent {
            headers.push(("x-project-id", plain(config.project_id.as_str())));
        }
        if let Some(organization) = filling.organization {
            headers.push(("x-organization-id", plain(organization.as_str())));
        }
        if body.is_some() {
            headers.push(("content-type", plain("application/json")));
        }
        if let Some(token) = filling.token {
            let (name, before) = match &config.table().sealed {
                Some(sealed) if token.is_sealed() => ("cookie", [sealed.cookie, "="]),
                _ => ("authorization", ["Bearer", " "]),
            };
            let [scheme, gap] = before;
            headers.push((name, Zeroizing::new([scheme, gap, token.expose()].concat())));
        }
        Ok(Request {
            call: self.call,
            method: self.method,
            endpoint: template.into(),
            url: config.base_url.join(&path),
            headers,
            body,
            timeout: match self.call {
                CloudCall::ExchangeCode => config.policy.exchange_timeout,
                _ => config.policy.call_timeout,
            },
            max_response_bytes: config.policy.max_response_bytes,
        })
    }

    /// Reads a response that must have data. No text that repeats one of the `secrets` gets into an error.
    pub(crate) fn response<T>(
        &self,
        config: &Config,
        delivery: Delivery,
        secrets: &[&str],
        read: impl Fn(Object<'_>) -> Result<T, BadMember>,
    ) -> Result<T, CloudApiError> {
        let reads = |data: Object<'_>| read(data).is_ok();
        self.open_unless(config, delivery, secrets, reads)
            .and_then(|data| {
                Object::new(&data, "data")
                    .and_then(read)
                    .map_err(bad_member)
            })
            .map_err(|error| error.at(&self.template(config)))
    }

    /// Opens a response that must have data, as [`open_unless`] does.
    pub(crate) fn open_unless(
        &self,
        config: &Config,
        delivery: Delivery,
        secrets: &[&str],
        reads: impl FnOnce(Object<'_>) -> bool,
    ) -> Result<Value, CloudApiError> {
        let wrapping = config.table().wrapping;
        open_unless(wrapping, self.refusals, delivery, secrets, reads)
            .map_err(|error| error.at(&self.template(config)))
    }

    /// Opens a response.
    pub(crate) fn open(
        &self,
        config: &Config,
        data: Data,
        delivery: Delivery,
        secrets: &[&str],
    ) -> Result<Value, CloudApiError> {
        open(
            config.table().wrapping,
            self.refusals,
            data,
            delivery,
            secrets,
        )
        .map_err(|error| error.at(&self.template(config)))
    }

    /// The JSON object of the row's members, in the row's order.
    fn body(&self, filling: &Filling<'_>) -> Result<Option<Zeroizing<Vec<u8>>>, CloudApiError> {
        if self.body.is_empty() {
            return Ok(None);
        }
        let room: usize = filling
            .fields
            .iter()
            .map(|(_, value)| value.len().saturating_add(32))
            .sum();
        let mut out = Zeroizing::new(Vec::with_capacity(room));
        for (name, field) in self.body {
            let value = filling
                .fields
                .iter()
                .find(|(given, _)| given == field)
                .map(|(_, value)| *value);
            // A row asks for a value that its operation does not have: a bug. Report it rather than send half.
            let value = value.ok_or_else(|| {
                CloudApiError::configuration(
                    "The dialect's table asks for a member that the operation does not have.",
                )
            })?;
            let opening = if out.is_empty() { b'{' } else { b',' };
            out.push(opening);
            write_text(&mut out, name);
            out.push(b':');
            write_text(&mut out, value);
        }
        out.push(b'}');
        Ok(Some(out))
    }
}

fn plain(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.to_owned())
}

/// A JSON string. Writing to memory cannot fail.
fn write_text(out: &mut Zeroizing<Vec<u8>>, text: &str) {
    let _ = serde_json::to_writer(&mut **out, text);
}
