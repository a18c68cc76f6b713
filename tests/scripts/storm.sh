#!/usr/bin/env bash
# A storm against the program `authlink`: authorizations by the thousand, while its process, the gateway and the
# merchants fail. Arguments go to the storm; report and log go to target/storm.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# All of the workspace, so that nothing is built with other features than for the tests.
cargo build --quiet --workspace --bin authlink --bin storm
exec target/debug/storm "$@"
