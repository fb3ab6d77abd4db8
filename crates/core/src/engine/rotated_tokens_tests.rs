use super::*;
use crate::config::Config;
use crate::cookie::{CookieOptions, CookieSpec};
use crate::ids::{ProjectId, SessionId, UserId};
use crate::url::BaseUrl;

const GRACE: Duration = Duration::from_secs(30);
const SEALED: Stand = Stand {
    time: Duration::from_mins(10),
    until_handed_out: Some(Duration::from_hours(1)),
};

fn at(seconds: u64) -> Now {
    Now {
        wall: Timestamp::from_unix_seconds(0),
        monotonic: Duration::from_secs(seconds),
    }
}

fn key(token: &str) -> TokenDigest {
    let config = Config::new(
        BaseUrl::parse("https://cloud.mastra.ai").unwrap(),
        ProjectId::parse("demo").unwrap(),
        CookieSpec::new(CookieOptions::default()).unwrap(),
    );
    TokenDigest::new(&config, token)
}

fn newer(token: &str) -> NewerToken {
    let session = CloudSession::new(
        SessionId::parse("ses_1").unwrap(),
        UserId::parse("usr_1").unwrap(),
        Timestamp::from_unix_seconds(0),
        Timestamp::from_unix_seconds(60),
    );
    NewerToken::new(
        key(token),
        SessionToken::parse(token).unwrap(),
        Some(session),
    )
}

fn token_of(table: &RotatedTokens, old: &str, now: Now) -> Option<String> {
    let found = table.of(&key(old), now)?;
    Some(found.token().expose().to_owned())
}

#[test]
fn the_old_stands_for_the_newest_until_its_time_is_over() {
    let table = RotatedTokens::new(10);
    table.add(key("a"), &newer("b"), Stand::ends_after(GRACE), at(0));
    assert_eq!(token_of(&table, "a", at(29)).as_deref(), Some("b"));
    table.add(key("b"), &newer("c"), Stand::ends_after(GRACE), at(20));
    assert_eq!(token_of(&table, "a", at(29)).as_deref(), Some("c"));
    assert_eq!(token_of(&table, "a", at(30)), None);
    assert_eq!(token_of(&table, "b", at(49)).as_deref(), Some("c"));
    assert_eq!(token_of(&table, "c", at(1)), None);
}

#[test]
fn a_sealed_session_stands_until_a_newer_one_is_handed_out_and_the_grace_is_over() {
    let table = RotatedTokens::new(10);
    let of = |old, second| token_of(&table, old, at(second));
    table.add(key("a"), &newer("b"), SEALED, at(0));
    table.add(key("b"), &newer("c"), SEALED, at(500));
    assert_eq!(of("a", 900).as_deref(), Some("c"));
    // No browser has it.
    assert_eq!(of("b", 1099).as_deref(), Some("c"));
    assert_eq!(of("b", 1100), None);
    assert_eq!(of("a", 3599).as_deref(), Some("c"));
    assert_eq!(of("a", 3600), None);
    table.hand_out(&key("a"), SEALED.time, at(2000));
    assert_eq!(of("a", 2599).as_deref(), Some("c"));
    assert_eq!(of("a", 2600), None);
    // A later answer does not prolong it.
    table.hand_out(&key("a"), SEALED.time, at(2500));
    table.add(key("c"), &newer("d"), SEALED, at(2510));
    assert_eq!(of("a", 2599).as_deref(), Some("d"));
    assert_eq!(of("a", 2600), None);
    assert_eq!(of("c", 6109).as_deref(), Some("d"));
    // Nor does it begin anew, whatever replaces it.
    table.add(key("c"), &newer("e"), SEALED, at(3000));
    assert_eq!(of("c", 6109).as_deref(), Some("e"));
    assert_eq!(of("c", 6110), None);
}

#[test]
fn what_the_instances_share_of_a_sealed_session_is_said_once_for_each_newer_one() {
    let table = RotatedTokens::new(10);
    let old = SessionToken::sealed("a").unwrap();
    let said = |to_share: Option<ToShare>| {
        to_share.map(|it| {
            assert!(it.old.same_as(&old));
            (it.newer.expose().to_owned(), it.time.as_secs())
        })
    };
    let longest = Duration::from_secs(3600);
    let longer = |second| said(table.share_longer(key("a"), &old, longest, at(second)));
    let moved = |to, second| said(table.moved_to(&key(to), at(second)).pop());
    let handed_out = |second| said(table.hand_out(&key("a"), SEALED.time, at(second)).pop());
    let shared = |token: &str, seconds| Some((token.to_owned(), seconds));
    assert_eq!(longer(0), None);
    table.add(key("a"), &newer("b"), SEALED, at(0));
    assert_eq!(moved("b", 1), None);
    assert_eq!([10, 11].map(longer), [shared("b", 3590), None]);
    table.add(key("b"), &newer("c"), SEALED, at(500));
    assert_eq!(moved("b", 501), None);
    assert_eq!(moved("c", 600), shared("c", 3000));
    assert_eq!((moved("c", 601), longer(601)), (None, None));
    assert_eq!([700, 701].map(handed_out), [shared("c", 600), None]);
    assert_eq!(longer(702), None);
    table.add(key("c"), &newer("d"), SEALED, at(710));
    assert_eq!(moved("d", 711), None);
}

#[test]
fn an_old_session_that_is_brought_has_a_browser_whichever_instance_handed_it_out() {
    let longest = Duration::from_secs(3600);
    let brought = |second| {
        let table = RotatedTokens::new(10);
        table.add(key("a"), &newer("b"), SEALED, at(0));
        table.add(key("b"), &newer("c"), SEALED, at(500));
        let old = SessionToken::sealed("b").unwrap();
        let to_share = table.share_longer(key("b"), &old, longest, at(second));
        assert_eq!(to_share.unwrap().time.as_secs(), 500 + 3600 - second);
        table
    };
    let table = brought(600);
    assert_eq!(token_of(&table, "b", at(4099)).as_deref(), Some("c"));
    assert_eq!(token_of(&table, "b", at(4100)), None);
    // Then a newer one is handed out to the browser of either: the instances share neither for longer.
    let to_share = table.hand_out(&key("a"), SEALED.time, at(700));
    let times: Vec<_> = to_share.iter().map(|it| it.time).collect();
    assert_eq!(times, [SEALED.time]);
    assert_eq!(token_of(&table, "b", at(1299)).as_deref(), Some("c"));
    assert_eq!(token_of(&table, "b", at(1300)), None);
    let old = SessionToken::sealed("b").unwrap();
    assert!(
        table
            .share_longer(key("b"), &old, longest, at(701))
            .is_none()
    );
    assert_eq!(token_of(&table, "b", at(1300)), None);
    // One that the Cloud refuses is forgotten, and none that came in its place.
    table.forget(&key("a"), &key("b"));
    assert_eq!(token_of(&table, "a", at(702)).as_deref(), Some("c"));
    table.forget(&key("a"), &key("c"));
    assert_eq!(token_of(&table, "a", at(702)), None);
}

#[test]
fn the_last_good_token_ends_with_one_that_may_have_been_taken_back() {
    let table = || {
        let table = RotatedTokens::new(10);
        table.add(key("a"), &newer("b"), SEALED, at(0));
        table.add(key("b"), &newer("c").unverified(), SEALED, at(1));
        table.forget(&key("b"), &key("c"));
        table
    };
    for (ended, mut others) in [("a", ["b", "c"].map(key)), ("b", ["a", "c"].map(key))] {
        others.sort_unstable();
        assert_eq!(table().end(&key(ended)), others, "{ended}");
    }
}

#[test]
fn all_tokens_of_a_session_end_together_and_nobody_elses() {
    for ended in ["a", "b", "c"] {
        let table = RotatedTokens::new(10);
        table.add(key("a"), &newer("b"), Stand::ends_after(GRACE), at(0));
        table.add(key("b"), &newer("c"), Stand::ends_after(GRACE), at(1));
        table.add(key("x"), &newer("y"), Stand::ends_after(GRACE), at(1));
        let mut others = table.end(&key(ended));
        let mut expect: Vec<_> = ["a", "b", "c"].map(key).into();
        expect.retain(|one| *one != key(ended));
        others.sort_unstable();
        expect.sort_unstable();
        assert_eq!(others, expect, "{ended}");
        assert_eq!(token_of(&table, "a", at(2)), None);
        assert_eq!(token_of(&table, "x", at(2)).as_deref(), Some("y"));
    }
    assert!(RotatedTokens::new(10).end(&key("a")).is_empty());
}

#[test]
fn the_oldest_give_way() {
    let table = RotatedTokens::new(3);
    for (n, old) in ["a", "b", "c", "d"].into_iter().enumerate() {
        let now = at(u64::try_from(n).unwrap());
        table.add(
            key(old),
            &newer(&format!("{old}2")),
            Stand::ends_after(GRACE),
            now,
        );
    }
    let held: Vec<_> = ["a", "b", "c", "d"]
        .into_iter()
        .filter(|old| token_of(&table, old, at(4)).is_some())
        .collect();
    assert_eq!(held, ["b", "c", "d"]);
}

#[test]
fn what_is_over_gives_way_before_the_oldest() {
    let table = RotatedTokens::new(2);
    table.add(key("a"), &newer("a2"), Stand::ends_after(GRACE), at(0));
    let short = Stand::ends_after(Duration::from_secs(19));
    table.add(key("b"), &newer("b2"), short, at(1));
    table.add(key("c"), &newer("c2"), Stand::ends_after(GRACE), at(20));
    assert_eq!(token_of(&table, "a", at(20)).as_deref(), Some("a2"));
}
