//! `mastra-auth token`: what comes on standard input and is no token, and a token that does not come there.

use crate::process::{Finished, command, finish};

/// The commands that take a token, with all else that they need.
const CALLS: [&[&str]; 3] = [
    &[
        "token",
        "verify",
        "--base-url",
        "http://127.0.0.1:1",
        "--project-id",
        "demo",
    ],
    &[
        "token",
        "explain",
        "--jwks",
        "http://127.0.0.1:1/keys",
        "--audience",
        "demo",
    ],
    &["token", "inspect"],
];

#[track_caller]
fn wrong_usage(args: &[&str], stdin: &[u8]) -> Finished {
    let finished = finish(command(args), stdin);
    assert_eq!(finished.code, Some(2), "{args:?}: {finished:?}");
    assert_eq!(finished.stdout, "", "{args:?}");
    assert!(finished.stderr.starts_with("error: "), "{finished:?}");
    assert!(!finished.stderr.contains("canary"), "{finished:?}");
    finished
}

#[test]
fn nothing_on_standard_input_is_wrong_usage_and_no_refused_token() {
    for args in CALLS {
        for stdin in ["", "\n", " \t\r\n"] {
            let said = wrong_usage(args, stdin.as_bytes()).stderr;
            assert_eq!(said, "error: standard input is empty: no token came\n");
        }
    }
}

#[test]
fn a_header_is_told_from_a_token() {
    for args in CALLS {
        for (stdin, part) in [
            ("Bearer planted-canary\n", "\"Bearer\""),
            ("bearer\tplanted-canary", "\"Bearer\""),
            ("BEARER  planted-canary", "\"Bearer\""),
            ("Bearer ", "\"Bearer\""),
            ("Authorization: Bearer planted-canary", "\"Authorization:\""),
            ("authorization:planted-canary", "\"Authorization:\""),
        ] {
            let said = wrong_usage(args, stdin.as_bytes()).stderr;
            assert!(
                said.contains(part) && said.contains("leave that out"),
                "{said}"
            );
            assert_eq!(said.lines().count(), 1, "{said}");
        }
    }
    // A token may begin with any letters.
    let finished = finish(command(&["token", "inspect"]), b"bearers-canary");
    assert_eq!(finished.code, Some(1), "{finished:?}");
}

#[test]
fn a_token_that_is_given_as_an_argument_is_not_repeated() {
    const TOKEN: &str = "eyJwbGFudGVkLWNhbmFyeSI6MX0.eyJjYW5hcnkiOjF9.canary";
    for args in CALLS {
        for more in [
            &[TOKEN][..],
            &["opaque-canary"],
            &["Bearer", TOKEN],
            &["-v", TOKEN],
            &["--", TOKEN],
        ] {
            let said = wrong_usage(&[args, more].concat(), b"").stderr;
            assert!(said.contains("tokens come on standard input"), "{said}");
            assert!(!said.contains("eyJ"), "{said}");
        }
    }
    for args in [
        &["token", TOKEN][..],
        &["-vv", "token", TOKEN],
        &["token", "help", TOKEN],
        &["token", "verify", TOKEN],
    ] {
        let said = wrong_usage(args, b"").stderr;
        assert!(said.contains("tokens come on standard input"), "{said}");
    }
}

#[test]
fn what_is_no_token_is_repeated_so_that_it_can_be_mended() {
    for (args, part) in [
        (
            &["token", "inspect", "--surely-unknown"][..],
            "'--surely-unknown'",
        ),
        (&["token", "inpsect"], "'inspect'"),
        (&["demo", "token"], "'token'"),
        (&["jwks", "lint", "a", "surplus"], "'surplus'"),
    ] {
        let said = wrong_usage(args, b"").stderr;
        assert!(said.contains(part), "{said}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn somebody_at_a_terminal_is_told_what_is_waited_for() {
    // `script` (util-linux) gives a terminal, and ends its input with Ctrl-D.
    let call = format!("'{}' token inspect", env!("CARGO_BIN_EXE_mastra-auth"));
    let mut terminal = std::process::Command::new("script");
    terminal.args(["--quiet", "--return", "--command", &call, "/dev/null"]);
    let finished = finish(terminal, b"e30.e30.e30\n");
    assert!(
        finished
            .stdout
            .contains("Paste the token, then press Enter and Ctrl-D."),
        "{finished:?}"
    );
    assert!(finished.stdout.contains("NOT VERIFIED"), "{finished:?}");

    let piped = finish(command(&["token", "inspect"]), b"e30.e30.e30\n");
    assert_eq!(piped.stderr, "", "nobody waits before a pipe");
}
