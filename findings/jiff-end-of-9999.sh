#!/usr/bin/env bash
# jiff 0.2.46, seen on 2026-11-28 with Rust 1.95.
#
# A back end that wants to say "this session does not end" writes 9999-12-31T23:59:59Z. jiff counts years up to 9999, and still its
# `Timestamp` does not hold that second: it ends 26 hours earlier, so that each instant has a civil date in every time zone. Its civil
# `DateTime` of the same text is fine.
#
# Output seen:
#   timestamp 9999-12-31T23:59:59Z: no
#   timestamp 9999-12-30T21:59:59Z: yes
#   civil     9999-12-31T23:59:59:  yes
#
# Why our users care: a client that reads `expires_at` into a jiff `Timestamp` refuses the whole session, and its person cannot sign in.
# Read the text as a civil date and its offset, and cap it.
#
# Exits with 1 where this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/src"
cat > "$folder/Cargo.toml" <<'TOML'
[package]
name = "seen"
version = "0.0.0"
edition = "2024"
[dependencies]
jiff = { version = "=0.2.46", default-features = false, features = ["alloc"] }
[workspace]
TOML
cat > "$folder/src/main.rs" <<'RS'
use jiff::{Timestamp, civil::DateTime};

fn main() {
    let said = |is: bool| if is { "yes" } else { "no" };
    for text in ["9999-12-31T23:59:59Z", "9999-12-30T21:59:59Z"] {
        println!("timestamp {text}: {}", said(text.parse::<Timestamp>().is_ok()));
    }
    let text = "9999-12-31T23:59:59";
    println!("civil     {text}:  {}", said(text.parse::<DateTime>().is_ok()));
}
RS
seen=$(cd "$folder" && cargo run --quiet)
echo "$seen"
[ "$seen" = "timestamp 9999-12-31T23:59:59Z: no
timestamp 9999-12-30T21:59:59Z: yes
civil     9999-12-31T23:59:59:  yes" ]
