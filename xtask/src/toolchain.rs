//! The pinned toolchain is the oldest one that the project supports, so every run checks that promise.

use anyhow::{Context as _, Result, ensure};

use crate::process::capture;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let channel = text_at(
        &workspace.read("rust-toolchain.toml")?,
        &["toolchain", "channel"],
    )
    .context("rust-toolchain.toml")?;
    let promised = text_at(
        &workspace.read("Cargo.toml")?,
        &["workspace", "package", "rust-version"],
    )
    .context("Cargo.toml")?;
    agree(&channel, &promised)?;
    let said = capture(
        std::process::Command::new("rustc")
            .arg("--version")
            .current_dir(workspace.root()),
    )?;
    let running = said.split(' ').nth(1).context("rustc says no version")?;
    ensure!(
        same(running, &channel),
        "rustc {running} runs, and rust-toolchain.toml pins {channel}: unset RUSTUP_TOOLCHAIN, or leave `+toolchain` out"
    );
    println!("rustc {running}, which is the rust-version we promise");
    Ok(())
}

fn agree(channel: &str, promised: &str) -> Result<()> {
    ensure!(
        same(channel, promised),
        "rust-toolchain.toml pins {channel}, and Cargo.toml promises rust-version {promised}: make them one"
    );
    Ok(())
}

/// `1.95` and `1.95.0` are one version.
fn same(one: &str, other: &str) -> bool {
    let whole = |version: &str| match version.matches('.').count() {
        1 => format!("{version}.0"),
        _ => version.to_owned(),
    };
    whole(one) == whole(other)
}

fn text_at(file: &str, keys: &[&str]) -> Result<String> {
    let whole: toml::Value = toml::from_str(file)?;
    keys.iter()
        .try_fold(&whole, |value, key| value.get(key))
        .and_then(toml::Value::as_str)
        .map(str::to_owned)
        .with_context(|| format!("has no text at {}", keys.join(".")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_version_on_both_sides() {
        assert!(agree("1.95.0", "1.95").is_ok());
        assert!(agree("1.95.1", "1.95.1").is_ok());
        assert!(agree("1.96.0", "1.95").is_err());
        assert!(agree("1.95.1", "1.95").is_err());
        assert!(
            agree("1.0", "1").is_err(),
            "only the third number may be left out"
        );
        assert!(agree("stable", "1.95").is_err());
    }

    #[test]
    fn a_missing_key_is_named() {
        assert_eq!(text_at("[a]\nb = \"c\"", &["a", "b"]).unwrap(), "c");
        let error = text_at("[a]", &["a", "b"]).unwrap_err();
        assert!(error.to_string().contains("a.b"));
    }
}
