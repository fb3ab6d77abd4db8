//! What the command line says of itself: help with examples, completions, errors, and no colour where none is wanted.

use crate::process::{Finished, command, finish};

const COMMANDS: [&[&str]; 20] = [
    &[],
    &["demo"],
    &["dev"],
    &["token"],
    &["token", "new"],
    &["token", "verify"],
    &["token", "explain"],
    &["token", "inspect"],
    &["jwks"],
    &["jwks", "lint"],
    &["check"],
    &["doctor"],
    &["login"],
    &["logout"],
    &["whoami"],
    &["tokens"],
    &["tokens", "list"],
    &["tokens", "create"],
    &["tokens", "revoke"],
    &["completions"],
];

fn run(args: &[&str]) -> Finished {
    finish(command(args), b"")
}

fn with(args: &[&'static str], last: &'static str) -> Vec<&'static str> {
    let mut all = args.to_vec();
    all.push(last);
    all
}

#[test]
fn every_help_has_an_example_of_its_command_and_fits() {
    for args in COMMANDS {
        let name = format!("mastra-auth {}", args.join(" "));
        for flag in ["--help", "-h"] {
            let finished = run(&with(args, flag));
            assert_eq!(finished.code, Some(0), "{name}");
            assert_eq!(finished.stderr, "", "{name}");
            let (_, examples) = finished
                .stdout
                .split_once("Example")
                .unwrap_or_else(|| panic!("{name} {flag} has no example"));
            assert!(
                examples.contains(name.trim()),
                "{name} {flag}: {}",
                finished.stdout
            );
            assert!(finished.stdout.contains("Exit status:"), "{name} {flag}");
            for line in finished.stdout.lines() {
                assert!(line.chars().count() <= 100, "{name} {flag}: {line}");
            }
        }
    }
}

#[test]
fn every_example_is_a_call_that_the_command_line_takes() {
    for args in COMMANDS {
        let help = run(&with(args, "--help")).stdout.replace("\\\n", " ");
        let examples = help.rsplit_once("Example").map_or("", |(_, rest)| rest);
        for line in examples.lines() {
            let Some((_, call)) = line.split_once("mastra-auth ") else {
                continue;
            };
            // What stands after two spaces explains; what stands after < or > is the shell's.
            let call = call.split("  ").next().unwrap_or_default();
            let mut words: Vec<&str> = call
                .split(['<', '>'])
                .next()
                .unwrap_or_default()
                .split(' ')
                .filter(|word| !word.is_empty())
                .collect();
            // With an unknown flag at its end nothing starts, and the flag must be all that is wrong.
            words.push("--surely-unknown");
            let finished = run(&words);
            assert_eq!(finished.code, Some(2), "{line}");
            assert!(
                finished
                    .stderr
                    .contains("unexpected argument '--surely-unknown'"),
                "{line}: {}",
                finished.stderr
            );
        }
    }
}

#[test]
fn the_help_of_dev_names_every_variable_that_an_app_needs() {
    let help = run(&["dev", "--help"]).stdout;
    for name in ["MASTRA_CLOUD_URL", "MASTRA_PROJECT_ID", "MASTRA_PUBLIC_URL"] {
        assert!(help.contains(name), "{name}: {help}");
    }
}

#[test]
fn the_version_is_one_line() {
    let expect = concat!("mastra-auth ", env!("CARGO_PKG_VERSION"), "\n");
    for flag in ["--version", "-V"] {
        let finished = run(&[flag]);
        assert_eq!(finished.code, Some(0));
        assert_eq!(finished.stdout, expect);
        assert_eq!(finished.stderr, "");
    }
}

#[test]
fn completions_know_every_command_and_flag() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let finished = run(&["completions", shell]);
        assert_eq!(finished.code, Some(0), "{shell}");
        assert_eq!(finished.stderr, "", "{shell}");
        for word in [
            "demo",
            "dev",
            "verify",
            "inspect",
            "auto-approve",
            "cloud-port",
        ] {
            assert!(finished.stdout.contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn the_bash_completion_is_bash() {
    let script = run(&["completions", "bash"]).stdout;
    let mut bash = std::process::Command::new("bash");
    bash.arg("-n");
    let finished = finish(bash, script.as_bytes());
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
}

#[test]
fn wrong_usage_is_status_2_and_nothing_on_standard_output() {
    for args in [
        &["--surely-unknown"][..],
        &["surely-unknown"],
        &["demo", "--surely-unknown"],
        &["demo", "surplus"],
        &["demo", "--port", "70000"],
        &["demo", "--port", "-1"],
        &["demo", "--dialect", "v2"],
        &["dev", "--cloud-port", "1"],
        &["dev", "--seed"],
        &["token"],
        &["token", "verify"],
        &["token", "new"],
        &["token", "new", "--as", "member", "--lifetime", "0"],
        &["token", "inspect", "a.token.here"],
        &["completions"],
        &["completions", "cmd"],
        &[],
    ] {
        let finished = run(args);
        assert_eq!(finished.code, Some(2), "{args:?}");
        assert_eq!(finished.stdout, "", "{args:?}");
        assert!(!finished.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn no_color_is_obeyed_even_where_colour_is_forced() {
    for args in [
        &["--help"][..],
        &["token", "verify", "--help"],
        &["--surely-unknown"],
        &[
            "token",
            "verify",
            "--base-url",
            "http://127.0.0.1:1",
            "--project-id",
            "demo",
        ],
        &["-vvv", "token", "inspect"],
        &["dev", "--port", "0", "--seed", "none.toml"],
    ] {
        let mut plain = command(args);
        plain.env("NO_COLOR", "1").env("CLICOLOR_FORCE", "1");
        plain.env("RUST_LOG", "trace");
        let finished = finish(plain, b"opaque");
        let all = format!("{}{}", finished.stdout, finished.stderr);
        assert!(!all.is_empty());
        assert!(!all.contains('\u{1b}'), "{args:?}: {all:?}");
    }
    let mut coloured = command(&["--help"]);
    coloured.env("CLICOLOR_FORCE", "1");
    assert!(
        finish(coloured, b"").stdout.contains('\u{1b}'),
        "there is colour to forgo"
    );
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_is_no_crash() {
    for args in ["completions zsh", "--help", "token inspect < /dev/null"] {
        let mut shell = std::process::Command::new("sh");
        let binary = env!("CARGO_BIN_EXE_mastra-auth");
        // Standard output is closed before a byte is written.
        shell.args(["-c", &format!("'{binary}' {args} >&-")]);
        let finished = finish(shell, b"");
        assert!(
            !finished.stderr.contains("panicked"),
            "{args}: {finished:?}"
        );
        assert_ne!(finished.code, Some(101), "{args}");
    }
    let mut shell = std::process::Command::new("sh");
    let binary = env!("CARGO_BIN_EXE_mastra-auth");
    shell.args(["-c", &format!("'{binary}' completions zsh | true")]);
    let finished = finish(shell, b"");
    assert!(!finished.stderr.contains("panicked"), "{finished:?}");
}
