//! The fuzz targets of `fuzz/`, over their committed inputs and a bounded number of mutations: they compile and hold on every
//! machine. The search for what breaks them is `cargo xtask fuzz`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    clippy::print_stderr,
    reason = "what a test does not expect fails it"
)]

#[path = "../../../fuzz/src/lib.rs"]
#[allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "a crate of its own over there"
)]
mod targets;

use targets::replay::replay;

#[test]
fn threat_098_no_token_ends_the_program() {
    replay("token", targets::tokens::token);
}

#[test]
fn no_edit_of_a_signed_token_is_accepted() {
    replay("jws", targets::tokens::jws);
}

#[test]
fn claims_say_the_same_to_a_second_reader() {
    replay("claims", targets::tokens::claims);
}

#[test]
fn threat_098_no_key_set_ends_the_program() {
    replay("key_set", targets::tokens::key_set);
}

#[test]
fn threat_098_no_json_ends_the_program() {
    replay("json", targets::json::json);
}

#[test]
fn threat_098_no_cookie_header_ends_the_program() {
    replay("cookie", targets::cookies::cookie);
}

#[test]
fn a_cookie_is_read_as_it_was_written() {
    replay("set_cookie", targets::cookies::set_cookie);
}

#[test]
fn threat_098_no_answer_ends_the_program() {
    replay("envelope", targets::answers::envelope);
}

#[test]
fn threat_098_no_problem_ends_the_program() {
    replay("problem", targets::answers::problem);
}

#[test]
fn an_address_leads_where_a_browser_takes_it() {
    replay("address", targets::addresses::address);
}

#[test]
fn no_return_path_leaves_the_origin() {
    replay("return_path", targets::addresses::return_path);
}

#[test]
fn a_state_comes_back_as_it_went_out() {
    replay("state", targets::addresses::state);
}

#[test]
fn threat_098_no_address_header_ends_the_program() {
    replay("site", targets::addresses::site);
}

#[test]
fn permissions_are_those_of_the_documented_table() {
    replay("permission", targets::permissions::permission);
}

#[test]
fn a_role_mapping_grants_what_it_says() {
    replay("roles", targets::permissions::roles);
}

#[test]
fn threat_098_no_revocation_ends_the_program() {
    replay("revocation", targets::revocations::revocation);
}

#[test]
fn a_set_in_redis_is_read_once_and_to_its_end() {
    replay("snapshot", targets::revocations::snapshot);
}
