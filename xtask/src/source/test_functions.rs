//! The functions of a file that are tests and run.
//!
//! A test that is commented out or ignored does not count: it guards nothing.

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
            // A macro call may contain items, as in `proptest! { ... }`.
            TokenTree::Group(group) => {
                attributes.clear();
                read(group.stream(), found);
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => attributes.clear(),
            // `pub`, `async` and so on come between the attributes and `fn`.
            TokenTree::Ident(_) => {}
        }
    }
}
