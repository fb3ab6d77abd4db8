//! Authentication: one call per request, and for a cached identity one number.

use std::sync::Arc;

use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::authenticate::fast_path::{self, Address, Miss, RawCredentials};
use mastra_auth_cloud_core::flow::authenticate::{Authenticate, Credentials, Refresher, Verdict};
use mastra_auth_cloud_core::flow::{Authentication, Counting, Event, Source, Step};
use mastra_auth_cloud_core::time::Now;
use napi::bindgen_prelude::{Env, Function, FunctionCallContext};
use napi_derive::napi;

use crate::clocks::now;
use crate::convert::{Or, or, serial};
use crate::engine::Engine;
use crate::flow::{Outcome, Pending, Room, jitter_of};
use crate::guard::{Result, guard, thrown};
use crate::js_values::{Found, Text};
use crate::site::of_number;

#[napi]
impl Engine {
    /// A function that authenticates a request at this site; without one, at an address that was not looked up. Site 0 is an
    /// address that could not be read. It takes the `Cookie` header and, if present, the `Authorization` header and a token
    /// that the host has read. Most requests bring the first alone, and each argument costs.
    ///
    /// Returns the serial number of a cached identity, a user, or a pending authentication. Where that waits for a signature
    /// check and nothing else, it returns its ticket as a negative number. With `is_counted` it is always a pending one; the
    /// flag says whether the request was counted before.
    ///
    /// With `renewal` `here` a session near or past the end of its token is renewed, and the pending authentication ends with the
    /// cookie to set: for a host that sets it. With `host` a session that the Cloud has replaced is refused, and one past the end of
    /// its token if it could be renewed, for a host that asks for a renewal then.
    ///
    /// A function of its own and no method: every request calls it, and a method looks its object up first.
    #[napi(ts_return_type = "Or<Authenticate>")]
    pub fn authenticator<'env>(
        &self,
        env: &'env Env,
        site: Option<u32>,
        #[napi(ts_arg_type = "'here' | 'host'")] renewal: Option<String>,
    ) -> Result<Or<Function<'env, (), Found<Pending>>>> {
        guard(|| {
            let room = Arc::clone(&self.1);
            let address = site.map_or(Address::Unresolved, |site| {
                Address::Resolved(of_number(site))
            });
            let refresher = match renewal.as_deref() {
                Some("here") => Refresher::Here,
                Some("host") => Refresher::Host,
                _ => Refresher::None,
            };
            or(env
                .create_function_from_closure("authenticate", move |call| {
                    authenticate(&room, address, refresher, &call)
                })
                .map_err(|_| CloudApiError::configuration("Node makes no function")))
        })
    }
}

fn authenticate(
    room: &Arc<Room>,
    address: Address,
    refresher: Refresher,
    call: &FunctionCallContext<'_>,
) -> napi::Result<Found<Pending>> {
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
    guard(|| {
        let credentials = RawCredentials {
            token: token.as_ref().map(Text::as_str),
            authorization: authorization.as_ref().map(Text::as_str),
            cookie: cookie.as_ref().map(|text| text.as_str().as_bytes()),
            address,
        };
        let (now, mut miss) = (now(), Miss::default());
        if is_counted.is_none() {
            // A bearer is never renewed.
            let refresher = match (&token, &authorization) {
                (None, None) => refresher,
                _ => Refresher::None,
            };
            match fast_path::known_for(&room.engine, &credentials, refresher, now) {
                Ok(identity) => return Found::Cached(serial(&identity)),
                Err(missed) => miss = missed,
            }
        }
        let request = Begun {
            credentials: &credentials,
            cookie: cookie.as_ref(),
            miss,
            is_counted,
            refresher,
        };
        begin(room, request, now)
    })
    .or_else(|error| thrown(*call.env, &error))
}

/// A request that the fast path did not answer.
struct Begun<'c> {
    credentials: &'c RawCredentials<'c>,
    cookie: Option<&'c Text>,
    miss: Miss<'c>,
    is_counted: Option<bool>,
    refresher: Refresher,
}

#[inline(never)]
fn begin(room: &Arc<Room>, request: Begun<'_>, now: Now) -> Found<Pending> {
    let Begun {
        credentials,
        cookie,
        miss,
        is_counted,
        refresher,
    } = request;
    let engine = &room.engine;
    let site = match credentials.address {
        Address::Resolved(site) => site,
        Address::Unresolved => {
            let needs_site = match credentials.cookie {
                Some(it) if engine.needs_site(it) => "always",
                // The cookie that may be set is for that address.
                Some(_) if refresher == Refresher::Here => "now",
                _ => "",
            };
            if !needs_site.is_empty() {
                return Found::from(Pending {
                    needs_site: Some(needs_site),
                    ..Pending::default()
                });
            }
            None
        }
    };
    let cookie = cookie.map(Text::as_str);
    let credentials = Credentials::with_token(
        engine,
        credentials.token,
        credentials.authorization,
        cookie,
        site,
    );
    let credentials = match credentials {
        Ok(credentials) => credentials.hashed(miss).into_owned(),
        Err(error) => {
            let answer = Authentication::Rejected(error);
            engine.counters().answered(answer.outcome(), Source::None);
            return Found::from(Pending::from(Outcome::of(answer, Source::None, None)));
        }
    };
    let counting = match is_counted {
        Some(true) => Counting::Never,
        _ => Counting::Always,
    };
    let request = Authenticate::new(engine, credentials)
        .counting(counting)
        .refreshed_by(refresher)
        .at(site);
    let task = request.offloading().into_task(jitter_of(now));
    let first = task.step(Event::Start, now);
    if let Step::Done(Verdict {
        answer: Authentication::Authenticated(identity),
        cookie: None,
        ..
    }) = &first
        && is_counted.is_none()
        && room.is_idle()
    {
        return Found::User(identity.as_ref().into());
    }
    let begun = room.begun(first.map(|it| Outcome::of(it.answer, it.source, it.cookie.as_ref())));
    if is_counted.is_some() {
        return Found::from(begun);
    }
    match begun {
        Pending {
            outcome:
                Some(Outcome {
                    user: Some(user),
                    cookies: None,
                    ..
                }),
            step: None,
            ..
        } => Found::User(user),
        Pending {
            ticket: Some(ticket),
            step: Some(step),
            ..
        } if step.is_idle_but_for_checks() => Found::Checking(ticket),
        begun => Found::from(begun),
    }
}
