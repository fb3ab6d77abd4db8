//! Checks the oldest C library with which the addon loads: it may need nothing newer than Node 22 itself does, glibc 2.28.
//!
//! Reads the file and runs nothing. An unversioned symbol that no library has would end the process too; symbols that Node
//! provides all have one prefix.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use object::Endianness;
use object::elf::STB_WEAK;
use object::read::elf::{ElfFile64, Sym as _};

/// Node 22's requirement, as major and minor version.
const FLOOR: (u32, u32) = (2, 28);
/// The prefix of symbols that Node provides.
const OF_NODE: &str = "napi_";

/// Checks the addon; returns a one-line summary of its requirements.
pub(super) fn check(addon: &Path) -> Result<String> {
    let data = fs::read(addon).with_context(|| format!("{}", addon.display()))?;
    let asked = undefined(&data).with_context(|| format!("{}", addon.display()))?;
    let (newest, faults) = judge(&asked);
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

/// A symbol that a library must provide.
struct Undefined {
    name: String,
    version: Option<String>,
    is_weak: bool,
}

fn undefined(data: &[u8]) -> Result<Vec<Undefined>> {
    let file = ElfFile64::<Endianness>::parse(data)?;
    let endian = file.endian();
    let versions = file
        .elf_section_table()
        .versions(endian, data)?
        .context("has no versions of symbols")?;
    let symbols = file.elf_dynamic_symbol_table();
    let mut all = Vec::new();
    for (index, symbol) in symbols.enumerate() {
        if !symbol.is_undefined(endian) || symbol.st_name(endian) == 0 {
            continue;
        }
        let version = versions.version(versions.version_index(endian, index).index())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        all.push(Undefined {
            name: text(symbols.symbol_name(endian, symbol)?),
            version: version.map(|version| text(version.name())),
            is_weak: symbol.st_bind() == STB_WEAK,
        });
    }
    Ok(all)
}

/// The newest version that is required, and the symbols that the floor lacks.
fn judge(asked: &[Undefined]) -> ((u32, u32), Vec<String>) {
    let mut newest = (0, 0);
    let mut faults = Vec::new();
    for Undefined {
        name,
        version,
        is_weak,
    } in asked
    {
        match version.as_deref() {
            None if *is_weak || name.starts_with(OF_NODE) => {}
            None => faults.push(format!(
                "{name}, which no library of the floor is known to have"
            )),
            Some(version) => {
                let Some(version) = version.strip_prefix("GLIBC_").map(numbers) else {
                    continue;
                };
                newest = newest.max(version);
                if version > FLOOR {
                    faults.push(format!("{name} of glibc {}.{}", version.0, version.1));
                }
            }
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

    fn asks(name: &str, version: Option<&str>, is_weak: bool) -> Undefined {
        Undefined {
            name: name.to_owned(),
            version: version.map(str::to_owned),
            is_weak,
        }
    }

    #[test]
    fn the_floor_and_below_are_fine() {
        let (newest, faults) = judge(&[
            asks("dlsym", Some("GLIBC_2.2.5"), false),
            asks("fcntl64", Some("GLIBC_2.28"), false),
            asks("_Unwind_Resume", Some("GCC_3.0"), false),
            asks("napi_create_object", None, false),
            asks("gettid", None, true),
        ]);
        assert_eq!((newest, faults), ((2, 28), Vec::new()));
    }

    #[test]
    fn what_the_floor_lacks_is_named() {
        let (_, faults) = judge(&[
            asks("dlsym", Some("GLIBC_2.34"), false),
            asks("gettid", Some("GLIBC_2.30"), true),
            asks("secret", Some("GLIBC_PRIVATE"), false),
            asks("__isoc23_strtol", None, false),
        ]);
        assert_eq!(faults.len(), 4, "{faults:?}");
        assert_eq!(faults[0], "dlsym of glibc 2.34");
    }

    /// The test binary itself is linked with this machine's library.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn a_program_is_read() {
        let data = fs::read(std::env::current_exe().unwrap()).unwrap();
        let asked = undefined(&data).unwrap();
        let malloc = asked.iter().find(|symbol| symbol.name == "malloc").unwrap();
        assert!(malloc.version.as_deref().unwrap().starts_with("GLIBC_2."));
        assert!(undefined(b"no program").is_err());
    }
}
