#!/bin/sh
# The compiler of our own crates in `cargo xtask model`: the core with the locks of its model.
exec "$@" --cfg shuttle
