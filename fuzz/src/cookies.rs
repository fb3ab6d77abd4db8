//! Cookies: the headers that browsers send, and those that they are sent.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use cookie::Cookie;
use mastra_auth_cloud_core::cookie::{
    CookieError, CookieOptions, CookieSpec, MAX_COOKIE_BYTES, MAX_HEADER_BYTES, MAX_SAME_NAME,
    Prefix, SameSite, Secure, SessionCookieOptions, SessionCookies, Stage, names_with_prefix,
    values,
};
use mastra_auth_cloud_core::dialect::Dialect;
use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::flow::authenticate::Credentials;
use mastra_auth_cloud_core::url::{Scheme, Site};

use super::addresses::APP;
use super::answers::config;
use super::script::Script;

const SITES: [Option<Site>; 5] = [
    None,
    Some(site(Scheme::Https, false)),
    Some(site(Scheme::Https, true)),
    Some(site(Scheme::LoopbackHttp, true)),
    Some(site(Scheme::Http, false)),
];
const STAGES: [Stage; 3] = [Stage::Production, Stage::Unknown, Stage::Desk];

const fn site(scheme: Scheme, has_port: bool) -> Site {
    Site { scheme, has_port }
}

/// Deployments that name their sessions each in another way, and what the names have in common.
static DEPLOYMENTS: LazyLock<[(Arc<Engine>, &str); 4]> = LazyLock::new(|| {
    let deployment = |dialect, name, change: fn(&mut SessionCookieOptions)| {
        let mut config = config(dialect);
        let mut options = SessionCookieOptions {
            dialect: Dialect::parse(dialect).unwrap(),
            ..SessionCookieOptions::default()
        };
        change(&mut options);
        config.cookie =
            SessionCookies::new(&options, &config.base_url, &config.project_id).unwrap();
        (Engine::new(config, Entropy::new([7; 32])), name)
    };
    [
        deployment("v1", "mastra_session", |_| {}),
        deployment("pkce", "mastra_session", |options| {
            options.stage = Stage::Desk;
        }),
        deployment("platform", "app", |options| {
            options.name = Some("app".to_owned());
        }),
        deployment("v1", "app", |options| {
            (options.name, options.domain) =
                (Some("app".to_owned()), Some("example.com".to_owned()));
        }),
    ]
});

/// The sessions in a `Cookie` header, in each deployment at each address: those of its names alone, its own among them.
fn sessions(header: &str) {
    let pairs: Vec<(&str, &str)> = header
        .split(';')
        .filter_map(|pair| pair.trim_matches([' ', '\t']).split_once('='))
        .collect();
    for ((engine, base), site) in DEPLOYMENTS
        .iter()
        .flat_map(|one| SITES.map(|site| (one, site)))
    {
        let own = engine.config().cookie.at(site).name();
        let is_prefixed = site.is_some() && own.starts_with("__Host-");
        let begin = if is_prefixed { "__Host-" } else { "" };
        let of = |name: &str| -> Vec<&str> {
            let all = pairs.iter().filter(|(own, _)| *own == name);
            all.map(|(_, value)| *value).collect()
        };
        let counts = |value: &str| {
            let mut named = pairs.iter().filter(|(_, own)| *own == value);
            named.any(|(name, _)| {
                let bare = name.strip_prefix("__Host-").unwrap_or(name);
                name.starts_with(begin) && bare.starts_with(base)
            })
        };
        for (token, cleared) in engine.ending_cookies(header, site) {
            assert!(counts(token.expose()));
            assert!(cleared.is_none_or(|cleared| !of(cleared.name()).is_empty()));
        }
        let read = Credentials::with_token(engine, None, None, Some(header), site);
        match (engine.session_cookies(header, site), read) {
            (Ok(found), Ok(read)) => {
                let found: Vec<&str> = found.collect();
                assert_eq!(read.is_empty(), found.iter().all(|value| value.is_empty()));
                assert!(found.iter().all(|value| counts(value)));
                let mut own = of(own).into_iter().take(MAX_SAME_NAME);
                assert!(own.all(|value| found.contains(&value)));
            }
            (Err(error), Err(_)) => {
                let is_long = header.len() > MAX_HEADER_BYTES;
                assert_eq!(error == CookieError::HeaderTooLarge, is_long, "{error}");
                assert!(is_long || pairs.len() > MAX_SAME_NAME);
            }
            (found, read) => panic!("{found:?} {read:?}"),
        }
    }
}

/// A `Cookie` header: the first line is the name that is looked for, the rest the header. Our two readers agree. So does the
/// crate `cookie` where neither has what it reads otherwise: it drops white space around a value, and quotes.
pub fn cookie(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (name, header) = text
        .split_once('\n')
        .unwrap_or(("__Host-mastra_session", &text));
    sessions(header);
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
    sent_there(&options, STAGES[script.below(3)], script.flag());
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

/// A session's cookie is one that browsers keep at the address it is for.
fn sent_there(options: &CookieOptions, stage: Stage, is_said: bool) {
    let config = config("v1");
    let options = SessionCookieOptions {
        name: Some(options.name.clone()).filter(|name| !name.is_empty()),
        secure: is_said.then_some(options.secure),
        prefix: options.prefix,
        same_site: options.same_site,
        domain: options.domain.clone(),
        path: options.path.clone(),
        stage,
        ..SessionCookieOptions::default()
    };
    let Ok(cookies) = SessionCookies::new(&options, &config.base_url, &config.project_id) else {
        return;
    };
    let domain = cookies.at(None).set("token", Duration::ZERO).unwrap();
    let domain = read(domain.expose()).domain().map(|own| format!(".{own}"));
    let is_above = domain
        .as_ref()
        .is_some_and(|own| ".app.example.com".ends_with(own));
    assert_eq!(cookies.is_shared_with(APP), is_above);
    assert_eq!(
        cookies.check_origin(APP).is_ok(),
        is_above || domain.is_none()
    );
    for site in SITES {
        let spec = cookies.at(site);
        let (set, cleared) = (spec.set("token", Duration::ZERO).unwrap(), spec.clear());
        let is_secure = read(set.expose()).secure() == Some(true);
        assert_eq!(read(cleared.expose()).secure() == Some(true), is_secure);
        let is_https = site.is_some_and(|site| site.scheme == Scheme::Https);
        assert!(is_said || !is_https || is_secure);
        assert!(is_secure || !spec.name().starts_with("__Host-"));
        assert!(format!("{set:?}").ends_with("=[redacted])"));
        assert_eq!(spec.is_strict(), options.same_site == SameSite::Strict);
    }
}

fn read(header: &str) -> Cookie<'_> {
    assert!(
        header.bytes().all(|byte| matches!(byte, b' '..=b'~')),
        "{header}"
    );
    Cookie::parse(header).unwrap()
}
