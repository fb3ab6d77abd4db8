//! The cache: for how long, how much, and which entry wins.

use proptest::prelude::*;
use serde_json::json;

use super::revoke::tests::two_people;
use super::*;
use crate::cloud::model::CloudUser;
use crate::config::Config;
use crate::cookie::{CookieOptions, CookieSpec};
use crate::error::{CloudApiError, Code};
use crate::ids::ProjectId;
use crate::json::Object;
use crate::secret::SessionToken;
use crate::url::BaseUrl;

pub(super) const START: i64 = 1_769_594_400;

fn config() -> Config {
    Config::new(
        BaseUrl::parse("https://cloud.mastra.ai").unwrap(),
        ProjectId::parse("demo").unwrap(),
        CookieSpec::new(CookieOptions::default()).unwrap(),
    )
}

fn policy(capacity: usize) -> Policy {
    Policy {
        max_entries: capacity,
        refresh_early: Duration::ZERO,
        ..Policy::default()
    }
}

pub(super) fn cache() -> Cache {
    Cache::new(&policy(1000), &Verification::Cloud, 42)
}

pub(super) fn at(seconds: f64) -> Now {
    Now {
        wall: Timestamp::from_unix_seconds(START),
        monotonic: Duration::ZERO,
    }
    .plus(Duration::from_secs_f64(seconds))
}

pub(super) fn key(token: &str) -> TokenDigest {
    TokenDigest::new(&config(), token)
}

fn identity(token: &str, expires_at: Option<i64>) -> Identity {
    let user = json!({ "id": token, "email": "", "created_at": 0 });
    let user = CloudUser::read(
        Object::new(&user, "user").unwrap(),
        SessionToken::parse(token).unwrap(),
    )
    .unwrap();
    let expires_at = expires_at.map(|after| Timestamp::from_unix_seconds(START + after));
    Identity::new(key(token), user, None, expires_at)
}

fn refusal() -> Refusal {
    Refusal::token(CloudApiError::new(Code::InvalidToken))
}

pub(super) fn asked() -> UserId {
    UserId::parse("usr_1").unwrap()
}

pub(super) fn permissions() -> Arc<Permissions> {
    Arc::new(Permissions::new(["agents:read"]))
}

pub(super) fn sign_out(cache: &Cache, key: TokenDigest, until: Timestamp) {
    cache.sign_out(key, None, until, Trust::Unverified, at(0.0));
}

pub(super) fn seen(cache: &Cache, token: &str, now: Now) -> &'static str {
    match cache.first_lookup(&key(token), now) {
        Lookup::Fresh(identity) => {
            assert_eq!(identity.user().id().as_str(), token);
            "fresh"
        }
        Lookup::Due(_) => "due",
        Lookup::Stale(_) => "stale",
        Lookup::Expired => "expired",
        Lookup::Refused(_) => "refused",
        Lookup::SignedOut => "signed out",
        Lookup::Unknown => "unknown",
    }
}

/// A lookup without its identity.
pub(super) fn seen_token(cache: &Cache, token: &str, now: Now) -> &'static str {
    match cache.lookup(&key(token), now) {
        Lookup::Fresh(_) => "fresh",
        Lookup::SignedOut => "signed out",
        _ => "something else",
    }
}

pub(super) fn seen_grants(cache: &Cache, token: &str, now: Now) -> &'static str {
    match cache.permissions(&key(token), &asked(), now) {
        PermissionsLookup::Fresh(_) => "fresh",
        PermissionsLookup::Stale(_) => "stale",
        PermissionsLookup::Unknown => "unknown",
    }
}

#[test]
fn a_user_is_found_as_long_as_a_session_of_it_counts() {
    let user = UserId::parse("t").unwrap();
    let found = |cache: &Cache, seconds| !cache.of_user(&user, at(seconds)).is_empty();
    for (life, last) in [(None, 90.0), (Some(60), 60.0)] {
        let cache = cache();
        assert!(!found(&cache, 0.0));
        cache.insert(identity("t", life), at(0.0));
        cache.insert(identity("another", None), at(0.0));
        assert!(found(&cache, 0.0) && found(&cache, last - 0.1));
        assert!(!found(&cache, last));
        sign_out(&cache, key("t"), Timestamp::from_unix_seconds(START + 600));
        assert!(!found(&cache, 0.0));
    }
}

#[test]
fn threat_020_an_identity_is_fresh_then_stale_then_forgotten() {
    let cache = cache();
    assert_eq!(seen(&cache, "t", at(0.0)), "unknown");
    assert!(cache.insert(identity("t", None), at(0.0)).is_some());
    for (seconds, expect) in [
        (0.0, "fresh"),
        (29.999, "fresh"),
        (30.0, "stale"),
        (89.999, "stale"),
        (90.0, "unknown"),
        (1e9, "unknown"),
    ] {
        assert_eq!(seen(&cache, "t", at(seconds)), expect, "{seconds}");
    }
    assert!(cache.insert(identity("t", None), at(80.0)).is_some());
    assert_eq!(seen(&cache, "t", at(109.0)), "fresh", "asked again");
    assert_eq!(seen(&cache, "other", at(80.0)), "unknown");
}

#[test]
fn threat_065_permissions_are_fresh_then_stale_then_forgotten() {
    let cache = cache();
    cache.insert_permissions(key("t"), asked(), permissions(), at(0.0));
    for (seconds, expect) in [
        (0.0, "fresh"),
        (29.999, "fresh"),
        (30.0, "stale"),
        (89.999, "stale"),
        (90.0, "unknown"),
    ] {
        assert_eq!(seen_grants(&cache, "t", at(seconds)), expect, "{seconds}");
    }
    assert_eq!(seen_grants(&cache, "other", at(0.0)), "unknown");
    for forget in [
        |cache: &Cache| cache.forget(&key("t")),
        |cache: &Cache| cache.refuse(key("t"), refusal(), at(1.0)),
        |cache: &Cache| sign_out(cache, key("t"), at(99.0).wall),
    ] {
        let cache = self::cache();
        cache.insert_permissions(key("t"), asked(), permissions(), at(0.0));
        forget(&cache);
        assert_eq!(seen_grants(&cache, "t", at(1.0)), "unknown");
    }
}

#[test]
fn a_refusal_is_remembered_a_moment_and_ends_what_was_known() {
    let cache = cache();
    cache.insert(identity("t", None), at(0.0));
    cache.refuse(key("t"), refusal(), at(10.0));
    for (seconds, expect) in [
        (10.0, "refused"),
        (14.999, "refused"),
        (15.0, "unknown"),
        (29.0, "unknown"),
    ] {
        assert_eq!(seen(&cache, "t", at(seconds)), expect, "{seconds}");
    }
    cache.refuse(key("t"), refusal(), at(20.0));
    cache.insert(identity("t", None), at(21.0));
    assert_eq!(seen(&cache, "t", at(22.0)), "fresh", "the later answer");
    assert_eq!(seen(&cache, "t", at(52.0)), "stale");
}

#[test]
fn threat_060_a_late_refusal_of_the_token_does_not_hide_that_of_its_session() {
    let cache = cache();
    let of = |token: &str, seconds| match cache.lookup(&key(token), at(seconds)) {
        Lookup::Refused(refusal) => Some(refusal.of),
        _ => None,
    };
    let error = || CloudApiError::new(Code::InvalidToken);
    cache.refuse(key("t"), Refusal::token(error()), at(0.0));
    assert_eq!(of("t", 0.0), Some(Refused::Token));
    cache.refuse(key("t"), Refusal::session(error()), at(1.0));
    cache.refuse(key("t"), Refusal::token(error()), at(2.0));
    assert_eq!(of("t", 6.9), Some(Refused::Session));
    assert_eq!(of("u", 2.0), None, "no other user");
    cache.refuse(key("t"), Refusal::token(error()), at(7.0));
    assert_eq!(of("t", 7.0), Some(Refused::Token), "it was forgotten");
}

#[test]
fn what_is_forgotten_is_unknown_not_refused() {
    let cache = cache();
    cache.insert(identity("t", None), at(0.0));
    cache.forget(&key("t"));
    assert_eq!(seen(&cache, "t", at(0.0)), "unknown");
}

#[test]
fn threat_031_a_sign_out_wins_over_everything_until_its_end() {
    let cache = cache();
    cache.insert(identity("t", None), at(0.0));
    sign_out(&cache, key("t"), at(100.0).wall);
    assert_eq!(seen(&cache, "t", at(0.0)), "signed out");
    assert!(
        cache.insert(identity("t", None), at(1.0)).is_none(),
        "under way"
    );
    cache.insert_permissions(key("t"), asked(), permissions(), at(1.0));
    assert_eq!(seen_grants(&cache, "t", at(1.0)), "unknown");
    cache.refuse(key("t"), refusal(), at(1.0));
    cache.forget(&key("t"));
    assert_eq!(seen(&cache, "t", at(99.999)), "signed out");
    assert_eq!(seen(&cache, "t", at(100.0)), "unknown");
    assert!(cache.insert(identity("t", None), at(100.0)).is_some());
    assert_eq!(seen(&cache, "u", at(1.0)), "unknown", "no other user");
}

#[test]
fn threat_031_a_flood_of_junk_sign_outs_lifts_none() {
    let cache = cache();
    for n in 0..50 {
        cache.insert(identity(&format!("person{n}"), None), at(0.0));
        sign_out(&cache, key(&format!("person{n}")), at(100.0).wall);
    }
    for n in 0..10_000 {
        sign_out(&cache, key(&format!("junk{n}")), at(100.0).wall);
    }
    for n in 0..50 {
        assert_eq!(seen(&cache, &format!("person{n}"), at(1.0)), "signed out");
    }
}

#[test]
fn a_later_sign_out_outlasts_an_earlier_one() {
    let cache = cache();
    cache.insert(identity("t", None), at(0.0));
    sign_out(&cache, key("t"), at(100.0).wall);
    sign_out(&cache, key("t"), at(200.0).wall);
    assert_eq!(seen(&cache, "t", at(199.0)), "signed out");
    assert_eq!(seen(&cache, "t", at(200.0)), "unknown");
}

#[test]
fn threat_031_no_answer_under_way_follows_a_sign_out_in() {
    let cache = &cache();
    for round in 0..300 {
        let token = &format!("t{round}");
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    cache.insert(identity(token, None), at(0.0));
                    cache.insert_permissions(key(token), asked(), permissions(), at(0.0));
                });
            }
            scope.spawn(|| sign_out(cache, key(token), at(100.0).wall));
        });
        assert_eq!(seen(cache, token, at(0.0)), "signed out");
        assert_eq!(seen_grants(cache, token, at(0.0)), "unknown");
    }
    assert_eq!(cache.len().0, 0, "nothing of them is held");
}

#[test]
fn the_expiry_is_looked_at_on_every_hit() {
    let cache = cache();
    cache.insert(identity("t", Some(10)), at(0.0));
    assert_eq!(seen(&cache, "t", at(9.999)), "fresh");
    assert_eq!(seen(&cache, "t", at(10.0)), "expired");
    cache.insert(identity("u", Some(40)), at(0.0));
    assert_eq!(seen(&cache, "u", at(39.0)), "stale");
    assert_eq!(seen(&cache, "u", at(40.0)), "expired");
}

#[test]
fn threat_085_each_time_runs_on_its_own_clock() {
    let jump = |now: Now, seconds: i64| Now {
        wall: Timestamp::from_unix_millis(now.wall.unix_millis() + seconds * 1000),
        ..now
    };
    for hour in [-3600, 0, 3600] {
        let cache = cache();
        cache.insert(identity("t", None), at(0.0));
        cache.insert_permissions(key("t"), asked(), permissions(), at(0.0));
        cache.refuse(key("r"), refusal(), at(0.0));
        for (seconds, identity, permissions) in [
            (29.0, "fresh", "fresh"),
            (31.0, "stale", "stale"),
            (90.0, "unknown", "unknown"),
        ] {
            let now = jump(at(seconds), hour);
            assert_eq!(seen(&cache, "t", now), identity);
            assert_eq!(seen_grants(&cache, "t", now), permissions);
        }
        assert_eq!(seen(&cache, "r", jump(at(4.0), hour)), "refused");
        assert_eq!(seen(&cache, "r", jump(at(5.0), hour)), "unknown");
    }
    let cache = cache();
    cache.insert(identity("t", Some(600)), at(0.0));
    assert_eq!(seen(&cache, "t", jump(at(1.0), 3600)), "expired");
    assert_eq!(seen(&cache, "t", jump(at(1.0), -3600)), "fresh");
}

#[test]
fn threat_080_what_is_held_is_bounded() {
    for capacity in [0, 1, 10, 1000] {
        let cache = Cache::new(&policy(capacity), &Verification::Cloud, 7);
        for n in 0..4000 {
            let token = format!("t{n}");
            cache.insert(identity(&token, None), at(0.0));
            cache.insert_permissions(key(&token), asked(), permissions(), at(0.0));
            cache.refuse(key(&format!("r{n}")), refusal(), at(0.0));
            sign_out(&cache, key(&format!("s{n}")), at(9.0).wall);
        }
        let held = [
            cache.identities.len(),
            cache.permissions.len(),
            cache.refusals.len(),
            cache.signed_out.len(),
        ];
        assert!(held.iter().all(|held| *held <= capacity), "{held:?}");
        assert_eq!(cache.len(), (held[0], held[2]));
    }
}

#[test]
fn threat_080_a_flood_of_junk_evicts_nobody() {
    let cache = cache();
    let people: Vec<String> = (0..200).map(|n| format!("person{n}")).collect();
    for person in &people {
        cache.insert(identity(person, None), at(0.0));
    }
    for n in 0..10_000 {
        cache.refuse(key(&format!("junk{n}")), refusal(), at(1.0));
    }
    assert!(
        people
            .iter()
            .all(|person| seen(&cache, person, at(2.0)) == "fresh")
    );
}

#[test]
fn looks_are_counted_by_what_they_found() {
    let cache = two_people();
    cache.refuse(key("r"), refusal(), at(1.0));
    sign_out(&cache, key("a1"), at(100.0).wall);
    cache.insert(identity("e", Some(10)), at(1.0));
    for (token, seconds) in [
        ("b1", 2.0),
        ("b1", 40.0),
        ("a1", 2.0),
        ("r", 2.0),
        ("?", 2.0),
    ] {
        cache.first_lookup(&key(token), at(seconds));
        cache.lookup(&key(token), at(seconds));
    }
    cache.first_lookup(&key("e"), at(10.0));
    let found = cache.statistics();
    let counts = [
        found.fresh,
        found.stale,
        found.signed_out,
        found.refused,
        found.unknown,
        found.expired,
    ];
    assert_eq!(counts, [1; 6], "each once, and only the first look");
    assert_eq!(
        (found.identities, found.refusals, found.permissions),
        (5, 1, 4)
    );
    assert_eq!((found.deny_list, found.evicted), (2, 0));
    assert_eq!(found.bytes, 9 * 8192);
}

#[test]
fn threat_080_what_gave_way_is_counted() {
    let few = Policy {
        deny_list_capacity: 10,
        ..policy(100)
    };
    let cache = Cache::new(&few, &Verification::Cloud, 7);
    for n in 0..1000 {
        let signed_out = key(&format!("o{n}"));
        cache.sign_out(signed_out, None, at(100.0).wall, Trust::Verified, at(0.0));
        cache.insert(identity(&format!("t{n}"), None), at(0.0));
        cache.refuse(key(&format!("r{n}")), refusal(), at(0.0));
    }
    let found = cache.statistics();
    assert_eq!(
        usize::try_from(found.evicted).unwrap() + found.identities,
        1000
    );
    assert_eq!((found.deny_list, found.deny_list_evicted), (10, 990));
    assert!(found.bytes <= 100 * 8192, "{}", found.bytes);
}

proptest! {
    #[test]
    fn threat_078_every_input_is_part_of_the_key(
        one in ("[a-z]{1,8}", "[a-z]{0,6}", "[a-z]{1,6}", "[a-z]{1,6}"),
        other in ("[a-z]{1,8}", "[a-z]{0,6}", "[a-z]{1,6}", "[a-z]{1,6}"),
    ) {
        let key = |(host, prefix, project, token): &(String, String, String, String)| {
            let mut config = config();
            config.base_url = BaseUrl::parse(&format!("https://{host}.example")).unwrap();
            config.api_prefix = Some(crate::config::UrlPath::parse(prefix).unwrap());
            config.project_id = ProjectId::parse(project).unwrap();
            TokenDigest::new(&config, token)
        };
        prop_assert_eq!(key(&one) == key(&other), one == other);
        // One input at a time, and a letter that moves from one to the next.
        for changed in [
            (other.0.clone(), one.1.clone(), one.2.clone(), one.3.clone()),
            (one.0.clone(), other.1.clone(), one.2.clone(), one.3.clone()),
            (one.0.clone(), one.1.clone(), other.2.clone(), one.3.clone()),
            (one.0.clone(), one.1.clone(), one.2.clone(), other.3.clone()),
            (one.0.clone(), one.1.clone(), format!("{}a", one.2), one.3.clone()),
            (one.0.clone(), one.1.clone(), one.2.clone(), format!("a{}", one.3)),
        ] {
            prop_assert_eq!(key(&one) == key(&changed), one == changed);
        }
        let joined = |project: &str, token: &str| {
            let at = ("h".to_owned(), String::new(), project.to_owned(), token.to_owned());
            key(&at)
        };
        prop_assert_ne!(joined("ab", "c"), joined("a", "bc"));
    }
}

#[test]
fn threat_080_a_large_identity_counts_as_many() {
    let cache = Cache::new(&policy(1000), &Verification::Cloud, 42);
    for n in 0..50 {
        let token = format!("t{n}");
        let user = json!({
            "id": "usr_1", "email": "", "created_at": 0,
            "metadata": { "all": vec!["x"; 20_000] },
        });
        let user = CloudUser::read(
            Object::new(&user, "user").unwrap(),
            SessionToken::parse(&token).unwrap(),
        )
        .unwrap();
        let identity = Identity::new(key(&token), user, None, None);
        assert!(cache.insert(identity, at(0.0)).is_some());
        cache.insert_permissions(
            key(&token),
            asked(),
            Arc::new(Permissions::new(vec!["agents:read"; 20_000])),
            at(0.0),
        );
    }
    // Each is more than a megabyte; a thousand of usual size are 8 MiB.
    assert!(cache.len().0 < 8, "{:?}", cache.len());
    assert!(cache.permissions.len() < 8, "{}", cache.permissions.len());
}

#[test]
fn one_look_near_the_end_of_the_fresh_time_is_told_to_ask() {
    let early = Policy::default();
    let cache = Cache::new(&early, &Verification::Cloud, 42);
    cache.insert(identity("a", None), at(0.0));
    cache.insert(identity("b", None), at(0.0));
    let looks = [26.9, 27.0, 27.1, 29.9, 30.0].map(|seconds| seen(&cache, "a", at(seconds)));
    assert_eq!(looks, ["fresh", "due", "fresh", "fresh", "stale"]);
    assert_eq!(seen(&cache, "b", at(29.0)), "due", "each for itself");
    cache.insert(identity("b", None), at(29.5));
    assert_eq!(
        seen(&cache, "b", at(57.0)),
        "due",
        "and again after each answer"
    );
}
