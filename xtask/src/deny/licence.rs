//! SPDX licence expressions: whether the accepted licences permit a crate.
//!
//! Parses `AND`, `OR`, `WITH`, brackets and the old `/` for `OR`. Knows nothing of licence texts.

use std::iter::Peekable;

/// Whether accepted licences alone satisfy an expression; `None` if it cannot be parsed.
pub(super) fn is_met(expression: &str, accepts: &impl Fn(&str) -> bool) -> Option<bool> {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    let met = any(&mut words, accepts)?;
    words.next().is_none().then_some(met)
}

fn any<'a>(
    words: &mut Peekable<impl Iterator<Item = &'a str>>,
    accepts: &impl Fn(&str) -> bool,
) -> Option<bool> {
    let mut met = all(words, accepts)?;
    while words.next_if_eq(&"OR").is_some() {
        met |= all(words, accepts)?;
    }
    Some(met)
}

fn all<'a>(
    words: &mut Peekable<impl Iterator<Item = &'a str>>,
    accepts: &impl Fn(&str) -> bool,
) -> Option<bool> {
    let mut met = one(words, accepts)?;
    while words.next_if_eq(&"AND").is_some() {
        met &= one(words, accepts)?;
    }
    Some(met)
}

fn one<'a>(
    words: &mut Peekable<impl Iterator<Item = &'a str>>,
    accepts: &impl Fn(&str) -> bool,
) -> Option<bool> {
    match words.next()? {
        "(" => {
            // A dynamic call ends the infinite type that direct recursion would make.
            let words: &mut Peekable<_> = words;
            let met = any(words, accepts)?;
            words.next_if_eq(&")")?;
            Some(met)
        }
        "AND" | "OR" | "WITH" | ")" => None,
        name => {
            // A licence with an exception is accepted only as that pair.
            let pair = words.next_if_eq(&"WITH").is_some().then(|| words.next());
            match pair {
                Some(exception) => Some(accepts(&format!("{name} WITH {}", exception?))),
                None => Some(accepts(name)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(expression: &str) -> Option<bool> {
        is_met(expression, &|name| {
            ["MIT", "Apache-2.0", "ISC", "X WITH y"].contains(&name)
        })
    }

    #[test]
    fn expressions_are_read_as_spdx_has_them() {
        for good in [
            "MIT",
            "GPL-3.0 OR MIT",
            "MIT/Apache-2.0",
            "(MIT OR GPL-3.0) AND ISC",
            "GPL-3.0 AND ISC OR MIT",
            "X WITH y",
        ] {
            assert_eq!(met(good), Some(true), "{good}");
        }
        for bad in [
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "MIT AND (GPL-3.0 OR LGPL-3.0)",
            "MIT WITH y",
            "X",
            "mit",
        ] {
            assert_eq!(met(bad), Some(false), "{bad}");
        }
        for broken in [
            "",
            "MIT OR",
            "(MIT",
            "MIT)",
            "MIT ISC",
            "AND MIT",
            "X WITH",
            "non-standard, see file",
        ] {
            assert_eq!(met(broken), None, "{broken}");
        }
    }
}
