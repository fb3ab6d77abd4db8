//! The one list of events: name, target, level, fields and meaning of everything that a driver logs.
//!
//! Only words: this crate emits nothing. The Rust client takes each name, level and field from here and does not compile with
//! another. The event types of the Node package and the tables of `docs/guide/observability.md` are generated from here.
//!
//! Names, targets, levels and fields are stable: renaming one breaks log queries and alerts. A field holds an id, a code, a word
//! of a fixed list or a number. It never holds a token, a cookie, an authorization code, an e-mail address, a name or a body.
//! Every duration is in seconds, as in the metrics.

/// How important an event is. Exhaustive: loggers know these five.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// One for each request.
    Trace,
    /// Detail for debugging.
    Debug,
    /// Normal, and worth a line in a log.
    Info,
    /// Something is wrong, and the deployment keeps working.
    Warn,
    /// The deployment is configured wrongly.
    Error,
}

impl Level {
    /// The level as upper-case text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }
}

/// What an event is about, to filter by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// Sign-ins, sign-outs, refresh, rejected credentials and revocations: the audit log.
    Audit,
    /// Authentication of requests.
    Request,
    /// Calls to the Cloud.
    Cloud,
    /// Revocations exchanged with other instances.
    Revocations,
    /// Mistakes in the configuration.
    Setup,
}

impl Target {
    /// The target as text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Audit => "mastra_auth::audit",
            Self::Request => "mastra_auth::request",
            Self::Cloud => "mastra_auth::cloud",
            Self::Revocations => "mastra_auth::revocations",
            Self::Setup => "mastra_auth::setup",
        }
    }
}

/// Whether one of the languages emits an event. Exhaustive: an event is emitted or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emitted {
    /// At this level.
    At(Level),
    /// Never, for this reason.
    Never(&'static str),
}

/// One row of the list of events.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct EventInfo {
    /// The stable name.
    pub name: &'static str,
    /// The name below the product's: `mastra_auth.` and the name.
    pub full_name: &'static str,
    /// What the event is about.
    pub target: Target,
    /// Whether the Rust client emits it.
    pub rust: Emitted,
    /// Whether the Node package emits it.
    pub node: Emitted,
    /// The names of the fields that it may have; a field that is unknown is absent.
    pub fields: &'static [&'static str],
    /// One sentence for the guide.
    pub meaning: &'static str,
}

impl EventInfo {
    /// The level in Rust. An event that Rust never emits has none.
    pub const fn level(&self) -> Option<Level> {
        match self.rust {
            Emitted::At(level) => Some(level),
            Emitted::Never(_) => None,
        }
    }

    /// Whether the event may have this field.
    pub const fn has(&self, field: &str) -> bool {
        let mut fields = self.fields;
        while let [first, rest @ ..] = fields {
            if is_same(first.as_bytes(), field.as_bytes()) {
                return true;
            }
            fields = rest;
        }
        false
    }
}

/// Compares in a constant, where `==` is not available.
const fn is_same(mut one: &[u8], mut other: &[u8]) -> bool {
    loop {
        match (one, other) {
            ([], []) => return true,
            ([a, rest @ ..], [b, more @ ..]) if *a == *b => {
                one = rest;
                other = more;
            }
            _ => return false,
        }
    }
}

/// One row of the list of fields.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FieldInfo {
    /// The name in Rust; Node writes it in camel case.
    pub name: &'static str,
    /// `text`, `number`, or `source` for one of the four sources.
    pub kind: &'static str,
    /// One sentence for the guide, with the unit.
    pub meaning: &'static str,
}

macro_rules! emitted {
    ($level:ident) => {
        Emitted::At(Level::$level)
    };
    ($reason:literal) => {
        Emitted::Never($reason)
    };
}

/// Each row: constant, name, target, level in Rust and in Node or the reason why there is none, fields, meaning.
macro_rules! events {
    ($($constant:ident $name:literal $target:ident $rust:tt $node:tt [$($field:ident)*] $meaning:literal;)*) => {
        $(
            #[doc = $meaning]
            pub const $constant: EventInfo = EventInfo {
                name: $name,
                full_name: concat!("mastra_auth.", $name),
                target: Target::$target,
                rust: emitted!($rust),
                node: emitted!($node),
                fields: &[$(stringify!($field)),*],
                meaning: $meaning,
            };
        )*

        /// Every event, in the order of the guide.
        pub const EVENTS: &[EventInfo] = &[$($constant),*];
    };
}

events! {
    SIGNED_IN "signed_in" Audit Info Info
        [outcome user_id session_id request_id]
        "A user signed in.";
    ALREADY_SIGNED_IN "already_signed_in" Audit Info Info
        [code status user_id session_id request_id]
        "A callback could not be finished, and its browser is already signed in.";
    SIGN_IN_FAILED "sign_in_failed" Audit Warn Warn
        [outcome code status endpoint reference request_id]
        "A sign-in failed or could not begin.";
    RETURN_PATH_TRUNCATED "return_path_truncated" Audit Warn Warn
        [bytes limit]
        "A return path exceeded its limit in the login URL and was shortened.";
    CREDENTIAL_REJECTED "credential_rejected" Audit Info Debug
        [outcome code status endpoint source duration_seconds request_id]
        "A credential was not accepted.";
    PERMISSION_DENIED "permission_denied" Audit Info "the server checks the permission of a route and logs it"
        [code user_id permission request_id]
        "A user lacks the permission that a route requires.";
    CROSS_ORIGIN_REJECTED "cross_origin_rejected" Audit Warn "the server answers the sign-out route"
        [code request_id]
        "A page of another origin posted a sign-out.";
    SIGNED_OUT "signed_out" Audit Info Info
        [outcome user_id session_id request_id]
        "A session ended here, and at the Cloud or it was unknown there.";
    SIGN_OUT_NOT_CONFIRMED "sign_out_not_confirmed" Audit Warn Warn
        [outcome code status endpoint user_id session_id request_id]
        "A session ended here, and the Cloud did not confirm its end.";
    SESSION_REFRESHED "session_refreshed" Audit Info Info
        [user_id session_id]
        "The Cloud issued a newer token for a session.";
    SESSION_TOKEN_UNCHANGED "session_token_unchanged" Audit Debug Debug
        [user_id session_id]
        "The Cloud was asked for a newer token and issued none; the session goes on.";
    SESSION_REFRESH_REJECTED "session_refresh_rejected" Audit Info Info
        [code status endpoint]
        "A session could not be refreshed: it has ended or its token is not accepted.";
    SESSION_REFRESH_FAILED "session_refresh_failed" Audit Warn Warn
        [code status endpoint]
        "The Cloud could not be asked to refresh a session.";
    SESSION_REVOKED "session_revoked" Audit Info Info
        [session_id]
        "An operator revoked a session here.";
    USER_REVOKED "user_revoked" Audit Info Info
        [user_id]
        "An operator revoked every session of a user here.";
    REQUEST_AUTHENTICATED "request_authenticated" Request Trace Debug
        [outcome source user_id duration_seconds request_id]
        "A request has a signed-in user. In Node only with `traceRequests`.";
    REQUEST_ANONYMOUS "request_anonymous" Request Trace Debug
        [outcome source duration_seconds request_id]
        "A request has no credential. In Node only with `traceRequests`.";
    AUTHENTICATION_UNAVAILABLE "authentication_unavailable" Request Warn Warn
        [outcome code status endpoint source duration_seconds request_id]
        "A credential could not be checked; the answer is 503.";
    PERMISSIONS_UNAVAILABLE "permissions_unavailable" Request Warn Warn
        [outcome code status endpoint permission request_id]
        "The permissions of a user could not be read; the answer is 503.";
    PERMISSIONS_WITHOUT_SESSION "permissions_without_session" Request "a clone of a user keeps its session" Warn
        [code]
        "A copy of a user names no session to ask the Cloud with, and there is no `roleMapping`: it gets no permissions. Logged once a minute at most.";
    ERROR_PAGE_SHOWN "error_page_shown" Request Info "the server shows its own pages"
        [code reference request_id]
        "A browser was shown the page for an error.";
    CLOUD_CALL "cloud_call" Cloud Debug Debug
        [outcome operation endpoint status duration_seconds]
        "The Cloud answered a call.";
    CLOUD_CALL_FAILED "cloud_call_failed" Cloud Warn Debug
        [outcome operation endpoint duration_seconds]
        "A call to the Cloud got no answer; each retry is a call of its own.";
    UNEXPECTED_REJECTION "unexpected_rejection" Cloud Warn Warn
        [code status endpoint]
        "The Cloud refused with a status other than 401, 403 and 404, which points to the configuration.";
    KEY_SET_INVALID_ENTRIES "key_set_invalid_entries" Cloud Warn Warn
        [count]
        "Entries of the key set are not objects and are skipped; the rest is used.";
    KEY_SET_FETCH_FAILED "key_set_fetch_failed" Cloud Warn Warn
        [code status endpoint]
        "The key set could not be fetched or used; the last good one, if any, stays in use.";
    BACKGROUND_FAILED "background_failed" Cloud "the runtime reports a task that panics" Warn
        [code]
        "Work in the background failed inside of the addon.";
    REVOCATIONS_CONNECTED "revocations_connected" Revocations Info Info
        [stored new republished]
        "The revocation channel is connected, and all its stored entries are known. Without counts where only publishing had failed.";
    REVOCATIONS_DISCONNECTED "revocations_disconnected" Revocations Warn Warn
        [error]
        "The revocation channel was lost, or could not be reached at the start: revocations made elsewhere do not arrive here.";
    REVOCATIONS_RECONNECT_FAILED "revocations_reconnect_failed" Revocations Debug Debug
        [error]
        "The revocation channel is still disconnected.";
    REVOCATIONS_PUBLISHED "revocations_published" Revocations Debug Debug
        [count]
        "The channel took revocations made here.";
    REVOCATIONS_RECEIVED "revocations_received" Revocations Debug Debug
        [new lag_seconds]
        "Revocations made elsewhere arrived.";
    REVOCATIONS_UNREADABLE "revocations_unreadable" Revocations Warn Warn
        [count]
        "Entries of the channel are of another version, by a foreign publisher, or dated in the future. Once a minute at most, with all that arrived meanwhile.";
    REVOCATIONS_TRUNCATED "revocations_truncated" Revocations Warn Warn
        [count]
        "The channel stores more revocations than are read; this instance does not know the rest.";
    SESSIONS_NOT_SHARED "sessions_not_shared" Revocations Warn Warn
        [count]
        "Redis did not answer within a twelfth of the time-out of a call: a session that the Cloud replaces now may end on other instances. Once a minute at most, with the number since.";
    LAYER_MISSING "layer_missing" Setup Error "it is about the axum layer"
        [code]
        "A route asks for a user outside of the sign-in layer.";
    ROUTES_UNREACHABLE "routes_unreachable" Setup Error "it is about the axum layer"
        [code login_path]
        "The layer closes the page where browsers sign in: the sign-in routes stand under the layer, or nowhere.";
    PUBLIC_URL_LACKS_PREFIX "public_url_lacks_prefix" Setup Warn "it is about the axum layer"
        [code public_url login_path]
        "Browsers are sent to sign in from below a path that the public URL does not have. Once.";
    CLOCK_AHEAD "clock_ahead" Setup Warn Warn
        [code ahead_seconds]
        "The Cloud accepts a token that has expired by this machine's clock, which is ahead. Once a minute at most.";
    LOCAL_CLOUD_ALLOWED "local_cloud_allowed" Setup Warn "it is a warning of the process, for no logger is known yet"
        []
        "The option for tests allows a local Cloud, which checks no password.";
    SIGN_IN_NOT_KEPT "sign_in_not_kept" Setup Warn "it is a warning of the process, for a token source has no logger"
        [code]
        "A program refreshed its token, and the credentials file could not be written: this process alone holds the newer sign-in.";
    HTTP_CLIENT_REBUILD_FAILED "http_client_rebuild_failed" Setup Warn "`fetch` manages its own connections"
        [code]
        "Connections reached their maximum age, and no new HTTP client could be built.";
}

macro_rules! fields {
    ($($name:ident $kind:ident $meaning:literal;)*) => {
        /// Every field, in the order of the guide.
        pub const FIELDS: &[FieldInfo] = &[
            $(FieldInfo { name: stringify!($name), kind: stringify!($kind), meaning: $meaning },)*
        ];
    };
}

fields! {
    outcome text "The outcome, as the metric of the same thing labels it; `answered` for a call that the Cloud answered.";
    source source "Where the answer to an authentication came from, as in the metrics.";
    code text "The stable code of the error: one of this product, or the Cloud's own.";
    status number "The HTTP status.";
    operation text "The endpoint by its name, as in the metrics.";
    endpoint text "The path in the contract, with `{id}` for its variable part; `jwks` for a key set.";
    user_id text "The Cloud's id of the user.";
    session_id text "The Cloud's id of the session; not the token.";
    request_id text "The request's `x-request-id` if it has up to 64 letters, digits, `.`, `_` and `-`; Node makes one up if there is none.";
    reference text "The number on the error page that a person saw; absent in Node.";
    permission text "The permission that the route requires; absent in Node.";
    duration_seconds number "How long it took, in seconds, with a fraction.";
    lag_seconds number "How long before its arrival the last new revocation was made, in seconds, with a fraction.";
    ahead_seconds number "By how many whole seconds the clock is ahead, at least.";
    count number "How many entries or revocations.";
    stored number "How many entries the channel stored.";
    new number "How many entries said something new here.";
    republished number "How many live revocations the channel lacked and are published again.";
    error text "Why the channel is disconnected, as the channel words it; Node uses words of its own.";
    bytes number "The size that was too large, in bytes.";
    limit number "The largest size allowed, in bytes.";
    login_path text "The path where browsers sign in.";
    public_url text "The configured public URL.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_snake_case_and_meanings_are_sentences() {
        let mut seen = BTreeSet::new();
        let events = EVENTS.iter().map(|event| (event.name, event.meaning));
        for (name, meaning) in events.chain(FIELDS.iter().map(|field| (field.name, field.meaning)))
        {
            assert!(seen.insert(name), "{name} stands twice");
            let is_plain = name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            assert!(is_plain && meaning.ends_with('.'), "{name}");
        }
    }

    #[test]
    fn events_have_the_listed_fields_and_each_field_belongs_to_an_event() {
        let used: BTreeSet<&str> = EVENTS
            .iter()
            .flat_map(|event| event.fields)
            .copied()
            .collect();
        let listed: BTreeSet<&str> = FIELDS.iter().map(|field| field.name).collect();
        assert_eq!(used, listed);
        for event in EVENTS {
            for field in &listed {
                assert_eq!(
                    event.has(field),
                    event.fields.contains(field),
                    "{} {field}",
                    event.name
                );
            }
        }
    }

    #[test]
    fn every_event_is_emitted_and_node_knows_three_levels() {
        for event in EVENTS {
            let levels = [event.rust, event.node].map(|emitted| match emitted {
                Emitted::At(level) => Some(level),
                Emitted::Never(reason) => {
                    assert!(!reason.is_empty(), "{}", event.name);
                    None
                }
            });
            assert_ne!(levels, [None, None], "{}", event.name);
            let known = [
                None,
                Some(Level::Debug),
                Some(Level::Info),
                Some(Level::Warn),
            ];
            assert!(known.contains(&levels[1]), "{}", event.name);
        }
    }

    #[test]
    fn levels_and_targets_are_written_as_in_logs() {
        let event = EVENTS
            .iter()
            .find(|event| event.name == "signed_out")
            .unwrap();
        assert_eq!(event.level().map(Level::as_str), Some("INFO"));
        assert_eq!(event.target.as_str(), "mastra_auth::audit");
        let rust = Emitted::Never("a test");
        assert_eq!(EventInfo { rust, ..*event }.level(), None);
    }
}
