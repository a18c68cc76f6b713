#!/usr/bin/env bash
# Starts of the program `authlink` that are killed in the middle, and starts of two at once. Arguments go to the program
# `starts`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# All of the workspace, so that nothing is built with other features than for the tests.
cargo build --quiet --workspace --bin authlink --bin starts
exec target/debug/starts "$@"
