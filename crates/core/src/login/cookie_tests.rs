//! The login cookie: what it is bound to, field by field, and how many there may be.

use core::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::cookie::{CookieOptions, SameSite, Secure};
use crate::ids::ProjectId;
use crate::login::state::State;
use crate::url::BaseUrl;

const CALLBACK: &str = "https://app.example.com/api/auth/sso/callback";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const FIELDS: [&str; 7] = [
    "version", "created", "project", "cloud", "redirect", "verifier", "seal",
];

fn config() -> Config {
    Config::new(
        BaseUrl::parse("https://cloud.mastra.ai").unwrap(),
        ProjectId::parse("demo").unwrap(),
        CookieSpec::new(CookieOptions::default()).unwrap(),
    )
}

fn state(text: &str) -> State {
    State::parse(text, None).unwrap()
}

fn at(seconds: i64) -> Now {
    Now {
        wall: Timestamp::from_unix_seconds(1_769_594_400 + seconds),
        monotonic: Duration::from_secs(7),
    }
}

fn value(config: &Config, state_text: &str) -> String {
    let redirect_uri = RedirectUri::parse(CALLBACK).unwrap();
    let verifier = Verifier::parse(VERIFIER).unwrap();
    let value = write(
        config,
        &redirect_uri,
        state(state_text).id(),
        &verifier,
        at(0),
    );
    value.to_string()
}

fn name(config: &Config, state_text: &str) -> String {
    spec(config, state(state_text).id(), None)
        .unwrap()
        .name()
        .to_owned()
}

fn header(config: &Config, state_text: &str, value: &str) -> String {
    format!("{}={value}", name(config, state_text))
}

fn code(
    config: &Config,
    header: &str,
    state_text: &str,
    now: Now,
) -> Result<(String, String), String> {
    read(config, header, state(state_text).id(), now, |_| false)
        .map(|opened| {
            (
                opened.redirect_uri.as_str().to_owned(),
                opened.verifier.expose().to_owned(),
            )
        })
        .map_err(|error| error.code().to_owned())
}

fn refused(text: &str) -> Result<(String, String), String> {
    Err(text.to_owned())
}

fn opened() -> (String, String) {
    (CALLBACK.to_owned(), VERIFIER.to_owned())
}

#[test]
fn what_was_written_is_read_by_any_instance() {
    let (one, other) = (config(), config());
    let cookie = header(&one, "s1", &value(&one, "s1"));
    assert_eq!(code(&other, &cookie, "s1", at(1)), Ok(opened()));
    assert_eq!(
        code(&other, &format!("a=b; {cookie}; c=d"), "s1|%2Fx", at(1)),
        Ok(opened())
    );
}

#[test]
fn the_cookie_is_named_after_the_state_and_kept_to_the_host() {
    let config = config();
    let (one, other) = (name(&config, "s1"), name(&config, "s2"));
    assert_ne!(one, other);
    let tag = one.strip_prefix("__Host-mastra_login_").unwrap();
    assert!(tag.len() == 16 && !one.contains("s1"));
    assert_eq!(name(&config, "s1|%2Fagents"), one, "the path is no part");
}

#[test]
fn a_strict_session_cookie_has_a_lax_login_cookie() {
    let mut config = config();
    config.cookie = (CookieSpec::new(CookieOptions {
        same_site: SameSite::Strict,
        ..CookieOptions::default()
    })
    .unwrap())
    .into();
    let cookie = spec(&config, state("s").id(), None).unwrap().clear();
    assert!(cookie.expose().contains("SameSite=Lax"));
}

#[test]
fn threat_040_a_sign_in_is_finished_by_the_browser_that_began_it() {
    let config = config();
    let mine = header(&config, "mine", &value(&config, "mine"));
    let yours = header(&config, "yours", &value(&config, "yours"));
    assert_eq!(code(&config, &mine, "mine", at(1)), Ok(opened()));
    assert_eq!(
        code(&config, &mine, "yours", at(1)),
        refused("state_mismatch")
    );
    assert_eq!(
        code(&config, &yours, "mine", at(1)),
        refused("state_mismatch")
    );
    for nothing in [
        "",
        "mastra_session=t",
        "xmastra_login_0000000000000000=1",
        "mastra_login_0000000000000000=1",
        "__host-mastra_login_0000000000000000=1",
    ] {
        assert_eq!(
            code(&config, nothing, "mine", at(1)),
            refused("login_cookie_missing"),
            "{nothing}"
        );
    }
    // A genuine cookie under the other login's name lacks the other login's seal.
    let renamed = header(&config, "yours", &value(&config, "mine"));
    assert_eq!(
        code(&config, &renamed, "yours", at(1)),
        refused("state_mismatch")
    );
}

#[test]
fn threat_041_no_field_can_be_another_logins() {
    let config = config();
    let mine = value(&config, "mine");
    let mut elsewhere = config.clone();
    elsewhere.project_id = ProjectId::parse("other").unwrap();
    elsewhere.base_url = BaseUrl::parse("https://cloud.example").unwrap();
    let other = write(
        &elsewhere,
        &RedirectUri::parse("https://evil.example/cb").unwrap(),
        state("other").id(),
        &Verifier::parse(&"v".repeat(43)).unwrap(),
        at(60),
    );
    let mine: Vec<&str> = mine.split('.').collect();
    let other: Vec<&str> = other.split('.').collect();
    assert_eq!((mine.len(), other.len()), (FIELDS.len(), FIELDS.len()));
    // Every mix of the two except the unchanged one. The version is the same in both.
    for mix in 1..1_u32 << FIELDS.len() {
        let mixed: Vec<&str> = (0..FIELDS.len())
            .map(|field| {
                if mix & (1 << field) == 0 {
                    mine[field]
                } else {
                    other[field]
                }
            })
            .collect();
        if mixed == mine {
            continue;
        }
        let cookie = header(&config, "mine", &mixed.join("."));
        assert_eq!(
            code(&config, &cookie, "mine", at(61)),
            refused("state_mismatch"),
            "{mix:b}"
        );
    }
}

#[test]
fn every_change_of_a_character_is_noticed() {
    let config = config();
    let mine = value(&config, "mine");
    for at_byte in 0..mine.len() {
        for new in ["A", "0", "-", ".", "", "=", "+", "2", "%2E"] {
            let changed = format!("{}{new}{}", &mine[..at_byte], &mine[at_byte + 1..]);
            if changed == mine {
                continue;
            }
            let cookie = header(&config, "mine", &changed);
            assert_eq!(
                code(&config, &cookie, "mine", at(1)),
                refused("state_mismatch"),
                "{changed}"
            );
        }
    }
    for changed in [
        String::new(),
        "1".to_owned(),
        format!("{mine}."),
        format!("{mine}.x"),
        mine.repeat(2),
        mine.to_uppercase(),
    ] {
        let cookie = header(&config, "mine", &changed);
        assert_eq!(
            code(&config, &cookie, "mine", at(1)),
            refused("state_mismatch")
        );
    }
}

#[test]
fn a_login_of_another_project_is_not_finished_here() {
    let config = config();
    let mut other = config.clone();
    other.project_id = ProjectId::parse("other").unwrap();
    let cookie = header(&config, "s", &value(&config, "s"));
    assert_eq!(
        code(&other, &cookie, "s", at(1)),
        refused("project_mismatch")
    );
}

#[test]
fn threat_045_a_login_at_another_cloud_is_not_finished_here() {
    let config = config();
    let mut other = config.clone();
    let cookie = header(&config, "s", &value(&config, "s"));
    for cloud in [
        "https://staging.mastra.ai",
        "https://cloud.mastra.ai/eu",
        "https://cloud.mastra.ai:8443",
    ] {
        other.base_url = BaseUrl::parse(cloud).unwrap();
        assert_eq!(code(&other, &cookie, "s", at(1)), refused("cloud_mismatch"));
    }
    other.base_url = BaseUrl::parse("https://CLOUD.mastra.ai:443/").unwrap();
    assert_eq!(code(&other, &cookie, "s", at(1)), Ok(opened()), "the same");
}

#[test]
fn a_login_lasts_as_long_as_it_may() {
    let config = config();
    let cookie = header(&config, "s", &value(&config, "s"));
    for (seconds, expect) in [
        (0, Ok(opened())),
        (300, Ok(opened())),
        (301, refused("login_expired")),
        (i64::MAX / 4000, refused("login_expired")),
    ] {
        assert_eq!(
            code(&config, &cookie, "s", at(seconds)),
            expect,
            "{seconds}"
        );
    }
    assert_eq!(
        code(&config, &cookie, "s", at(-3600)),
        Ok(opened()),
        "begun by an instance whose clock is ahead"
    );
}

#[test]
fn among_several_of_one_name_ours_is_found() {
    let config = config();
    let forged = header(&config, "s", "1.0.a.b.c.d.e");
    let ours = header(&config, "s", &value(&config, "s"));
    let with = |before: usize| format!("{}{ours}", format!("{forged}; ").repeat(before));
    assert_eq!(
        code(&config, &with(MAX_PENDING - 1), "s", at(1)),
        Ok(opened())
    );
    assert_eq!(
        code(&config, &with(MAX_PENDING), "s", at(1)),
        refused("state_mismatch"),
        "no more are tried"
    );
}

#[test]
fn a_header_over_the_cap_is_not_read() {
    let config = config();
    let long = "x".repeat(crate::cookie::MAX_HEADER_BYTES + 1);
    assert_eq!(
        code(&config, &long, "s", at(1)),
        refused("cookie_header_too_large")
    );
    assert_eq!(
        overdue(&config, &long).unwrap_err().code(),
        "cookie_header_too_large"
    );
}

fn pending_header(ages: &[i64]) -> String {
    let cookies: Vec<String> = ages
        .iter()
        .map(|created| format!("__Host-mastra_login_{created:016x}=1.{created}.p.c.r.v.s"))
        .collect();
    cookies.join("; ")
}

fn overdue_names(config: &Config, header: &str) -> Vec<String> {
    let specs = overdue(config, header).unwrap();
    specs.iter().map(|spec| spec.name().to_owned()).collect()
}

#[test]
fn the_oldest_logins_give_way_so_that_eight_are_under_way() {
    let config = config();
    for count in 0..=7_i64 {
        let ages: Vec<i64> = (0..count).collect();
        assert!(overdue_names(&config, &pending_header(&ages)).is_empty());
    }
    let names = |ages: &[i64]| -> Vec<String> {
        ages.iter()
            .map(|age| format!("__Host-mastra_login_{age:016x}"))
            .collect()
    };
    assert_eq!(
        overdue_names(&config, &pending_header(&[4, 2, 3, 1, 8, 7, 6, 5])),
        names(&[1])
    );
    assert_eq!(
        overdue_names(
            &config,
            &pending_header(&[9, 4, 8, 2, 3, 7, 11, 12, 13, 14])
        ),
        names(&[2, 3, 4])
    );
}

#[test]
fn cookies_that_only_look_like_a_login_do_not_stop_one() {
    let config = config();
    for odd in [
        String::new(),
        "x".repeat(100),
        "ä".to_owned(),
        "(a)".to_owned(),
        "0123456789ABCDEF".to_owned(),
        "0123456789abcdef0".to_owned(),
    ] {
        let odd = format!("__Host-mastra_login_{odd}=1.0.x");
        let header = format!(
            "{odd}; {odd}; {odd}; {odd}; {}",
            pending_header(&[1, 2, 3, 4, 5, 6, 7])
        );
        assert!(overdue_names(&config, &header).is_empty(), "{odd}");
        assert_eq!(
            code(&config, &odd, "s", at(1)),
            refused("login_cookie_missing")
        );
    }
}

#[test]
fn one_login_cookie_that_came_twice_is_one_login() {
    let config = config();
    let header = format!("{0}; {0}", pending_header(&[1, 2, 3, 4, 5, 6, 7]));
    assert!(overdue_names(&config, &header).is_empty());
}

#[test]
fn without_secure_the_name_has_no_prefix() {
    let mut config = config();
    config.cookie = (CookieSpec::new(CookieOptions {
        secure: Secure::No,
        ..CookieOptions::default()
    })
    .unwrap())
    .into();
    assert!(name(&config, "s").starts_with("mastra_login_"));
    let header = pending_header(&[8, 7, 6, 5, 4, 3, 2, 1]).replace("__Host-", "");
    assert_eq!(
        overdue_names(&config, &header),
        ["mastra_login_0000000000000001"]
    );
    let ours = self::header(&config, "s", &value(&config, "s"));
    assert_eq!(code(&config, &ours, "s", at(1)), Ok(opened()));
}

proptest! {
    #[test]
    fn any_login_is_read_back(
        id in "[!-{}~]{1,256}",
        path in "[a-z0-9/_.~%-]{0,200}",
        verifier in "[A-Za-z0-9_~-]{43,128}",
        seconds in -10_000_000_000_i64..10_000_000_000,
    ) {
        let config = config();
        let state = state(&id);
        let redirect_uri = RedirectUri::parse(&format!("https://app.example.com/{path}")).unwrap();
        let verifier = Verifier::parse(&verifier).unwrap();
        let value = write(&config, &redirect_uri, state.id(), &verifier, at(seconds));
        let header = format!("{}={}", spec(&config, state.id(), None).unwrap().name(), *value);
        let opened = read(&config, &header, state.id(), at(seconds), |_| false).unwrap();
        prop_assert_eq!(opened.redirect_uri, redirect_uri);
        prop_assert_eq!(opened.verifier.expose(), verifier.expose());
    }

    #[test]
    fn threat_098_any_cookie_is_an_error(value in "\\PC{0,200}|[0-9A-Za-z._-]{0,200}") {
        let config = config();
        let cookie = header(&config, "s", &value);
        prop_assert!(code(&config, &cookie, "s", at(1)).is_err());
        prop_assert!(overdue(&config, &cookie).is_ok());
    }
}
