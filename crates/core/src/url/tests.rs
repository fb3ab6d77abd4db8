//! Addresses against the shapes that attackers use to get past such checks.

use proptest::prelude::*;

use super::*;

const APP: &str = "https://app.example.com";

fn base(text: &str) -> Result<BaseUrl, &'static str> {
    BaseUrl::parse(text).map_err(|malformed| malformed.rule())
}

fn path(input: &str) -> String {
    ReturnPath::sanitize(input, Some(APP)).to_string()
}

/// Texts that every address rejects: WHATWG reads each of them as something the text does not say.
const REPAIRED: &[(&str, &str)] = &[
    ("", ABSOLUTE),
    ("app.example.com", ABSOLUTE),
    ("//app.example.com", ABSOLUTE),
    ("https:app.example.com", ABSOLUTE),
    ("https:/app.example.com", ABSOLUTE),
    ("https:///app.example.com", ABSOLUTE),
    ("https://", ABSOLUTE),
    ("https://?x", ABSOLUTE),
    ("https://:443", ABSOLUTE),
    ("https://a b.example.com", ABSOLUTE),
    ("https://app.example.com:99999", ABSOLUTE),
    ("ftp://app.example.com", ABSOLUTE),
    ("javascript://app.example.com", ABSOLUTE),
    ("data:text/html,x", ABSOLUTE),
    ("file:///etc/passwd", ABSOLUTE),
    ("https://app.example.com%2eevil.com%2f", ABSOLUTE),
    ("https://user@app.example.com", USER_INFO),
    ("https://user:pass@app.example.com", USER_INFO),
    ("https://:@app.example.com", USER_INFO),
    ("https://@app.example.com", USER_INFO),
    ("http://localhost@evil.com", USER_INFO),
    (" https://app.example.com", PLAIN),
    ("https://app.example.com ", PLAIN),
    ("https://app.example.com\u{a0}", PLAIN),
    ("https://app.exa\tmple.com", PLAIN),
    ("https://app.example.com\n", PLAIN),
    ("ht\r\ntps://app.example.com", PLAIN),
    ("https://app.example.com\0", PLAIN),
    ("https://app.example.com\u{7f}", PLAIN),
    ("https://app.example.com/\u{85}", PLAIN),
    ("https:\\\\app.example.com", PLAIN),
    ("https://app.example.com\\@evil.com", PLAIN),
];

#[test]
fn what_whatwg_would_repair_is_refused() {
    for (text, rule) in REPAIRED {
        assert_eq!(base(text), Err(*rule), "{text:?}");
        assert_eq!(
            PublicUrl::parse(text).map_err(|m| m.rule()),
            Err(*rule),
            "{text:?}"
        );
        assert_eq!(
            RedirectUri::parse(text).map_err(|m| m.rule()),
            Err(*rule),
            "{text:?}"
        );
    }
}

#[test]
fn plain_http_is_for_loopback_only() {
    for (host, good) in [
        ("localhost", true),
        ("LOCALHOST:4111", true),
        ("127.0.0.1", true),
        ("127.9.8.7:80", true),
        ("[::1]", true),
        ("[0:0:0:0:0:0:0:1]:1", true),
        ("2130706433", true),
        ("0x7f.1", true),
        ("0177.0.0.1", true),
        ("127.1", true),
        ("localhost.evil.com", false),
        ("127.0.0.1.evil.com", false),
        ("evil-localhost", false),
        ("localhost.", false),
        ("app.localhost", false),
        ("localhost.localdomain", false),
        ("128.0.0.1", false),
        ("126.255.255.255", false),
        ("0.0.0.0", false),
        ("[::]", false),
        ("[::2]", false),
        ("[::ffff:127.0.0.1]", false),
        ("10.0.0.1", false),
        ("169.254.169.254", false),
        ("2130706432.evil.com", false),
        ("app.example.com", false),
        ("xn--lcalhost-xyz", false),
    ] {
        let text = format!("http://{host}");
        assert_eq!(BaseUrl::parse(&text).is_ok(), good, "{text}");
        assert_eq!(PublicUrl::parse(&text).is_ok(), good, "{text}");
        if good {
            assert!(base(&text).unwrap().is_loopback(), "{text}");
            assert!(base(&format!("https://{host}")).unwrap().is_loopback());
        } else {
            assert!(matches!(base(&text), Err(SECURE | ABSOLUTE)), "{text}");
        }
    }
    assert!(!base("https://localhost.evil.com").unwrap().is_loopback());
}

#[test]
fn a_local_cloud_for_tests_is_in_a_closed_network() {
    let local = |text: &str| BaseUrl::of_local_cloud(text).map_err(|malformed| malformed.rule());
    for host in [
        "localhost",
        "127.0.0.1",
        "[::1]",
        "cloud",
        "cloud:4300",
        "10.1.2.3",
        "172.16.0.9:80",
        "192.168.1.7",
        "[fd00::1]",
        "host.docker.internal",
        "cloud.tests.svc.cluster.local",
        "cloud.test",
    ] {
        let base = local(&format!("http://{host}/below/")).unwrap();
        assert!(base.is_local(), "{host}");
        assert_eq!(local(&format!("https://{host}")), Err(CLOSED), "{host}");
    }
    for host in [
        "cloud.mastra.ai",
        "cloud.example.com",
        "cloud.",
        "local.evil.com",
        "8.8.8.8",
        "172.32.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "[2001:db8::1]",
        "[fe80::1]",
    ] {
        assert_eq!(local(&format!("http://{host}")), Err(CLOSED), "{host}");
    }
    assert_eq!(local("https://cloud.mastra.ai"), Err(CLOSED));
    assert_eq!(local("http://user@cloud"), Err(USER_INFO));
    assert!(local("http://cloud?x").is_err() && local("http://cloud#x").is_err());
    assert!(!base(APP).unwrap().is_local() && base("http://localhost").unwrap().is_local());
}

#[test]
fn a_base_url_is_joined_with_one_slash() {
    for (text, kept, joined) in [
        (
            "https://cloud.mastra.ai",
            "https://cloud.mastra.ai",
            "https://cloud.mastra.ai/a",
        ),
        (
            "https://cloud.mastra.ai/",
            "https://cloud.mastra.ai",
            "https://cloud.mastra.ai/a",
        ),
        (
            "HTTPS://Cloud.Mastra.AI:443//",
            "https://cloud.mastra.ai",
            "https://cloud.mastra.ai/a",
        ),
        (
            "https://h.example:8443/eu/v2//",
            "https://h.example:8443/eu/v2",
            "https://h.example:8443/eu/v2/a",
        ),
        (
            "https://h.example/a/../b/",
            "https://h.example/b",
            "https://h.example/b/a",
        ),
        (
            "https://bücher.example/",
            "https://xn--bcher-kva.example",
            "https://xn--bcher-kva.example/a",
        ),
    ] {
        let base = base(text).unwrap();
        assert_eq!(base.as_str(), kept);
        assert_eq!(base.to_string(), kept);
        for tail in ["a", "/a", "//a"] {
            assert_eq!(base.join(tail), joined);
        }
        assert_eq!(
            BaseUrl::parse(kept),
            Ok(base),
            "reading again changes nothing"
        );
    }
    assert_eq!(
        base("https://h.example:8443/eu").unwrap().origin(),
        "https://h.example:8443"
    );
    for text in [
        "https://h.example/?",
        "https://h.example?a=b",
        "https://h.example/#",
        "https://h.example#a",
    ] {
        assert_eq!(base(text), Err("hold no query or fragment"), "{text}");
    }
    let long = |length: usize| format!("https://h.example/{}", "a".repeat(length - 18));
    assert!(base(&long(MAX_URL_BYTES)).is_ok());
    assert_eq!(base(&long(MAX_URL_BYTES + 1)), Err(LONG));
}

#[test]
fn threat_055_exact_origin() {
    let app = PublicUrl::parse("https://App.Example.com:443/").unwrap();
    assert_eq!((app.origin(), app.is_secure()), (APP, true));
    assert_eq!(app.join("/agents"), "https://app.example.com/agents");
    assert!(app.is_same_origin(APP) && !app.is_loopback());
    for other in [
        "null",
        "",
        "*",
        "https://app.example.com/",
        "https://app.example.com:443",
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://app.example.com.evil.com",
        "https://evilapp.example.com",
        "https://x.app.example.com",
        "https://example.com",
        "https://APP.example.com",
        "https://app.example.com.",
        " https://app.example.com",
        "https://app.example.com https://evil.com",
        "https://app.example.com@evil.com",
        "app.example.com",
        "//app.example.com",
    ] {
        assert!(!app.is_same_origin(other), "{other}");
    }
    let local = PublicUrl::parse("http://localhost:4111").unwrap();
    assert_eq!(
        (local.origin(), local.is_secure()),
        ("http://localhost:4111", false)
    );
    assert!(!local.is_same_origin("http://127.0.0.1:4111") && local.is_loopback());
    for text in [
        "/.", "//", "/a/..", "/a//", "//a", "/a//b", "/a%2fb", "/a;b", "/a b", "/{a}", "/\u{e9}",
        "?", "#", "?a", "/?", "/#", "/a?b", "/a#b",
    ] {
        assert!(PublicUrl::parse(&format!("{APP}{text}")).is_err(), "{text}");
    }
}

#[test]
fn a_public_url_may_have_a_path() {
    for (text, path, home) in [
        ("", "", "/"),
        ("/", "", "/"),
        ("/app", "/app", "/app"),
        ("/app/", "/app", "/app"),
        ("/team-1/app_2.x~", "/team-1/app_2.x~", "/team-1/app_2.x~"),
    ] {
        let app = PublicUrl::parse(&format!("{APP}{text}")).unwrap();
        assert_eq!((app.origin(), app.path()), (APP, path), "{text}");
        assert_eq!(app.place("/"), home, "{text}");
        assert_eq!(app.join("/auth/me"), format!("{APP}{path}/auth/me"));
    }
    let app = PublicUrl::parse(&format!("{APP}/app")).unwrap();
    for (given, placed) in [
        ("/agents?a=/app#b", "/app/agents?a=/app#b"),
        ("/?a", "/app?a"),
        ("/#a", "/app#a"),
        ("/app", "/app"),
        ("/app/", "/app/"),
        ("/app?a", "/app?a"),
        ("/apples", "/app/apples"),
        ("/app2/x", "/app/app2/x"),
    ] {
        assert_eq!(app.place(given), placed, "{given}");
        assert_eq!(app.place(placed), placed, "and once is enough");
    }
}

#[test]
fn a_host_is_compared_as_browsers_do() {
    for (text, host, own) in [
        (APP, "app.example.com", true),
        (APP, "App.Example.com:443", true),
        (APP, "www.example.com", false),
        (APP, "app.example.com:80", false),
        ("http://localhost:4111", "localhost:4111", true),
        ("http://localhost:4111", "127.0.0.1:4111", false),
        ("http://localhost:4111", "[::1]:4111", false),
        ("http://localhost:4111", "localhost", false),
        // A text that is no host decides nothing.
        (APP, "", true),
        (APP, "a b", true),
        (APP, "[::1", true),
    ] {
        let app = PublicUrl::parse(text).unwrap();
        assert_eq!(app.is_reached_by(host), own, "{text} {host}");
    }
}

#[test]
fn a_redirect_uri_keeps_its_bytes() {
    for text in [
        "https://app.example.com",
        "HTTPS://App.Example.com:443/a/../b?c=d&e=%7E",
        "http://10.0.0.5:3000/cb",
    ] {
        let address = RedirectUri::parse(text).unwrap();
        assert_eq!((address.as_str(), &*address.to_string()), (text, text));
    }
    assert_eq!(
        RedirectUri::parse("HTTPS://App.Example.com:443/a")
            .unwrap()
            .origin(),
        APP
    );
    for (text, rule) in [
        ("https://app.example.com/cb#", "hold no fragment"),
        ("https://app.example.com/cb#x", "hold no fragment"),
        ("https://app.example.com/a b", "be visible ASCII"),
        ("https://bücher.example/", "be visible ASCII"),
    ] {
        assert_eq!(
            RedirectUri::parse(text).map_err(|m| m.rule()),
            Err(rule),
            "{text}"
        );
    }
    let long = |length: usize| format!("https://h.example/{}", "a".repeat(length - 18));
    assert!(RedirectUri::parse(&long(MAX_URL_BYTES)).is_ok());
    assert!(RedirectUri::parse(&long(MAX_URL_BYTES + 1)).is_err());
}

#[test]
fn threat_054_open_redirects() {
    for evil in [
        "//evil.com",
        "///evil.com",
        "////evil.com",
        "/\\evil.com",
        "\\\\evil.com",
        "\\/evil.com",
        "/\t/evil.com",
        "/\n/evil.com",
        "/\r/evil.com",
        "\t//evil.com",
        " //evil.com",
        "/%09/evil.com",
        "/%0a/evil.com",
        "/%0D/evil.com",
        "/%5cevil.com",
        "/%5Cevil.com",
        "/%2fevil.com",
        "/%2Fevil.com",
        "/a%5c..%5cevil",
        "/a%00b",
        "/a%7fb",
        "/%1f",
        "/.//evil.com",
        "/a/..//evil.com",
        "/%2e%2e//evil.com",
        "/%2e//evil.com",
        "/a/b/../..//evil.com",
        "/./%2fevil.com",
        "/a/..//",
        "//return-path.invalid/a",
        "//return-path.invalid.evil.com/a",
        "http:evil.com",
        "https:evil.com",
        "https:/evil.com",
        "https:///evil.com",
        "https://evil.com",
        "https://app.example.com.evil.com/",
        "https://app.example.com@evil.com/",
        "https://evil.com@app.example.com/",
        "https://app.example.com:8443/",
        "http://app.example.com/",
        "https://app.example.com//evil.com",
        "https://app.example.com/\\evil.com",
        "https://app.example.com/%2fevil.com",
        "https://app.example.com/.//evil.com",
        "https://app.example.com\\.evil.com",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "mailto:a@b",
        "blob:https://app.example.com/x",
        "file:///x",
        "evil.com",
        "agents",
        "",
        "?a",
        "#a",
        ".",
        "..",
        "@evil.com",
        "*",
        "/a\0",
        "/a\u{85}",
        "/a\u{7f}",
        "/a ",
        "https://app.example.com/a\n",
    ] {
        assert_eq!(path(evil), "/", "{evil:?}");
    }
    for (input, expect) in [
        ("/", "/"),
        ("/agents", "/agents"),
        ("/agents?x=//evil.com#y", "/agents?x=//evil.com#y"),
        ("/a//b", "/a//b"),
        ("/a/../b", "/b"),
        ("/a/%2e%2e/b", "/b"),
        ("/../..", "/"),
        ("/a b", "/a%20b"),
        ("/ü?ü#ü", "/%C3%BC?%C3%BC#%C3%BC"),
        ("/a%2fb", "/a%2fb"),
        ("/a?b=%5c%0a", "/a?b=%5c%0a"),
        ("/@evil.com", "/@evil.com"),
        ("/:80", "/:80"),
        ("/%", "/%"),
        ("/%5", "/%5"),
        ("/?", "/?"),
        ("/#", "/#"),
        ("/http://evil.com", "/http://evil.com"),
        ("https://app.example.com", "/"),
        ("https://app.example.com/a?b#c", "/a?b#c"),
        ("https://app.example.com?b", "/?b"),
        ("HTTPS://APP.example.com:443/a", "/a"),
    ] {
        assert_eq!(path(input), expect, "{input:?}");
    }
    assert_eq!(
        ReturnPath::sanitize("https://app.example.com/a", None),
        ReturnPath::default()
    );
    assert_eq!(
        ReturnPath::sanitize("https://app.example.com/a", Some("null")),
        ReturnPath::default()
    );
    assert_eq!(
        ReturnPath::sanitize("data:x", Some("null")),
        ReturnPath::default()
    );
}

#[test]
fn a_return_path_too_long_for_a_login_url_is_cut_and_says_so() {
    let long = |start: &str, bytes: usize| format!("{start}{}", "a".repeat(bytes));
    let letters = |count: usize| format!("/{}", "ü".repeat(count));
    // A slash, `?`, `=` and `#` take five bytes each, and so does each `%` of an encoded letter.
    for (input, expect, cut_from) in [
        (long("/", 6139), None, None),
        (long("/", 6140), Some("/"), Some(6145)),
        (long("/a?b=", 6127), None, None),
        (long("/a?b=", 6128), Some("/a"), Some(6145)),
        (long("/a?b#", 6128), Some("/a?b"), Some(6145)),
        (long("/a?b=#", 70_000), Some("/a?b="), Some(70_022)),
        (long(APP, 0) + &long("/a?b=", 6128), Some("/a"), Some(6145)),
        (long("/%2e%2e//evil.com?b=", 6128), Some("/"), None),
        // The input is limited, not only its result.
        (format!("/{}bbb", "a/../".repeat(1228)), Some("/bbb"), None),
        (
            format!("/{}b", "a/../".repeat(1300)),
            Some("/"),
            Some(16_906),
        ),
        (
            letters(438),
            Some(&*format!("/{}", "%C3%BC".repeat(438))),
            None,
        ),
        (letters(439), Some("/"), Some(6151)),
    ] {
        let found = ReturnPath::sanitize(&input, Some(APP));
        let shown = input.get(..9);
        assert_eq!(found.as_str(), expect.unwrap_or(&input), "{shown:?}");
        assert_eq!(found.cut_from(), cut_from, "{shown:?}");
    }
    let app = PublicUrl::parse("https://app.example.com/app").unwrap();
    let keys = KeySetUrl::parse("https://app.example.com/keys").unwrap();
    assert_eq!(keys.to_string(), "https://app.example.com/keys");
    assert_eq!(app.to_string(), "https://app.example.com/app");
    let placed = |input: &str| ReturnPath::sanitize(input, None).place(&app);
    let cut = placed(&long("/a?b=", 6128));
    assert_eq!((cut.as_str(), cut.cut_from()), ("/app/a", Some(6145)));
    let cut = placed(&long("/a?b=", 6127));
    assert_eq!((cut.as_str(), cut.cut_from()), ("/app/a", Some(6152)));
    // Where the path is too long only below the app's own, the app's front page is left, not that of the host.
    let cut = placed(&long("/", 6139));
    assert_eq!((cut.as_str(), cut.cut_from()), ("/app", Some(6152)));
}

fn stays_home(input: &str) -> Result<(), TestCaseError> {
    let clean = path(input);
    let read = Url::parse(APP).unwrap().join(&clean).unwrap();
    prop_assert_eq!(read.origin().ascii_serialization(), APP);
    prop_assert_eq!(read.as_str(), format!("{APP}{clean}"));
    prop_assert!(clean.bytes().all(|b| b.is_ascii_graphic() && b != b'\\'));
    prop_assert!(clean.starts_with('/') && !clean.starts_with("//"));
    prop_assert_eq!(path(&clean), clean);
    stays_on_this_machine(input)
}

fn stays_on_this_machine(input: &str) -> Result<(), TestCaseError> {
    const DESK: &str = "http://localhost:4111";
    let clean = ReturnPath::sanitize(input, Some(DESK));
    let read = Url::parse(DESK).unwrap().join(clean.as_str()).unwrap();
    prop_assert!(super::is_loopback(&read), "{clean}");
    prop_assert!(
        clean
            .as_str()
            .bytes()
            .all(|b| b.is_ascii_graphic() && b != b'\\')
    );
    prop_assert_eq!(ReturnPath::sanitize(clean.as_str(), Some(DESK)), clean);
    Ok(())
}

proptest! {
    #[test]
    fn threat_059_no_header_injection(input in any::<String>(), tail in any::<String>()) {
        stays_home(&input)?;
        stays_home(&format!("/{tail}"))?;
        stays_home(&format!("{APP}{tail}"))?;
    }

    #[test]
    fn every_return_path_stays_home(parts in proptest::collection::vec(proptest::sample::select(vec![
        "/", "\\", ".", "..", "%2e", "%2F", "%5c", "%0a", "\t", "\r\n", "@", ":", "?", "#", " ", "a", "evil.com", "https:", "http://", "localhost", "http://localhost:3000", "127.0.0.1",
        "https://app.example.com", "javascript:", "%", "%25", "ü", "\u{ff0f}", ";", "[", "\0",
    ]), 0..10)) {
        stays_home(&parts.concat())?;
    }
}

#[test]
fn a_cookie_domain_is_the_host_or_above_it() {
    for (origin, domain, good) in [
        ("https://app.example.com", "example.com", true),
        ("https://example.com", "example.com", true),
        ("https://app.example.com:8443", "app.example.com", true),
        ("https://app.example.com", "other.example", false),
        ("https://notexample.com", "example.com", false),
        ("https://example.com", "app.example.com", false),
        ("http://localhost:4111", "example.com", false),
        ("http://[::1]:4111", "example.com", false),
    ] {
        assert_eq!(takes_domain(origin, domain), good, "{origin} {domain}");
    }
}
