#!/bin/sh
# The compiler of `cargo xtask fuzz`, as Cargo's wrapper. SanitizerCoverage, as cargo-fuzz asks for it, but only in what judges
# the input, here and in the second readers beside it. Elsewhere it would show the search nothing, and take most of the time.
case "$CARGO_CRATE_NAME" in
mastra_auth_* | fuzz | servers | cookie | form_urlencoded | percent_encoding | serde_json | url)
  set -- "$@" -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares
  ;;
esac
exec "$@"
