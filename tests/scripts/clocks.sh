#!/usr/bin/env bash
# The clock of the program `authlink` is set while it runs, by libfaketime (Debian's package `faketime`). Arguments go to
# the program `clocks`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# All of the workspace, so that nothing is built with other features than for the tests.
cargo build --quiet --workspace --bin authlink --bin clocks
exec target/debug/clocks "$@"
