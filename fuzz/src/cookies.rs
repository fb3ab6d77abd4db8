//! Cookies: the headers that browsers send, and those that they are sent.

use std::time::Duration;

use cookie::Cookie;
use mastra_auth_cloud_core::cookie::{
    CookieOptions, CookieSpec, MAX_COOKIE_BYTES, MAX_SAME_NAME, Prefix, SameSite, Secure,
    names_with_prefix, values,
};

use super::script::Script;

/// A `Cookie` header: the first line is the name that is looked for, the rest the header. Our two readers agree. So does the
/// crate `cookie` where neither has what it reads otherwise: it drops white space around a value, and quotes.
pub fn cookie(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (name, header) = text
        .split_once('\n')
        .unwrap_or(("__Host-mastra_session", &text));
    if name.is_empty() {
        return;
    }
    let Ok(named) = names_with_prefix(header, name) else {
        assert!(header.len() > 16 * 1024 && values(header, name).is_err());
        return;
    };
    let mut every = Vec::new();
    for (whole, value) in named {
        assert!(whole.starts_with(name) && header.contains(value) && !value.contains(';'));
        if whole == name {
            every.push(value);
        }
    }
    // A name with an equals sign in it is no cookie's; the two readers split such a pair elsewhere.
    if name.contains('=') {
        return;
    }
    match values(header, name) {
        Ok(found) => assert_eq!(found.collect::<Vec<_>>(), every),
        Err(_) => assert!(every.len() > MAX_SAME_NAME),
    }
    let is_plain = |c: char| c.is_ascii_graphic() && c != '"';
    if name.chars().all(is_plain) && header.chars().all(|c| is_plain(c) || c == ' ') {
        let other = Cookie::split_parse(header).filter_map(Result::ok);
        let other: Vec<String> = other
            .filter(|cookie| cookie.name() == name)
            .map(|cookie| cookie.value().to_owned())
            .collect();
        // A name is trimmed there on both sides of it, and here at the pair's ends.
        let every: Vec<&str> = every
            .into_iter()
            .map(|value| value.trim_matches(' '))
            .collect();
        if !header.contains(" =") {
            assert_eq!(every, other);
        }
    }
}

/// The options of a cookie, a value and a life. What is written is read by another reader as it was meant, browsers would keep
/// it, and its pair comes back as the value.
pub fn set_cookie(data: &[u8]) {
    let mut script = Script(data);
    let (name, value, domain, path) = (script.text(), script.text(), script.text(), script.text());
    let options = CookieOptions {
        name,
        secure: [Secure::Yes, Secure::No][script.below(2)],
        prefix: [Prefix::Host, Prefix::None][script.below(2)],
        same_site: [SameSite::Lax, SameSite::Strict, SameSite::None][script.below(3)],
        domain: Some(domain).filter(|domain| !domain.is_empty()),
        path,
    };
    let max_age = Duration::from_secs(u64::from(script.number()));
    let Ok(spec) = CookieSpec::new(options.clone()) else {
        return;
    };
    assert!(spec.name().ends_with(&options.name));
    let Ok(set) = spec.set(&value, max_age) else {
        return;
    };
    assert_eq!(spec.name(), set.name());
    assert!(spec.name().len() + value.len() <= MAX_COOKIE_BYTES);
    let (written, cleared) = (read(set.expose()), spec.clear());
    assert_eq!((written.name(), written.value()), (spec.name(), &*value));
    let seconds = i64::try_from(max_age.as_secs()).unwrap();
    assert_eq!(written.max_age().unwrap().whole_seconds(), seconds);
    let cleared = read(cleared.expose());
    assert_eq!((cleared.name(), cleared.value()), (spec.name(), ""));
    assert!(cleared.max_age().unwrap().is_zero() && cleared.expires().is_some());
    for cookie in [&written, &cleared] {
        let is_secure = options.secure == Secure::Yes;
        assert_eq!(cookie.http_only(), Some(true));
        assert_eq!(cookie.secure() == Some(true), is_secure);
        assert_eq!(
            cookie.same_site(),
            Some(match options.same_site {
                SameSite::Lax => cookie::SameSite::Lax,
                SameSite::Strict => cookie::SameSite::Strict,
                SameSite::None => cookie::SameSite::None,
            })
        );
        let path = if options.path.is_empty() {
            "/"
        } else {
            &options.path
        };
        assert_eq!(cookie.path(), Some(path));
        let domain = options
            .domain
            .as_deref()
            .map(|domain| domain.strip_prefix('.').unwrap_or(domain));
        assert_eq!(
            cookie.domain(),
            domain.map(str::to_ascii_lowercase).as_deref()
        );
        // RFC 6265bis section 5.7.
        let lower = cookie.name().to_ascii_lowercase();
        let prefixes = ["__host-", "__secure-", "__http-"];
        assert!(
            is_secure || !prefixes.iter().any(|prefix| lower.starts_with(prefix)),
            "{lower}"
        );
        assert!(is_secure || options.same_site != SameSite::None);
        assert!(!lower.starts_with("__host-") || domain.is_none() && path == "/");
    }
    if !written.name().starts_with("__Host-__Host-") {
        let header = format!("other=1; {}={value}; more=2", spec.name());
        let found: Vec<_> = values(&header, spec.name()).unwrap().collect();
        assert_eq!(found, [&*value]);
    }
}

fn read(header: &str) -> Cookie<'_> {
    assert!(
        header.bytes().all(|byte| matches!(byte, b' '..=b'~')),
        "{header}"
    );
    Cookie::parse(header).unwrap()
}
