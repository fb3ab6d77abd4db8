//! The session cookie of a deployment: its name at each address, and which names count.

use super::*;
use crate::cookie::names::Values;
use crate::cookie::session::{SessionCookieOptions, SessionCookies, Stage};
use crate::ids::ProjectId;
use crate::url::{BaseUrl, PublicUrl, RedirectUri, Site};

const HTTPS: &str = "https://app.example.com";
const PORT: &str = "https://app.example.com:8443";
const DESK: &str = "http://localhost:4111";
const LAN: &str = "http://192.168.1.5:4111";

fn cookies(options: &SessionCookieOptions) -> SessionCookies {
    let base_url = BaseUrl::parse("https://cloud.mastra.ai").unwrap();
    SessionCookies::new(options, &base_url, &ProjectId::parse("demo").unwrap()).unwrap()
}

fn at_stage(stage: Stage) -> SessionCookies {
    cookies(&SessionCookieOptions {
        stage,
        ..SessionCookieOptions::default()
    })
}

fn site(address: &str) -> Site {
    RedirectUri::parse(address).unwrap().site()
}

fn own() -> String {
    let suffixed = at_stage(Stage::Unknown)
        .at(Some(site(DESK)))
        .name()
        .to_owned();
    assert_eq!(suffixed.len(), "mastra_session_12345678".len());
    suffixed
}

#[test]
fn the_address_decides_over_secure_prefix_and_suffix() {
    let own = own();
    let prefixed = format!("__Host-{own}");
    for stage in [Stage::Production, Stage::Unknown, Stage::Desk] {
        let cookies = at_stage(stage);
        for (address, expect) in [
            (HTTPS, "__Host-mastra_session"),
            (PORT, &prefixed),
            (DESK, &own),
            ("http://127.0.0.1:4111", &own),
            ("http://localhost", "mastra_session"),
            ("https://localhost:8443", &prefixed),
            (
                LAN,
                if stage == Stage::Desk {
                    &own
                } else {
                    &prefixed
                },
            ),
        ] {
            let spec = cookies.at(Some(site(address)));
            assert_eq!(spec.name(), expect, "{stage:?} {address}");
            assert_eq!(spec.is_secure(), expect.starts_with("__Host-"), "{address}");
        }
        let unknown = match stage {
            Stage::Production => "__Host-mastra_session",
            Stage::Unknown => &prefixed,
            Stage::Desk => &own,
        };
        assert_eq!(cookies.at(None).name(), unknown, "{stage:?}");
    }
    // A configured choice has precedence over the address.
    for (secure, name) in [(Secure::Yes, &prefixed), (Secure::No, &own)] {
        let cookies = cookies(&SessionCookieOptions {
            secure: Some(secure),
            ..SessionCookieOptions::default()
        });
        for address in [PORT, DESK] {
            assert_eq!(cookies.at(Some(site(address))).name(), name);
        }
    }
    let fixed = |url| {
        cookies(&SessionCookieOptions {
            site: Some(PublicUrl::parse(url).unwrap().site()),
            ..SessionCookieOptions::default()
        })
    };
    assert_eq!(
        fixed(HTTPS).at(Some(site(DESK))).name(),
        "__Host-mastra_session"
    );
    assert_eq!(fixed(DESK).at(Some(site(HTTPS))).name(), own);
}

/// At a public URL.
fn below(url: &str) -> SessionCookies {
    let url = PublicUrl::parse(url).unwrap();
    cookies(&SessionCookieOptions {
        path: url.path().to_owned(),
        site: Some(url.site()),
        ..SessionCookieOptions::default()
    })
}

#[test]
fn deployments_below_other_paths_have_names_of_their_own() {
    for (origin, root, prefix) in [
        (HTTPS, "__Host-mastra_session", "__Secure-"),
        (PORT, &*format!("__Host-{}", own()), "__Secure-"),
        (DESK, &*own(), ""),
        ("http://localhost", "mastra_session", ""),
    ] {
        let name = |path: &str| below(&format!("{origin}{path}")).at(None).name().to_owned();
        assert_eq!(name(""), root, "{origin}");
        let all = ["", "/app", "/app/two"].map(name);
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len(), "{all:?}");
        let form = format!("{prefix}{}", own());
        for name in &all[1..] {
            assert!(
                name.starts_with(&format!("{prefix}mastra_session_")),
                "{name}"
            );
            assert_eq!(name.len(), form.len(), "{name}");
        }
    }
}

#[test]
fn below_a_path_no_name_but_the_own_one_is_read() {
    for origin in [HTTPS, PORT, DESK, "http://localhost"] {
        let (root, app) = (below(origin), below(&format!("{origin}/app")));
        let name = |cookies: &SessionCookies| cookies.at(None).name().to_owned();
        let bare = "mastra_session=a; __Host-mastra_session=b; __Secure-mastra_session=c";
        let header = format!("{bare}; {}=root; {}=app", name(&root), name(&app));
        assert_eq!(tried(&app, &header, origin), ["app"], "{origin}");
        let others = tried(&root, &header, origin);
        assert!(others.iter().any(|value| value == "root"), "{others:?}");
        assert!(!others.iter().any(|value| value == "app"), "{others:?}");
        // A cookie set there is found there, and cleared under the same name.
        let set = app.at(None).clear();
        assert_eq!(set.name(), name(&app));
        assert!(set.expose().contains("; Path=/app"), "{origin}");
    }
}

#[test]
fn below_a_path_and_at_a_port_a_secure_name_has_the_suffix_and_is_read_again() {
    let below = |secure, site| SessionCookieOptions {
        path: "/app".to_owned(),
        secure,
        site,
        ..SessionCookieOptions::default()
    };
    for options in [
        below(None, Some(site(PORT))),
        below(Some(Secure::Yes), Some(site(PORT))),
        below(Some(Secure::Yes), None),
    ] {
        let cookies = cookies(&options);
        let spec = cookies.at(Some(site(PORT)));
        let name = spec.name();
        let suffix = name.strip_prefix("__Secure-mastra_session_").unwrap();
        assert_eq!(suffix.len(), "12345678".len());
        let set = spec.set("new", Duration::from_secs(60)).unwrap();
        assert!(set.expose().contains("; Path=/app; Secure;"), "{set:?}");
        // No name without the prefix counts, since a sibling subdomain can set it; nor do others' names below the same path.
        let header = format!(
            "mastra_session_{suffix}=tossed; __Secure-mastra_session=old; mastra_session=tossed; {name}=new; \
             __Secure-mastra_session_00000000=other"
        );
        assert_eq!(tried(&cookies, &header, PORT), ["new"]);
        let (kind, value) = cookies.names().all(header.as_bytes()).last().unwrap();
        assert_eq!(value, b"new");
        let cleared = cookies.clear(kind, Some(site(PORT)));
        assert!(cleared.expose().starts_with(&format!("{name}=; ")));
    }
    let base_url = BaseUrl::parse("https://cloud.mastra.ai").unwrap();
    let project = ProjectId::parse("demo").unwrap();
    let error = SessionCookies::new(&below(None, None), &base_url, &project).unwrap_err();
    assert_eq!(error.code(), "invalid_configuration");
}

#[test]
fn a_name_that_was_given_is_used_as_it_is() {
    for (name, https, desk) in [
        ("mine", "__Host-mine", "mine"),
        ("mastra_session", "__Host-mastra_session", "mastra_session"),
        // A name that must be Secure is so everywhere.
        ("__Secure-mine", "__Secure-mine", "__Secure-mine"),
        ("__Host-mine", "__Host-mine", "__Host-mine"),
    ] {
        let cookies = cookies(&SessionCookieOptions {
            name: Some(name.to_owned()),
            ..SessionCookieOptions::default()
        });
        assert_eq!(cookies.at(Some(site(PORT))).name(), https);
        assert_eq!(cookies.at(Some(site(DESK))).name(), desk);
        let header = format!("x{desk}=a; {desk}=b; {desk}_0=c");
        assert_eq!(tried(&cookies, &header, DESK), ["b"], "{name}");
    }
    let none = cookies(&SessionCookieOptions {
        same_site: SameSite::None,
        ..SessionCookieOptions::default()
    });
    assert!(
        none.at(Some(site(DESK))).is_secure(),
        "browsers keep no other"
    );
}

fn values_of<'h>(
    cookies: &SessionCookies,
    header: &'h str,
    address: Option<&str>,
) -> Result<Values<'h>, CookieError> {
    let counted = cookies.counted_now(address.map(site));
    cookies.names().values(header.as_bytes(), counted)
}

fn tried(cookies: &SessionCookies, header: &str, address: &str) -> Vec<String> {
    let found = values_of(cookies, header, Some(address)).unwrap();
    found.map(str::to_owned).collect()
}

#[test]
fn the_own_name_is_tried_before_the_one_that_ports_share() {
    let own = own();
    let cookies = at_stage(Stage::Unknown);
    let header =
        format!("mastra_session=old; {own}=new; mastra_session_00000000=other; __Host-{own}=https");
    assert_eq!(tried(&cookies, &header, DESK), ["new", "old", "https"]);
    assert_eq!(tried(&cookies, &header, HTTPS), ["https"]);
    let first = |header: &str, counted| {
        let found = cookies.names().first(header.as_bytes(), counted).unwrap();
        found.map(|value| String::from_utf8(value.to_vec()).unwrap())
    };
    assert_eq!(first(&header, Counted::Both).as_deref(), Some("new"));
    assert_eq!(
        first("mastra_session=old", Counted::Both).as_deref(),
        Some("old")
    );
    assert_eq!(
        first(&format!("mastra_session=old; {own}="), Counted::Both).as_deref(),
        Some("old")
    );

    // Too many under one name affect only that name's deployment.
    let many = |name: &str| format!("{name}=x; ").repeat(5);
    assert!(values_of(&cookies, &many(&own), Some(DESK)).is_err());
    assert!(values_of(&cookies, &many("mastra_session"), Some(DESK)).is_err());
    let both = format!("{}{own}=new", many("mastra_session"));
    assert_eq!(tried(&cookies, &both, DESK)[0], "new");
}

#[test]
fn threat_022_a_cookie_without_prefix_counts_only_on_this_machine() {
    let own = own();
    for stage in [Stage::Production, Stage::Unknown, Stage::Desk] {
        let cookies = at_stage(stage);
        for name in ["mastra_session", own.as_str()] {
            let tossed = format!("{name}=tossed");
            for address in [HTTPS, PORT, "https://localhost:8443"] {
                assert_eq!(
                    tried(&cookies, &tossed, address),
                    [""; 0],
                    "{stage:?} {address}"
                );
            }
            assert_eq!(tried(&cookies, &tossed, DESK), ["tossed"]);
            assert_eq!(
                tried(&cookies, &tossed, LAN).len(),
                usize::from(stage == Stage::Desk)
            );
            // Undecided until the address is known.
            assert_eq!(cookies.counted(None), Counted::Undecided);
            let names = cookies.names();
            assert!(names.first(tossed.as_bytes(), Counted::Undecided).is_err());
            let is_plain = stage == Stage::Desk;
            assert_eq!(
                values_of(&cookies, &tossed, None).unwrap().count(),
                usize::from(is_plain)
            );
        }
    }
    let said = cookies(&SessionCookieOptions {
        secure: Some(Secure::Yes),
        ..SessionCookieOptions::default()
    });
    assert_eq!(tried(&said, &format!("{own}=tossed"), DESK), [""; 0]);
}

#[test]
fn the_old_plugins_name_has_no_prefix_anywhere() {
    let old = cookies(&SessionCookieOptions {
        name: Some("mastra_cloud_session".to_owned()),
        prefix: Prefix::None,
        stage: Stage::Production,
        ..SessionCookieOptions::default()
    });
    let set = |address| old.at(Some(site(address))).clear().expose().to_owned();
    assert!(set(HTTPS).starts_with("mastra_cloud_session=; ") && set(HTTPS).contains("; Secure"));
    assert!(set(DESK).starts_with("mastra_cloud_session=; ") && !set(DESK).contains("; Secure"));
    for address in [HTTPS, DESK] {
        assert_eq!(tried(&old, "mastra_cloud_session=t", address), ["t"]);
        assert_eq!(old.counted(None), Counted::Unprefixed);
    }
}

proptest! {
    #[test]
    fn every_name_is_found_as_the_reference_finds_it(
        header in "([ab=; \t\u{a0}]|__Host-|mastra_session|_SUF)*",
    ) {
        let own = own();
        let header = header.replace("_SUF", own.strip_prefix("mastra_session").unwrap());
        let cookies = at_stage(Stage::Unknown);
        for (prefix, suffixed) in [("", false), ("", true), ("__Host-", false), ("__Host-", true)] {
            let name = if suffixed { own.as_str() } else { "mastra_session" };
            let expected = reference(&header, &format!("{prefix}{name}"));
            let found: Vec<_> = cookies.names().all(header.as_bytes())
                .filter(|(kind, _)| kind.is_prefixed != prefix.is_empty() && kind.is_suffixed == suffixed)
                .map(|(_, value)| core::str::from_utf8(value).unwrap())
                .collect();
            prop_assert_eq!(found, expected);
        }
    }
}

#[test]
fn a_domain_shares_the_cookie_with_its_own_hosts() {
    let domain = options("s", Secure::Yes, SameSite::Lax, Some("example.com"));
    let shared = SessionCookies::from(CookieSpec::new(domain).unwrap());
    for (origin, expect) in [
        (HTTPS, true),
        ("https://example.com", true),
        ("https://badexample.com", false),
        ("https://example.org", false),
    ] {
        assert_eq!(shared.is_shared_with(origin), expect, "{origin}");
        assert!(!at_stage(Stage::Unknown).is_shared_with(origin));
    }
}

#[test]
fn a_stage_is_production_or_not() {
    for (stage, expect) in [
        (Stage::Production, true),
        (Stage::Unknown, false),
        (Stage::Desk, false),
    ] {
        assert_eq!(at_stage(stage).is_production(), expect);
    }
}
