//! The API over sockets, in both dialects: signing in, what a token is good for, and all that is refused.

mod codes;
mod keys;
mod people;
mod tokens;

use crate::desk::Answer;
use mastra_auth_local_cloud::Seed;

/// Two projects; the second one lists a way back of its own.
fn two_projects() -> Seed {
    Seed::from_toml(
        "[[projects]]\nid = \"demo\"\n[[projects]]\nid = \"shop\"\nredirect_uris = [\"https://shop.example/cb\"]\n",
    )
    .unwrap()
}

/// The user of a verify answer: `id` and `sub` are the same thing in two dialects.
fn who(answer: &Answer) -> (String, String) {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let user = answer.body.pointer("/data/user").unwrap_or(&answer.body);
    let id = user.get("id").or_else(|| user.get("sub")).unwrap();
    let role = user.get("role").unwrap_or_else(|| &user["roles"][0]);
    (id.as_str().unwrap().into(), role.as_str().unwrap().into())
}
