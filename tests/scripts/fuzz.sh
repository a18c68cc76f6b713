#!/usr/bin/env bash
# Fuzzes target after target in rounds of CASES, until each has had its MINUTES, one round at least: fuzz.sh MINUTES CASES
# [TARGET…]. What fails is added to tests/fuzz.regressions, which every run begins with.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
minutes=$1 cases=$2
shift 2

program=$(cargo test --workspace --quiet --no-run --test authlink --message-format=json |
  jq -r 'select(.target.name == "authlink" and .executable != null).executable')
targets=("$@")
if ((${#targets[@]} == 0)); then
  mapfile -t targets < <("$program" --list --format terse fuzz:: | sed 's/: test$//')
fi

cd tests
for target in "${targets[@]}"; do
  tried=0 since=$SECONDS
  while ((tried == 0 || SECONDS - since < minutes * 60)); do
    said=$(CARGO_MANIFEST_DIR=$PWD PROPTEST_CASES=$cases "$program" --quiet --nocapture --exact "$target")
    # A slow target takes a share of them.
    tried=$((tried + $(sed -n 's/^\([0-9]*\) cases$/\1/p' <<<"$said")))
  done
  printf '%-45s %10d cases %6d s\n' "$target" "$tried" $((SECONDS - since))
done
