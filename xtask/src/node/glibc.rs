//! The C library that the packed addon and the packed program need on Linux: nothing newer than Node 22 itself does, glibc 2.28.
//!
//! A linker binds each symbol to its newest version in the given library: linked with glibc 2.36, the addon would need
//! 2.34. So on x64 it is linked with glibc 2.17, which napi-rs publishes on npm and the lock file in `xtask/sysroot` pins. On
//! arm64 the release workflow builds on an old system instead. The check reads what came of it, with the linker's `objdump`.

use std::env;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

use super::Node;
use crate::process::{capture, find, run};
use crate::workspace::Workspace;

/// The target triple of the old library.
pub(super) const TARGET: &str = "x86_64-unknown-linux-gnu";
const C_FLAGS: &str = "AWS_LC_SYS_CFLAGS_x86_64_unknown_linux_gnu";
const PACKAGE: &str = "node_modules/@napi-rs/cross-toolchain-x64-target-x86_64";
/// The newest library whose headers name no function that 2.17 lacks: those of 2.38 redirect `strtol` to a new function.
const HEADERS: [u32; 2] = [2, 37];
/// Node 22's requirement.
const FLOOR: [u32; 2] = [2, 28];

const IS_GLIBC: bool = cfg!(all(target_os = "linux", target_env = "gnu"));

/// The folder of an old C library.
pub(super) struct Sysroot(String);

/// Finds or fetches it; `None` except on x64 Linux with glibc.
pub(super) fn sysroot(workspace: &Workspace) -> Result<Option<Sysroot>> {
    if !(IS_GLIBC && cfg!(target_arch = "x86_64")) {
        return Ok(None);
    }
    let home = workspace.target()?.join("sysroot");
    let marker = home.join("unpacked");
    let inside = format!("./{TARGET}/sysroot");
    let pinned = workspace.read("xtask/sysroot/package-lock.json")?;
    // Steps that run in parallel wait here.
    let lock = File::create(workspace.target()?.join("sysroot.lock"))?;
    lock.lock()?;
    if !fs::read_to_string(&marker).is_ok_and(|unpacked| unpacked == pinned) {
        let is_missing =
            "xz is missing: install it (Debian: xz-utils), to unpack the addon's old C library";
        ensure!(find(&["xz"]).is_some(), is_missing);
        eprintln!("fetching glibc 2.17 through npm, to link the addon with");
        Node::find(workspace)?.install_copy(workspace, "xtask/sysroot", "sysroot")?;
        let mut tar = Command::new("tar");
        tar.current_dir(&home)
            .arg("-xJf")
            .arg(format!("{PACKAGE}/{TARGET}.tar.xz"));
        run(tar.arg(&inside))?;
        fs::remove_dir_all(home.join("node_modules"))?;
        fs::write(&marker, pinned)?;
    }
    Ok(Some(Sysroot(home.join(inside).display().to_string())))
}

impl Sysroot {
    /// Arguments for the linker. They name the folders, because gcc searches the system's own before the sysroot.
    pub(super) fn for_linker(&self) -> [String; 3] {
        let root = &self.0;
        let arguments = [
            format!("--sysroot={root}"),
            format!("-L{root}/usr/lib"),
            format!("-L{root}/lib"),
        ];
        arguments.map(|argument| format!("-Clink-arg={argument}"))
    }

    /// The variable with the C compiler's flags, where C code must be compiled with the old headers too.
    pub(super) fn for_headers(&self) -> Option<(&'static str, String)> {
        let host = capture(Command::new("getconf").arg("GNU_LIBC_VERSION")).ok()?;
        let is_newer = version(host.trim().strip_prefix("glibc ")?) > HEADERS;
        // Cargo has set those of `.cargo/config.toml`.
        let own = env::var(C_FLAGS).unwrap_or_default();
        is_newer.then(|| (C_FLAGS, format!("{own} --sysroot={}", self.0)))
    }
}

/// Fails where an addon or a program needs what the floor lacks.
pub(super) fn check(built: &Path) -> Result<()> {
    if IS_GLIBC {
        let symbols = capture(Command::new("objdump").arg("--dynamic-syms").arg(built))?;
        ensure!(
            symbols.contains("GLIBC_"),
            "objdump shows no symbol of glibc"
        );
        let faults = faults(&symbols).join(", ");
        ensure!(
            faults.is_empty(),
            "{} does not load with glibc 2.28, as Node 22 does: {faults}",
            built.display()
        );
        eprintln!("{} loads with glibc 2.28", built.display());
    }
    Ok(())
}

/// The symbols that the floor lacks. Reads lines such as `0000 DF *UND* 0000 (GLIBC_2.2.5) dlsym`, with a `w` before `*UND*` for a
/// symbol that may be missing. One without a version is in no library, unless Node provides it.
fn faults(symbols: &str) -> Vec<&str> {
    let needed = symbols.lines().filter_map(|line| line.split_once("*UND*"));
    let needed = needed.filter_map(|(flags, symbol)| {
        let is_weak = flags.split_whitespace().any(|flag| flag == "w");
        let words: Vec<&str> = symbol.split_whitespace().skip(1).collect();
        let is_there = match words.as_slice() {
            [name] => is_weak || name.starts_with("napi_"),
            [its, _] => match its.trim_matches(['(', ')']).strip_prefix("GLIBC_") {
                Some(its) => version(its) <= FLOOR,
                None => true,
            },
            _ => false,
        };
        (!is_there).then_some(symbol.trim())
    });
    needed.collect()
}

/// The first two numbers of a version such as `2.3.4`. One that is not a number, such as `PRIVATE`, is newer than all.
pub(super) fn version(text: &str) -> [u32; 2] {
    let mut parts = text.split('.').map(|part| part.parse().unwrap_or(u32::MAX));
    [(); 2].map(|()| parts.next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_floor_lacks_is_named() {
        let fine = "a:     file format elf64-x86-64\n\nDYNAMIC SYMBOL TABLE:\n\
             0000000000000000      DF *UND*\t0000000000000000 (GLIBC_2.2.5) dlsym\n\
             0000000000000000      DF *UND*\t0000000000000000  GLIBC_2.28 fcntl64\n\
             0000000000000000      DF *UND*\t0000000000000000 (GCC_3.0)   _Unwind_Resume\n\
             0000000000000000      D  *UND*\t0000000000000000              napi_create_object\n\
             0000000000000000  w   D  *UND*\t0000000000000000              gettid\n\
             0000000000014fe0 g    DF .text\t0000000000000021  Base        napi_register_module_v1\n";
        assert!(faults(fine).is_empty(), "{:?}", faults(fine));
        let wrong = "0 DF *UND*\t0 (GLIBC_2.34) dlsym\n0  w  DF *UND*\t0 (GLIBC_2.30) gettid\n\
             0 DF *UND*\t0 (GLIBC_PRIVATE) secret\n0 D *UND*\t0  __isoc23_strtol\n";
        let found: Vec<_> = faults(wrong)
            .iter()
            .filter_map(|one| one.split_whitespace().last())
            .collect();
        assert_eq!(found, ["dlsym", "gettid", "secret", "__isoc23_strtol"]);
    }
}
