//! The list of events against the source: names hold still, every listed event is emitted with its fields, and none in another
//! way.
//!
//! An event or a field that is not listed does not compile. That each event comes from its cause is in `telemetry.rs`,
//! `renewal.rs` and `revocations.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use mastra_auth_cloud_core::events::{EVENTS, Emitted};

/// Every event of this crate: level, target, name, and the fields that it may have. Changing one breaks dashboards and alerts.
const PINNED: &str = "\
INFO mastra_auth::audit signed_in: outcome user_id session_id request_id
INFO mastra_auth::audit already_signed_in: code status user_id session_id request_id
WARN mastra_auth::audit sign_in_failed: outcome code status endpoint reference request_id
WARN mastra_auth::audit return_path_truncated: bytes limit
INFO mastra_auth::audit credential_rejected: outcome code status endpoint source duration_seconds request_id
INFO mastra_auth::audit permission_denied: code user_id permission request_id
WARN mastra_auth::audit cross_origin_rejected: code request_id
INFO mastra_auth::audit signed_out: outcome user_id session_id request_id
WARN mastra_auth::audit sign_out_not_confirmed: outcome code status endpoint user_id session_id request_id
INFO mastra_auth::audit session_refreshed: user_id session_id
DEBUG mastra_auth::audit session_token_unchanged: user_id session_id
INFO mastra_auth::audit session_refresh_rejected: code status endpoint
WARN mastra_auth::audit session_refresh_failed: code status endpoint
INFO mastra_auth::audit session_revoked: session_id
INFO mastra_auth::audit user_revoked: user_id
TRACE mastra_auth::request request_authenticated: outcome source user_id duration_seconds request_id
TRACE mastra_auth::request request_anonymous: outcome source duration_seconds request_id
WARN mastra_auth::request authentication_unavailable: outcome code status endpoint source duration_seconds request_id
WARN mastra_auth::request permissions_unavailable: outcome code status endpoint permission request_id
INFO mastra_auth::request error_page_shown: code reference request_id
DEBUG mastra_auth::cloud cloud_call: outcome operation endpoint status duration_seconds
WARN mastra_auth::cloud cloud_call_failed: outcome operation endpoint duration_seconds
WARN mastra_auth::cloud unexpected_rejection: code status endpoint
WARN mastra_auth::cloud key_set_invalid_entries: count
WARN mastra_auth::cloud key_set_fetch_failed: code status endpoint
INFO mastra_auth::revocations revocations_connected: stored new republished
WARN mastra_auth::revocations revocations_disconnected: error
DEBUG mastra_auth::revocations revocations_reconnect_failed: error
DEBUG mastra_auth::revocations revocations_published: count
DEBUG mastra_auth::revocations revocations_received: new lag_seconds
WARN mastra_auth::revocations revocations_unreadable: count
WARN mastra_auth::revocations revocations_truncated: count
WARN mastra_auth::revocations sessions_not_shared: count
ERROR mastra_auth::setup layer_missing: code
ERROR mastra_auth::setup routes_unreachable: code login_path
WARN mastra_auth::setup public_url_lacks_prefix: code public_url login_path
WARN mastra_auth::setup clock_ahead: code ahead_seconds
WARN mastra_auth::setup local_cloud_allowed: 
WARN mastra_auth::setup sign_in_not_kept: code
WARN mastra_auth::setup http_client_rebuild_failed: code
";

const OPEN: &str = "emit!(";

/// Every source file of the crate, with its text.
fn sources() -> Vec<(PathBuf, String)> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found
}

/// What stands between brackets that were opened just before, split at the commas that stand in no others.
fn arguments(text: &str) -> Vec<&str> {
    let (mut depth, mut quoted, mut begin) = (0_usize, false, 0);
    let mut found = Vec::new();
    for (at, letter) in text.char_indices() {
        match letter {
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' | '{' => depth += 1,
            ')' if depth == 0 => {
                found.push(text[begin..at].trim());
                found.retain(|argument| !argument.is_empty());
                return found;
            }
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(text[begin..at].trim());
                begin = at + 1;
            }
            _ => {}
        }
    }
    panic!("no end: {text}");
}

/// Every event that the source emits, by name, with all its fields.
fn emitted() -> BTreeMap<String, BTreeSet<String>> {
    let mut found = BTreeMap::<String, BTreeSet<String>>::new();
    for (_, text) in sources() {
        for (at, _) in text.match_indices(OPEN) {
            let [name, fields @ .., message] = &arguments(&text[at + OPEN.len()..])[..] else {
                panic!("{}", &text[at..]);
            };
            assert!(message.starts_with('"'), "{message}");
            let fields = fields
                .iter()
                .map(|field| field.split('=').next().unwrap().trim().to_owned());
            found.entry(name.to_lowercase()).or_default().extend(fields);
        }
    }
    found
}

#[test]
fn names_levels_and_fields_hold_still() {
    let lines = EVENTS.iter().filter_map(|event| {
        let (level, target, name) = (event.level()?, event.target.as_str(), event.name);
        let fields = event.fields.join(" ");
        Some(format!("{} {target} {name}: {fields}\n", level.as_str()))
    });
    assert_eq!(lines.collect::<String>(), PINNED);
}

#[test]
fn every_listed_event_is_emitted_with_every_field() {
    let listed = EVENTS
        .iter()
        .filter(|event| matches!(event.rust, Emitted::At(_)));
    let listed = listed.map(|event| {
        let fields = event.fields.iter().map(|field| (*field).to_owned());
        (event.name.to_owned(), fields.collect())
    });
    assert_eq!(emitted(), listed.collect::<BTreeMap<_, BTreeSet<_>>>());
}

#[test]
fn nothing_is_told_in_another_way() {
    for (path, text) in sources() {
        let names = ["trace", "debug", "info", "warn", "error", "event"];
        let calls = names.map(|name| text.matches(&format!("{name}!(")).count());
        let others: usize = calls.iter().sum();
        // The one call behind all of them.
        let expect = usize::from(path.ends_with("src/telemetry.rs"));
        assert_eq!(others, expect, "{}", path.display());
    }
}
