//! Authentication: one call per request, and for a cached identity one number.

use std::sync::Arc;

use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::authenticate::fast_path::{self, Brought, Miss, Reached};
use mastra_auth_cloud_core::flow::authenticate::{Authenticate, Credentials};
use mastra_auth_cloud_core::flow::{Authentication, Counting, Source};
use napi::bindgen_prelude::{Either, Env, Function, FunctionCallContext};
use napi_derive::napi;

use crate::convert::{Or, now, or, serial, token};
use crate::engine::Authority;
use crate::flow::{Outcome, Pending, Room, jitter_of};
use crate::guard::{Result, guard, thrown};
use crate::site::of_number;
use crate::text::Text;
use crate::values::Identity;

#[napi]
impl Authority {
    /// A function that authenticates a request at this site; without one, at an address that was not looked up. Site 0 is an
    /// address that could not be read. It takes the `Cookie` header and, if present, the `Authorization` header and a token
    /// that the host has read. Most requests bring the first alone, and each argument costs.
    ///
    /// Returns the serial number of a cached identity, or a pending authentication. With `is_counted` it is always the
    /// latter, and its result holds the identity; the flag says whether the request was counted before.
    ///
    /// A function of its own and no method: every request calls it, and a method looks its object up first.
    #[napi(ts_return_type = "Or<Authenticate>")]
    pub fn authenticator<'env>(
        &self,
        env: &'env Env,
        site: Option<u32>,
    ) -> Result<Or<Function<'env, (), Either<f64, Pending>>>> {
        guard("Authority.authenticator", || {
            let room = Arc::clone(&self.1);
            let reached = site.map_or(Reached::Unasked, |site| Reached::Asked(of_number(site)));
            or(env
                .create_function_from_closure("authenticate", move |call| {
                    authenticate(&room, reached, &call)
                })
                .map_err(|_| CloudApiError::configuration("Node makes no function")))
        })
    }

    /// The cached identity of this token, if it is this user.
    #[napi]
    pub fn identity(&self, text: String, user_id: String) -> Result<Option<Identity>> {
        guard("Authority.identity", || {
            let known = self.0.verified(&token(&text).ok()?)?;
            (known.user().id().as_str() == user_id).then(|| Identity::remembered(known))
        })
    }
}

fn authenticate(
    room: &Arc<Room>,
    reached: Reached,
    call: &FunctionCallContext<'_>,
) -> napi::Result<Either<f64, Pending>> {
    let text = |at| {
        if at < call.length() {
            call.get::<Option<Text>>(at)
        } else {
            Ok(None)
        }
    };
    let (cookie, authorization, token) = (text(0)?, text(1)?, text(2)?);
    let is_counted = if call.length() > 3 {
        call.get::<Option<bool>>(3)?
    } else {
        None
    };
    guard("authenticate", || {
        let engine = &room.engine;
        let brought = Brought {
            token: token.as_ref().map(Text::as_str),
            authorization: authorization.as_ref().map(Text::as_str),
            cookie: cookie.as_ref().map(|text| text.as_str().as_bytes()),
            reached,
        };
        let mut miss = Miss::default();
        if is_counted.is_none() {
            match fast_path::known(engine, &brought, now()) {
                Ok(identity) => return Either::A(serial(&identity)),
                Err(missed) => miss = missed,
            }
        }
        let site = match reached {
            Reached::Asked(site) => site,
            Reached::Unasked if brought.cookie.is_some_and(|it| engine.needs_site(it)) => {
                return Either::B(Pending {
                    needs_site: Some(true),
                    ..Pending::default()
                });
            }
            Reached::Unasked => None,
        };
        let credentials = Credentials::with_token(
            engine,
            brought.token,
            brought.authorization,
            cookie.as_ref().map(Text::as_str),
            site,
        );
        Either::B(match credentials {
            Ok(credentials) => {
                let request = Authenticate::new(engine, credentials.hashed(miss).into_owned());
                let counting = match is_counted {
                    Some(true) => Counting::Never,
                    _ => Counting::Always,
                };
                let task = request.counting(counting).offloading();
                let task = task.into_task(jitter_of(now()));
                let is_whole = is_counted.is_some();
                room.begin(task.map(move |verdict| {
                    Outcome::authenticated(&verdict.answer, verdict.source, is_whole)
                }))
            }
            Err(error) => {
                let answer = Authentication::Rejected(error);
                engine.counters().answered(answer.outcome(), Source::None);
                Outcome::authenticated(&answer, Source::None, false).into()
            }
        })
    })
    .or_else(|error| thrown(*call.env, &error))
}
