//! Matching against an exhaustive model: every grant and requirement over a small alphabet, checked by a reference that works
//! on lists of parts.

use proptest::prelude::*;

use super::*;

/// The same rules, as a walk over padded lists.
fn reference(grant: &str, required: &str) -> bool {
    fn list(text: &str) -> Option<Vec<String>> {
        let text = if text == "*" { "*:*" } else { text };
        let mut parts: Vec<String> = text.split(':').map(str::to_owned).collect();
        let bad = |part: &String| {
            part.is_empty() || part.contains(|c: char| c.is_whitespace() || c.is_control())
        };
        if parts.len() < 2 || parts.iter().any(bad) {
            return None;
        }
        parts.truncate(3);
        Some(parts)
    }
    let (Some(grant), Some(required)) = (list(grant), list(required)) else {
        return false;
    };
    grant.iter().enumerate().all(|(at, part)| {
        let Some(asked) = required.get(at) else {
            return false;
        };
        let is_wild = part == "*" && at < 2;
        let is_family = at == 0
            && part == "stored"
            && asked.starts_with("stored-")
            && asked.len() > "stored-".len();
        is_wild || is_family || part == asked
    })
}

/// All texts of one to four parts over the symbols.
fn texts(symbols: &[&str]) -> Vec<String> {
    let mut all: Vec<String> = symbols.iter().map(|symbol| (*symbol).to_owned()).collect();
    let mut last = all.clone();
    for _ in 1..4 {
        last = last
            .iter()
            .flat_map(|text| symbols.iter().map(move |symbol| format!("{text}:{symbol}")))
            .collect();
        all.extend(last.iter().cloned());
    }
    all
}

#[test]
fn threat_061_wildcards_are_segment_wise() {
    for symbols in [["a", "b", "*", ""], ["stored", "stored-a", "*", "storedx"]] {
        let all = texts(&symbols);
        assert_eq!(all.len(), 4 + 16 + 64 + 256);
        for grant in &all {
            for required in &all {
                assert_eq!(
                    matches(grant, required),
                    reference(grant, required),
                    "{grant} over {required}"
                );
            }
        }
    }
}

#[test]
fn the_documented_examples_hold() {
    for (grant, required, expect) in [
        ("*", "agents:read", true),
        ("*", "agents:read:x", true),
        ("*:*", "agents:read:x", true),
        ("agents:*", "agents:write", true),
        ("agents:*", "agents-x:write", false),
        ("*:read", "agents:read:x", true),
        ("*:read", "agents:write", false),
        ("agents:read", "agents:read:x", true),
        ("agents:read:x", "agents:read", false),
        ("agents:read:x", "agents:read:y", false),
        ("agents:*:x", "agents:write:x", true),
        ("agents:*:x", "agents:write", false),
        ("*:read:x", "tools:read:x", true),
        ("*:*:x", "tools:run:x", true),
        ("*:*:x", "tools:run:y", false),
        ("agents:read:*", "agents:read:x", false),
        ("agents:read:*", "agents:read:*", true),
        ("agents:read", "agents:*", false),
        ("agents:read", "*", false),
        ("agents:read", "*:*", false),
        ("agents:*", "agents:*", true),
        ("agents:*", "*", false),
        ("*:read", "*", false),
        ("*", "*", true),
        ("*:*", "*", true),
        ("*", "*:*", true),
        ("agents", "agents:read", false),
        ("*", "agents", false),
        ("a*:read", "agents:read", false),
        ("agents:re*", "agents:read", false),
        ("**", "agents:read", false),
        ("stored:read", "stored:read", true),
        ("stored:read", "stored-agents:read", true),
        ("stored:read", "stored-agents:read:x", true),
        ("stored:*", "stored-agents:write", true),
        ("stored:read:x", "stored-agents:read:x", true),
        ("stored:read", "stored-agents:write", false),
        ("stored:read", "storedx:read", false),
        ("stored:read", "stored-:read", false),
        ("stored:read", "Stored-agents:read", false),
        ("stored-agents:read", "stored:read", false),
        ("stored-agents:read", "stored-workflows:read", false),
        ("agents:read", "agents-x:read", false),
        ("agents:read:x:more", "agents:read:x", true),
        ("agents:read:x", "agents:read:x:more", true),
    ] {
        assert_eq!(matches(grant, required), expect, "{grant} over {required}");
    }
}

const MALFORMED: &[&str] = &[
    "",
    " ",
    "\t",
    "\u{a0}",
    ":",
    "::",
    ":::",
    "agents",
    "agents:",
    ":read",
    "agents::x",
    "agents:read:",
    ":agents:read",
    "agents:read:x:",
    "agents:read::x",
    "*:",
    ":*",
    "* ",
    " *",
    "**",
    "*\n",
    " agents:read",
    "agents:read ",
    "agents: read",
    "agents:read\0",
    "agents:\u{2003}read",
];

#[test]
fn threat_062_malformed_grants_grant_nothing() {
    let required = texts(&["agents", "read", "*", "x"]);
    for grant in MALFORMED {
        for required in required
            .iter()
            .map(String::as_str)
            .chain(MALFORMED.iter().copied())
        {
            assert!(!matches(grant, required), "{grant:?} over {required:?}");
        }
        assert!(Permission::parse(grant).is_err(), "{grant:?}");
    }
    for required in MALFORMED {
        for grant in ["*", "*:*", "agents:*", "*:read", required] {
            assert!(!matches(grant, required), "{grant:?} over {required:?}");
        }
    }
    let grants = Permissions::new(MALFORMED.iter().copied().chain(["agents:read", "*"]));
    assert_eq!(grants.malformed().collect::<Vec<_>>(), MALFORMED);
}

#[test]
fn threat_067_byte_exact_permissions() {
    for (grant, required) in [
        ("agents:read", "Agents:read"),
        ("agents:read", "agents:READ"),
        ("agents:read:x", "agents:read:X"),
        ("caf\u{e9}:read", "cafe\u{301}:read"),
        ("agents:read", "\u{430}gents:read"),
        ("agents:read", "agents:read\u{200b}"),
        ("agents:read", "agents\u{ff1a}read"),
        ("\u{ff0a}", "agents:read"),
        ("k:read", "\u{212a}:read"),
        ("agents:read", "%61gents:read"),
    ] {
        assert!(!matches(grant, required), "{grant} over {required}");
        assert!(!matches(required, grant), "{required} over {grant}");
    }
    assert!(matches("caf\u{e9}:read", "caf\u{e9}:read:\u{fc}"));
}

#[test]
fn lists_are_asked_for_all_or_any() {
    let grants = Permissions::new(["agents:read", "tools:*"]);
    assert!(grants.allows_all(["agents:read:x", "tools:run"]));
    assert!(!grants.allows_all(["agents:read", "agents:write"]));
    assert!(grants.allows_any(["agents:write", "tools:run"]));
    assert!(!grants.allows_any(["agents:write", "x:run"]));
    let none: [&str; 0] = [];
    assert!(grants.allows_all(none) && !grants.allows_any(none));
    let required = Permission::parse("agents:read").unwrap();
    assert_eq!(
        (required.as_str(), &*required.to_string()),
        ("agents:read", "agents:read")
    );
    assert!(grants.allows_all([required]) && !grants.is_empty());
    let nobody = Permissions::default();
    assert!(nobody.is_empty() && !nobody.allows("agents:read") && nobody.allows_all(none));
    assert_eq!(
        grants.iter().collect::<Vec<_>>(),
        ["agents:read", "tools:*"]
    );
    assert_eq!(
        grants,
        Permissions::new(vec!["agents:read".to_owned(), "tools:*".to_owned()])
    );
}

proptest! {
    #[test]
    fn matching_agrees_with_the_reference(grant in "[a*: é]{0,8}", required in "[a*: é]{0,8}") {
        prop_assert_eq!(matches(&grant, &required), reference(&grant, &required));
    }

    #[test]
    fn a_malformed_grant_never_widens(
        grants in proptest::collection::vec("[ab*:]{0,6}", 0..4), required in any::<String>(), small in "[ab*:]{0,6}",
    ) {
        let all = Permissions::new(grants.clone());
        let bad: Vec<&str> = all.malformed().collect();
        let good = Permissions::new(grants.iter().filter(|grant| !bad.contains(&grant.as_str())).cloned());
        for required in [&required, &small] {
            prop_assert_eq!(all.allows(required), good.allows(required));
            if Permission::parse(required).is_err() {
                prop_assert!(!all.allows(required));
            }
        }
    }
}
