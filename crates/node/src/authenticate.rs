//! Authentication: one look per request, which returns a number.

use std::sync::{Arc, Mutex};

use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::authenticate::fast_path::{self, Brought, Reached};
use mastra_auth_cloud_core::flow::authenticate::{Authenticate, Credentials, Verdict};
use mastra_auth_cloud_core::flow::{
    Authentication, Counting, Event, Outcome as Answered, Source, Step,
};
use napi::bindgen_prelude::{Env, Function, FunctionCallContext};
use napi_derive::napi;

use crate::convert::{Or, User, now, or, serial, token};
use crate::engine::Authority;
use crate::flow::{Flow, jitter_of};
use crate::guard::{Result, guard, thrown};
use crate::pending::{Pending, Wanted};
use crate::search::Search;
use crate::site::of_number;
use crate::text::Text;
use crate::values::Identity;

#[napi]
impl Authority {
    /// A function of a cookie header and, if present, an `Authorization` header and a token that the host has read. Most
    /// requests bring the first alone, and each argument costs. It authenticates them and returns a number:
    ///
    /// - A positive whole number is the serial of the identity.
    /// - A negative number is the negated serial; [`background`](Self::background) has work.
    /// - 0: the authentication continues with [`begun`](Self::begun).
    /// - A whole number and a half: the whole number is a ticket. The signature is checked on the thread pool, and
    ///   [`checks`](Self::checks) returns the result under that ticket.
    /// - NaN: the request's address decides which cookies count. Call the function made for its `site`; 0 is an address
    ///   that was not read.
    ///
    /// A function of its own and no method: every request calls it, and a method looks its object up first.
    #[napi(ts_return_type = "Or<Look>")]
    pub fn look<'env>(
        &self,
        env: &'env Env,
        site: Option<u32>,
    ) -> Result<Or<Function<'env, (), f64>>> {
        guard("Authority.look", || {
            let (engine, pending) = (Arc::clone(&self.0), Arc::clone(&self.1));
            let reached = site.map_or(Reached::Unasked, |site| Reached::Asked(of_number(site)));
            or(env
                .create_function_from_closure("look", move |call| {
                    look(&engine, &pending, reached, &call)
                })
                .map_err(|_| CloudApiError::configuration("Node makes no function")))
        })
    }

    /// Background work that authentications left; no request waits for it.
    #[napi]
    pub fn background(&self) -> Result<Vec<Flow>> {
        guard("Authority.background", || {
            let tasks = std::mem::take(&mut Pending::lock(&self.1).background);
            tasks.into_iter().map(Flow::work).collect()
        })
    }

    /// The user whom the look with this number verified by a signature; `None` if the identity was cached. Saves another
    /// look-up.
    #[napi]
    pub fn found(&self, number: f64) -> Result<Option<User>> {
        guard("Authority.found", || {
            let found = Pending::lock(&self.1).found.take();
            let user = User::from(found?.as_ref());
            (user.serial.to_bits() == number.to_bits()).then_some(user)
        })
    }

    /// The search of the look just made, to continue with; `None` if that look is finished.
    #[napi]
    pub fn begun(&self) -> Result<Option<Or<Search>>> {
        guard("Authority.begun", || {
            let begun = Pending::lock(&self.1).begun.take();
            begun.map(|step| or(step.map(|step| Search::begun(step, Arc::clone(&self.1)))))
        })
    }

    /// Authenticates these credentials step by step. `counted` if a look already counted the request.
    #[napi]
    pub fn authenticate(
        &self,
        token: Option<Text>,
        authorization: Option<Text>,
        cookie: Option<Text>,
        counted: bool,
        site: u32,
    ) -> Result<Or<Search>> {
        guard("Authority.authenticate", || {
            let credentials = Credentials::with_token(
                &self.0,
                token.as_ref().map(Text::as_str),
                authorization.as_ref().map(Text::as_str),
                cookie.as_ref().map(Text::as_str),
                of_number(site),
            );
            if credentials.is_err() {
                self.0.counters().answered(Answered::Rejected, Source::None);
            }
            let counting = if counted {
                Counting::Never
            } else {
                Counting::Always
            };
            or(credentials.map(|found| {
                let request = Authenticate::new(&self.0, found.into_owned());
                let request = request.counting(counting).offloading();
                Search::new(request.into_task(jitter_of(now())), Arc::clone(&self.1))
            }))
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

fn look(
    engine: &Arc<Engine>,
    pending: &Arc<Mutex<Pending>>,
    reached: Reached,
    call: &FunctionCallContext<'_>,
) -> napi::Result<f64> {
    let text = |at| {
        if at < call.length() {
            call.get::<Option<Text>>(at)
        } else {
            Ok(None)
        }
    };
    let (cookie, authorization, token) = (text(0)?, text(1)?, text(2)?);
    guard("look", || {
        let brought = Brought {
            token: token.as_ref().map(Text::as_str),
            authorization: authorization.as_ref().map(Text::as_str),
            cookie: cookie.as_ref().map(|text| text.as_str().as_bytes()),
            reached,
        };
        let miss = match fast_path::known(engine, &brought, now()) {
            Ok(identity) => return serial(&identity),
            Err(miss) => miss,
        };
        let site = match reached {
            Reached::Asked(site) => site,
            Reached::Unasked => None,
        };
        let needs_site = |header| engine.needs_site(header);
        if reached == Reached::Unasked && brought.cookie.is_some_and(needs_site) {
            return f64::NAN;
        }
        let credentials = Credentials::with_token(
            engine,
            brought.token,
            brought.authorization,
            cookie.as_ref().map(Text::as_str),
            site,
        );
        match credentials {
            Ok(credentials) => begin(engine, pending, credentials.hashed(miss).into_owned()),
            Err(error) => {
                engine.counters().answered(Answered::Rejected, Source::None);
                Pending::lock(pending).begun = Some(Err(error));
                0.0
            }
        }
    })
    .or_else(|error| thrown(*call.env, &error))
}

fn begin(
    engine: &Arc<Engine>,
    pending: &Arc<Mutex<Pending>>,
    credentials: Credentials<'static>,
) -> f64 {
    let now = now();
    let request = Authenticate::new(engine, credentials).offloading();
    let search = request.into_task(jitter_of(now));
    match Pending::step(pending, search, Event::Start, now) {
        Step::Done(Verdict {
            answer: Authentication::Authenticated(identity),
            source,
            ..
        }) => {
            let serial = serial(&identity);
            let mut pending = Pending::lock(pending);
            pending.found = (source == Source::Keys).then_some(identity);
            if pending.background.is_empty() {
                serial
            } else {
                -serial
            }
        }
        Step::Check(check, search) => {
            let ticket = Pending::lock(pending).enqueue(check, search, Wanted::User);
            f64::from(ticket) + 0.5
        }
        step => {
            Pending::lock(pending).begun = Some(Ok(step));
            0.0
        }
    }
}
