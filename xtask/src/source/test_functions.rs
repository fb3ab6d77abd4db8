//! Which functions of a file are tests that run.
//!
//! A test that is commented out or ignored is none: it guards nothing.

use anyhow::Result;
use proc_macro2::{TokenStream, TokenTree};

use super::attribute::Attribute;
use super::{Cursor, tokens};

/// The names of a file's tests, in order.
pub(crate) fn test_functions(text: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    read(tokens(text)?, &mut found);
    Ok(found)
}

fn read(stream: TokenStream, found: &mut Vec<String>) {
    let mut rest: Cursor = stream.into_iter().peekable();
    let mut attributes: Vec<Attribute> = Vec::new();
    while let Some(token) = rest.next() {
        match token {
            TokenTree::Punct(mark) if mark.as_char() == '#' => {
                attributes.extend(Attribute::after_hash(&mut rest));
            }
            TokenTree::Ident(word) if word == "fn" => {
                let runs = attributes.iter().any(Attribute::is_test)
                    && !attributes.iter().any(Attribute::is_ignore);
                if let (true, Some(TokenTree::Ident(name))) = (runs, rest.peek()) {
                    found.push(name.to_string());
                }
                attributes.clear();
            }
            // Items may stand in a macro call, as in `proptest! { ... }`.
            TokenTree::Group(group) => {
                attributes.clear();
                read(group.stream(), found);
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => attributes.clear(),
            // `pub`, `async` and so on stand between the attributes and `fn`.
            TokenTree::Ident(_) => {}
        }
    }
}
