//! Checks the oldest C library with which the addon loads: it may need nothing newer than Node 22 itself does, glibc 2.28.
//!
//! Reads the file with `objdump`, which comes with every linker, and runs nothing of it. An unversioned symbol that no
//! library has would end the process too; symbols that Node provides all have one prefix.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::process::capture;

/// Node 22's requirement, as major and minor version.
const FLOOR: (u32, u32) = (2, 28);
/// The prefix of symbols that Node provides.
const OF_NODE: &str = "napi_";

/// Checks the addon; returns a one-line summary of its requirements.
pub(super) fn check(addon: &Path) -> Result<String> {
    let symbols = capture(Command::new("objdump").arg("--dynamic-syms").arg(addon))?;
    let (newest, faults) = judge(&symbols);
    ensure!(
        newest > (0, 0),
        "objdump shows no symbol of glibc in {}",
        addon.display()
    );
    ensure!(
        faults.is_empty(),
        "the addon does not load with glibc {}.{}, which is the floor of Node 22; it asks for {}",
        FLOOR.0,
        FLOOR.1,
        faults.join(", ")
    );
    Ok(format!(
        "the addon needs glibc {}.{}; the floor is {}.{}",
        newest.0, newest.1, FLOOR.0, FLOOR.1
    ))
}

/// The newest version that is required, and the symbols that the floor lacks. Reads lines such as
/// `0000 DF *UND* 0000 (GLIBC_2.2.5) dlsym`, with a `w` before `*UND*` for a symbol that may be missing.
fn judge(symbols: &str) -> ((u32, u32), Vec<String>) {
    let mut newest = (0, 0);
    let mut faults = Vec::new();
    for (flags, symbol) in symbols.lines().filter_map(|line| line.split_once("*UND*")) {
        let is_weak = flags.split_whitespace().any(|flag| flag == "w");
        let words: Vec<_> = symbol.split_whitespace().skip(1).collect();
        match words.as_slice() {
            [name] if is_weak || name.starts_with(OF_NODE) => {}
            [version, name] => {
                let version = version.trim_matches(['(', ')']).strip_prefix("GLIBC_");
                if let Some(version) = version.map(numbers) {
                    newest = newest.max(version);
                    if version > FLOOR {
                        faults.push(format!("{name} of glibc {}.{}", version.0, version.1));
                    }
                }
            }
            other => faults.push(format!(
                "{}, which no library of the floor is known to have",
                other.join(" ")
            )),
        }
    }
    (newest, faults)
}

/// The first two numbers of a version such as `2.3.4`. One that is not a number, such as `PRIVATE`, is newer than all.
fn numbers(version: &str) -> (u32, u32) {
    let mut parts = version
        .split('.')
        .map(|part| part.parse().unwrap_or(u32::MAX));
    (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_and_below_are_fine() {
        let found = judge(
            "a:     file format elf64-x86-64\n\nDYNAMIC SYMBOL TABLE:\n\
             0000000000000000      DF *UND*\t0000000000000000 (GLIBC_2.2.5) dlsym\n\
             0000000000000000      DF *UND*\t0000000000000000  GLIBC_2.28 fcntl64\n\
             0000000000000000      DF *UND*\t0000000000000000 (GCC_3.0)   _Unwind_Resume\n\
             0000000000000000      D  *UND*\t0000000000000000              napi_create_object\n\
             0000000000000000  w   D  *UND*\t0000000000000000              gettid\n\
             0000000000014fe0 g    DF .text\t0000000000000021  Base        napi_register_module_v1\n",
        );
        assert_eq!(found, ((2, 28), Vec::new()));
    }

    #[test]
    fn what_the_floor_lacks_is_named() {
        let (_, faults) = judge(
            "0 DF *UND*\t0 (GLIBC_2.34) dlsym\n0  w  DF *UND*\t0 (GLIBC_2.30) gettid\n\
             0 DF *UND*\t0 (GLIBC_PRIVATE) secret\n0 D *UND*\t0  __isoc23_strtol\n",
        );
        assert_eq!(faults.len(), 4, "{faults:?}");
        assert_eq!(faults[0], "dlsym of glibc 2.34");
        assert!(
            faults[3].starts_with("__isoc23_strtol, which no library"),
            "{faults:?}"
        );
    }

    /// The test binary itself is linked with this machine's library.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn a_program_is_read() {
        let own = std::env::current_exe().unwrap();
        let symbols = capture(Command::new("objdump").arg("--dynamic-syms").arg(own)).unwrap();
        assert!(judge(&symbols).0 >= (2, 2), "{symbols}");
    }
}
