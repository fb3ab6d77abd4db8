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

use targets::replay::{FEW, MANY, replay};

#[test]
fn threat_098_no_token_ends_the_program() {
    replay("token", MANY, targets::tokens::token);
}

#[test]
fn no_edit_of_a_signed_token_is_accepted() {
    replay("jws", MANY, targets::tokens::jws);
}

#[test]
fn claims_say_the_same_to_a_second_reader() {
    replay("claims", MANY, targets::tokens::claims);
}

#[test]
fn threat_098_no_key_set_ends_the_program() {
    replay("key_set", MANY, targets::tokens::key_set);
}

#[test]
fn threat_098_no_json_ends_the_program() {
    replay("json", MANY, targets::json::json);
}

#[test]
fn threat_098_no_cookie_header_ends_the_program() {
    replay("cookie", MANY, targets::cookies::cookie);
}

#[test]
fn a_cookie_is_read_as_it_was_written() {
    replay("set_cookie", MANY, targets::cookies::set_cookie);
}

#[test]
fn threat_098_no_answer_ends_the_program() {
    replay("envelope", MANY, targets::answers::envelope);
}

#[test]
fn threat_098_no_problem_ends_the_program() {
    replay("problem", MANY, targets::answers::problem);
}

#[test]
fn an_address_leads_where_a_browser_takes_it() {
    replay("address", MANY, targets::addresses::address);
}

#[test]
fn no_return_path_leaves_the_origin() {
    replay("return_path", MANY, targets::addresses::return_path);
}

#[test]
fn a_state_comes_back_as_it_went_out() {
    replay("state", MANY, targets::addresses::state);
}

#[test]
fn threat_098_no_address_header_ends_the_program() {
    replay("site", MANY, targets::addresses::site);
}

#[test]
fn permissions_are_those_of_the_documented_table() {
    replay("permission", MANY, targets::permissions::permission);
}

#[test]
fn a_role_mapping_grants_what_it_says() {
    replay("roles", MANY, targets::permissions::roles);
}

#[test]
fn threat_098_no_revocation_ends_the_program() {
    replay("revocation", MANY, targets::revocations::revocation);
}

#[test]
fn a_set_in_redis_is_read_once_and_to_its_end() {
    replay("snapshot", MANY, targets::revocations::snapshot);
}

#[test]
fn a_request_is_signed_in_only_by_the_word_of_the_cloud_or_a_signature() {
    replay("authenticate", FEW, targets::requests::authenticate);
}

#[test]
fn a_callback_is_for_the_browser_that_began_its_sign_in() {
    replay("callback", FEW, targets::sign_in::callback);
}

#[test]
fn a_sealed_session_is_of_one_person_on_every_instance() {
    replay("sealed", FEW, targets::sealed::sealed);
}

#[test]
fn a_parameter_of_a_callback_counts_once() {
    replay("query", MANY, targets::sign_in::query);
}

#[test]
fn a_revocation_reaches_every_instance_whatever_is_lost_on_the_way() {
    replay("channel", FEW, targets::channel::channel);
}
