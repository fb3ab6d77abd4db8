//! `docs/guide/errors.md`: every error code, from the core's own list.

use std::fmt::Write as _;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::builds::example;
use crate::process::capture;
use crate::workspace::Workspace;

const HEAD: &str = "\
<!-- Written by `cargo xtask gen` from the list of codes in the core. Change the list, not this page. -->

# Error codes

Every error of the core and the client has one of these codes. They are stable: a program may match on them. Messages are for people
and may change. No code, message or cause holds a token, a cookie, a code, a verifier, an e-mail address or a response body.

The kind says whose turn it is: the caller's, the configuration's, the credential's, the Cloud's or the network's; a dash stands for
the status of the Cloud's answer. Where the Cloud sends an error code of its own, it is handed on as it is: those, such as
`session_ended` and `unknown_project`, are in [the contract](../../contract/). What browsers and API clients of an axum service see
is [a shorter list](axum.md#what-the-outside-sees); its `invalid_token` is any credential that is not accepted.

| code | kind | status | meaning |
|---|---|---|---|
";

/// One code, as the core's example `codes` prints it.
#[derive(Deserialize)]
struct Row {
    code: String,
    kind: String,
    status: Option<u16>,
    meaning: String,
}

pub(super) fn page(workspace: &Workspace) -> Result<String> {
    table(&list(workspace)?)
}

/// `npm/auth-cloud/src/codes.ts`: all error codes as a type, with two more of the addon itself.
pub(super) fn typescript(workspace: &Workspace) -> Result<String> {
    let mut out = String::from(
        "// Written by `cargo xtask gen` from the list of codes in the core. Change the list, not this file.\n\n\
         /** The code of an error of ours. The Cloud's own codes are handed on as they are. */\n\
         export type ErrorCode =\n",
    );
    for row in read(&list(workspace)?)? {
        writeln!(out, "  /** {} */\n  | '{}'", row.meaning, row.code)?;
    }
    out.push_str(
        "  /** The addon cannot be loaded; the message says why, and what to do. */\n  | 'addon_not_loaded'\n\
         \x20 /** The addon failed in a way that it should not. */\n  | 'internal';\n",
    );
    Ok(out)
}

fn list(workspace: &Workspace) -> Result<String> {
    capture(&mut Command::new(example(workspace, "codes")?))
}

fn read(text: &str) -> Result<Vec<Row>> {
    let rows: Vec<Row> = serde_json::from_str(text)
        .context("the example `codes` prints something else than its list")?;
    ensure!(!rows.is_empty(), "the list of codes is empty");
    Ok(rows)
}

fn table(text: &str) -> Result<String> {
    let mut page = HEAD.to_owned();
    for Row {
        code,
        kind,
        status,
        meaning,
    } in read(text)?
    {
        let status = status.map_or_else(|| "–".to_owned(), |status| status.to_string());
        writeln!(
            page,
            "| `{code}` | {kind} | {status} | {} |",
            meaning.replace('|', "\\|")
        )?;
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_a_row() {
        let page = table(
            r#"[{"code": "a", "kind": "cloud", "status": 502, "meaning": "b | c"}, {"code": "d", "kind": "caller", "status": null, "meaning": "e"}]"#,
        );
        assert!(
            page.unwrap()
                .ends_with("|---|\n| `a` | cloud | 502 | b \\| c |\n| `d` | caller | – | e |\n")
        );
        assert!(table("[]").is_err());
    }
}
