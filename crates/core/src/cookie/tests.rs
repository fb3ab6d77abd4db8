//! Cookies against a reference tokenizer, written differently from the code.

mod jar;
mod session;

use core::time::Duration;

use proptest::prelude::*;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

fn found<'h>(header: &'h str, name: &str) -> Vec<&'h str> {
    values(header, name).unwrap().collect()
}

fn options(name: &str, secure: Secure, same_site: SameSite, domain: Option<&str>) -> CookieOptions {
    CookieOptions {
        name: name.to_owned(),
        secure,
        same_site,
        domain: domain.map(str::to_owned),
        path: String::new(),
        prefix: Prefix::Host,
    }
}

fn spec(name: &str, secure: Secure, domain: Option<&str>) -> CookieSpec {
    CookieSpec::new(options(name, secure, SameSite::Lax, domain)).unwrap()
}

fn refused(options: CookieOptions) -> String {
    let error = CookieSpec::new(options).unwrap_err();
    assert_eq!(error.code(), "invalid_configuration");
    error.message().to_owned()
}

/// An independent tokenizer: byte by byte, with indices.
fn reference<'h>(header: &'h str, name: &str) -> Vec<&'h str> {
    let bytes = header.as_bytes();
    let mut out = Vec::new();
    let mut start = 0;
    while start <= bytes.len() {
        let mut end = start;
        while end < bytes.len() && bytes[end] != b';' {
            end += 1;
        }
        let (mut from, mut to) = (start, end);
        while from < to && (bytes[from] == 0x20 || bytes[from] == 0x09) {
            from += 1;
        }
        while to > from && (bytes[to - 1] == 0x20 || bytes[to - 1] == 0x09) {
            to -= 1;
        }
        if let Some(at) = (from..to).find(|at| bytes[*at] == b'=')
            && at > from
            && bytes[from..at] == *name.as_bytes()
        {
            out.push(&header[at + 1..to]);
        }
        start = end + 1;
    }
    out
}

proptest! {
    #[test]
    fn reading_agrees_with_the_reference(header in "([ab=; \t\"%$,\u{a0}\u{2000}]|__Host-a|a=)*") {
        for name in ["a", "b", "__Host-a", "\"a", "$a"] {
            let expected = reference(&header, name);
            match values(&header, name) {
                Ok(found) => prop_assert_eq!(found.collect::<Vec<_>>(), expected),
                Err(error) => {
                    prop_assert_eq!(error, CookieError::TooMany);
                    prop_assert!(expected.len() > MAX_SAME_NAME);
                }
            }
        }
    }

    #[test]
    fn reading_never_fails_otherwise(header in any::<String>(), name in any::<String>()) {
        match values(&header, &name) {
            Ok(found) => prop_assert!(found.count() <= MAX_SAME_NAME),
            Err(error) => prop_assert!(error == CookieError::TooMany || header.len() > MAX_HEADER_BYTES),
        }
    }

    #[test]
    fn threat_059_no_header_injection(value in any::<String>(), name in any::<String>(), domain in any::<Option<String>>()) {
        let plain = |set: &SetCookie| set.expose().bytes().all(|b| b == b' ' || b.is_ascii_graphic());
        if let Ok(set) = spec("s", Secure::Yes, None).set(&value, HOUR) {
            prop_assert!(plain(&set));
            prop_assert_eq!(set.expose().matches(';').count(), 5);
        }
        if let Ok(spec) = CookieSpec::new(options(&name, Secure::Yes, SameSite::Lax, domain.as_deref())) {
            prop_assert!(plain(&spec.clear()));
        }
    }
}

#[test]
fn threat_021_cookie_name_confusion() {
    for header in [
        "xmastra_session=t",
        "mastra_session_x=t",
        "mastra_sessio=t",
        "Mastra_Session=t",
        "mastraXsession=t",
        "x=mastra_session=t",
        "mastra_session",
        "=mastra_session",
        "a=b mastra_session=t",
        "a=b,mastra_session=t",
        "mastra%5Fsession=t",
        "\"mastra_session\"=t",
        "mastra_session =t",
        "$mastra_session=t",
    ] {
        assert_eq!(found(header, "mastra_session"), [""; 0], "{header}");
    }
    for name in [
        ".*", "a.*b", "a+b", "a(b", "a)b", "a[b", "a]b", "a{b}", "a?b", "a\\b", "a b", "a\tb",
        "a=b", "a;b", "a,b", "a\"b", "a/b", "a:b", "a@b", "a<b", "a\r\nb", "a\0b", "ä", "",
    ] {
        if matches!(name, ".*" | "a.*b" | "a+b") {
            // Regex characters that HTTP allows in a token: accepted, and meant literally.
            let spec = spec(name, Secure::No, None);
            assert_eq!(
                found("aXXb=1; ab=2; aab=3; x=4", spec.name()),
                [""; 0],
                "{name}"
            );
            assert_eq!(
                found(&format!("x=1; {name}=2"), spec.name()),
                ["2"],
                "{name}"
            );
        } else {
            assert!(
                refused(CookieOptions {
                    name: name.to_owned(),
                    ..CookieOptions::default()
                })
                .contains("cookie name"),
                "{name:?}"
            );
        }
    }
    let named = |length| {
        CookieSpec::new(CookieOptions {
            name: "n".repeat(length),
            ..CookieOptions::default()
        })
    };
    assert!(named(64).is_ok());
    assert!(named(65).is_err());
}

#[test]
fn threat_023_cookie_prefix_forging() {
    let name = "__Host-mastra_session";
    for space in [
        "\u{2000}", "\u{85}", "\u{a0}", "\u{feff}", "\u{b}", "\u{c}", "\r", "\n", "\0",
    ] {
        for header in [
            format!("{space}{name}=t"),
            format!("{name}{space}=t"),
            format!("a=b;{space}{name}=t"),
        ] {
            assert_eq!(found(&header, name), [""; 0], "{header:?}");
        }
    }
    for header in [
        "__host-mastra_session=t",
        "__HOST-mastra_session=t",
        "mastra_session=t",
        "$Version=1,__Host-mastra_session=t",
    ] {
        assert_eq!(found(header, name), [""; 0], "{header}");
    }
    assert_eq!(
        found("$Version=1; __Host-mastra_session=t; $Path=/", name),
        ["t"]
    );
    assert_eq!(found(" \t__Host-mastra_session=t\t ;a=b", name), ["t"]);
    // Quotes and escapes are part of the value, and open no string that could swallow a neighbour.
    assert_eq!(
        found("a=\"x; __Host-mastra_session=\"t%3B\"; b=y\"", name),
        ["\"t%3B\""]
    );

    // A prefix in any letter case is the prefix: it is not added twice, and its rules hold.
    for name in [
        "__Host-s",
        "__host-s",
        "__HOST-s",
        "__Secure-s",
        "__secure-s",
        "__Http-s",
    ] {
        assert_eq!(spec(name, Secure::Yes, None).name(), name);
        assert!(refused(options(name, Secure::No, SameSite::Lax, None)).contains("cookie name"));
        let with_domain = CookieSpec::new(options(
            name,
            Secure::Yes,
            SameSite::Lax,
            Some("example.com"),
        ));
        assert_eq!(
            with_domain.is_err(),
            name.to_lowercase().starts_with("__host-"),
            "{name}"
        );
    }
    assert_eq!(spec("s", Secure::Yes, None).name(), "__Host-s");
    assert_eq!(spec("s", Secure::Yes, Some("example.com")).name(), "s");
    assert_eq!(spec("s", Secure::No, None).name(), "s");
    assert_eq!(spec("__Hos", Secure::No, None).name(), "__Hos");
}

#[test]
fn threat_024_malformed_neighbour_cookie() {
    let neighbours = [
        "%zz=%",
        "broken",
        "=x",
        ";",
        "a=\"",
        "b=\u{fffd}",
        "%E0%A4%A=1",
        "\\=",
        "{\"a\":1}",
        "==",
        " ",
    ];
    for one in neighbours {
        for other in neighbours {
            let header = format!("{one}; s=t; {other}");
            assert_eq!(found(&header, "s"), ["t"], "{header}");
        }
    }
    assert_eq!(found("s=1; s=2; s=; s=a=b", "s"), ["1", "2", "", "a=b"]);
    assert_eq!(
        values("s=1;s=2;s=3;s=4;s=5", "s").unwrap_err(),
        CookieError::TooMany
    );
    assert_eq!(found("s=1;s=2;s=3;s=4;t=5", "t"), ["5"]);

    let header = |length: usize| format!("s={}", "x".repeat(length - 2));
    assert!(values(&header(16_384), "s").is_ok());
    assert_eq!(
        values(&header(16_385), "s").unwrap_err(),
        CookieError::HeaderTooLarge
    );
    assert!(names_with_prefix(&header(MAX_HEADER_BYTES + 1), "s").is_err());
    let code = |error: CookieError| crate::error::CloudApiError::from(error).code().to_owned();
    assert_eq!(code(CookieError::TooMany), "too_many_cookies");
    assert_eq!(code(CookieError::HeaderTooLarge), "cookie_header_too_large");
}

#[test]
fn a_pair_without_a_name_is_no_cookie() {
    assert_eq!(found("=x; =; a=1", ""), [""; 0]);
    assert_eq!(
        names_with_prefix("=x; a=1", "")
            .unwrap()
            .collect::<Vec<_>>(),
        [("a", "1")]
    );
}

#[test]
fn prefixed_names_are_found_in_order() {
    let pairs: Vec<_> = names_with_prefix(
        "login_a=1; x=2; login_=3; Login_b=4; xlogin_c=5; login_d",
        "login_",
    )
    .unwrap()
    .collect();
    assert_eq!(pairs, [("login_a", "1"), ("login_", "3")]);
}

#[test]
fn attributes_are_written_in_one_order() {
    let lax = spec("s", Secure::Yes, None);
    assert_eq!(
        lax.set("t", HOUR).unwrap().expose(),
        "__Host-s=t; HttpOnly; SameSite=Lax; Path=/; Secure; Max-Age=3600"
    );
    assert_eq!(
        lax.clear().expose(),
        "__Host-s=; HttpOnly; SameSite=Lax; Path=/; Secure; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
    );
    let wide = CookieSpec::new(options(
        "s",
        Secure::Yes,
        SameSite::None,
        Some(".Example.COM"),
    ))
    .unwrap();
    assert_eq!(
        wide.set("t", HOUR).unwrap().expose(),
        "s=t; HttpOnly; SameSite=None; Path=/; Secure; Domain=example.com; Max-Age=3600"
    );
    let plain = CookieSpec::new(options("s", Secure::No, SameSite::Strict, None)).unwrap();
    assert_eq!(
        plain.set("t", HOUR).unwrap().expose(),
        "s=t; HttpOnly; SameSite=Strict; Path=/; Max-Age=3600"
    );
    assert!(!plain.is_secure() && wide.is_secure());
}

#[test]
fn a_login_cookie_survives_the_redirect() {
    for (session, login) in [
        (SameSite::Strict, "SameSite=Lax"),
        (SameSite::Lax, "SameSite=Lax"),
        (SameSite::None, "SameSite=None"),
    ] {
        let spec = CookieSpec::new(options("s", Secure::Yes, session, None)).unwrap();
        let sibling = spec.named("login_1").unwrap();
        assert_eq!(sibling.name(), "__Host-login_1");
        assert!(sibling.clear().expose().contains(login));
        assert!(spec.named("a b").is_err());
    }
    let wide = spec("s", Secure::Yes, Some("example.com"))
        .named("login_1")
        .unwrap();
    assert!(
        wide.clear().expose().starts_with("login_1=; ")
            && wide.clear().expose().contains("; Domain=example.com;")
    );
}

#[test]
fn a_domain_is_a_host_name() {
    for (domain, good) in [
        ("example.com", true),
        (".example.com", true),
        ("a-b.example.com", true),
        ("xn--bcher-kva.example", true),
        ("localhost", false),
        ("com", false),
        (".com", false),
        ("com.", false),
        ("1.example.com", true),
        ("", false),
        (".", false),
        ("..example.com", false),
        ("example.com.", false),
        ("example..com", false),
        ("-a.com", false),
        ("a-.com", false),
        ("a_b.com", false),
        ("bücher.example", false),
        ("a.com; Path=/x", false),
        ("a.com\r\n", false),
        ("a.com:443", false),
        ("a.com/", false),
        ("*.example.com", false),
        ("127.0.0.1", false),
        ("10.1", false),
        ("2130706433", false),
        ("0x7f.1", false),
        ("a.0x7f", false),
        ("[::1]", false),
        ("::1", false),
        ("user@example.com", false),
        (" example.com", false),
    ] {
        let result = CookieSpec::new(options("s", Secure::Yes, SameSite::Lax, Some(domain)));
        assert_eq!(result.is_ok(), good, "{domain}");
        if let Err(error) = result {
            assert!(error.message().contains("cookie domain"), "{domain}");
        }
    }
    let label = |length| {
        CookieSpec::new(options(
            "s",
            Secure::Yes,
            SameSite::Lax,
            Some(&format!("{}.com", "a".repeat(length))),
        ))
    };
    assert!(label(63).is_ok() && label(64).is_err());
    let whole = |count| {
        CookieSpec::new(options(
            "s",
            Secure::Yes,
            SameSite::Lax,
            Some(&format!("{}com", "a.".repeat(count))),
        ))
    };
    assert!(whole(125).is_ok() && whole(126).is_err());
}

#[test]
fn a_value_is_cookie_octets() {
    let spec = spec("s", Secure::Yes, None);
    for byte in 0..=127_u8 {
        let good = matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e);
        let result = spec.set(&char::from(byte).to_string(), HOUR);
        assert_eq!(result.is_ok(), good, "{byte:#x}");
        if let Err(error) = result {
            assert_eq!(error.code(), "invalid_argument");
        }
    }
    assert!(spec.set("ü", HOUR).is_err());
    assert!(spec.set("x\r\nSet-Cookie: a=b", HOUR).is_err());
}

#[test]
fn a_set_cookie_shows_its_name_only() {
    let set = spec("s", Secure::Yes, None).set("canary", HOUR).unwrap();
    assert_eq!(format!("{set:?}"), "SetCookie(__Host-s=[redacted])");
    assert_eq!(set.name(), "__Host-s");
    let found = values("s=canary", "s").unwrap();
    assert_eq!(format!("{found:?}"), "Values([redacted])");
}

#[test]
fn a_cookie_with_a_path_is_secure_and_not_for_the_whole_host() {
    let below = |name: &str, secure| {
        let mut options = options(name, secure, SameSite::Lax, None);
        options.path = "/app".to_owned();
        CookieSpec::new(options)
    };
    let spec = below("s", Secure::Yes).unwrap();
    assert_eq!(
        spec.set("v", Duration::from_secs(1)).unwrap().expose(),
        "__Secure-s=v; HttpOnly; SameSite=Lax; Path=/app; Secure; Max-Age=1"
    );
    assert!(spec.clear().expose().contains("; Path=/app; "));
    let login = spec.named("login").unwrap();
    assert_eq!(login.name(), "__Secure-login");
    assert!(login.clear().expose().contains("; Path=/app; "));
    assert_eq!(below("s", Secure::No).unwrap().name(), "s");
    assert!(below("__Host-s", Secure::Yes).is_err());
    for path in ["app", "/", "/a/", "/a;b", "/a b", "/a,b", "/../a"] {
        let mut options = options("s", Secure::Yes, SameSite::Lax, None);
        options.path = path.to_owned();
        assert!(CookieSpec::new(options).is_err(), "{path}");
    }
}

#[test]
fn only_a_strict_cookie_stays_away_from_what_another_site_began() {
    for (same_site, expect) in [(SameSite::Strict, true), (SameSite::Lax, false)] {
        let options = options("s", Secure::Yes, same_site, None);
        let spec = CookieSpec::new(options).unwrap();
        assert_eq!(spec.is_strict(), expect);
    }
}

#[test]
fn a_header_is_read_up_to_its_limits() {
    let names = names::Names::new("s", None);
    let long = |length: usize| format!("s=1;{}", " ".repeat(length - 4));
    for (header, good) in [
        (long(MAX_HEADER_BYTES), true),
        (long(MAX_HEADER_BYTES + 1), false),
        ("s=1;".repeat(MAX_SAME_NAME), true),
        ("s=1;".repeat(MAX_SAME_NAME + 1), false),
    ] {
        let bytes = header.as_bytes();
        assert_eq!(names.first(bytes, Counted::Unprefixed).is_ok(), good);
        assert_eq!(names.values(bytes, Counted::Unprefixed).is_ok(), good);
        let is_short = header.len() <= MAX_HEADER_BYTES;
        assert_eq!(names_with_prefix(&header, "s").is_ok(), is_short);
    }
}

#[test]
fn a_name_counts_where_its_prefix_is_asked_for() {
    let names = names::Names::new("s", None);
    for (header, is_prefixed) in [("s=1", false), ("__Host-s=1", true)] {
        assert_eq!(names.has_unprefixed(header.as_bytes()), !is_prefixed);
        let (kind, _) = names.all(header.as_bytes()).next().unwrap();
        assert_eq!(names.counts(kind, Counted::Prefixed), is_prefixed);
        assert_eq!(names.counts(kind, Counted::Unprefixed), !is_prefixed);
    }
    assert!(!names.has_unprefixed(b"t=1"));
}

#[test]
fn the_limits_of_a_header_are_named() {
    let names = [CookieError::TooMany, CookieError::HeaderTooLarge].map(|error| error.to_string());
    assert_eq!(
        names,
        [
            "more than 4 cookies have the name",
            "the Cookie header is over 16 KiB"
        ]
    );
}
