#!/usr/bin/env bash
# Alibaba Cloud's official SDKs against the local host: every answer of GetAuthorizationUrl, as each of them raises it.
# All at once, each with a host of its own.
set -euo pipefail
cd "$(dirname "$0")/../.."

logs=$(mktemp -d)
checks=()

# Each ends its host when it is told to end itself.
finish() {
  local status=$?
  trap - EXIT INT TERM
  kill "${checks[@]}" 2>/dev/null || true
  wait
  tail -n +1 "$logs"/*
  rm -rf "$logs"
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# check PACKAGE==VERSION [FOLDER]: the SDK as it is in .venv-sdk, or in a folder that comes before it.
check() {
  PYTHONPATH=tests/e2e${2:+:$2} .venv-sdk/bin/python -m pytest -q -p no:cacheprovider --disable-warnings \
    --rootdir tests/sdk --sdk="$1" tests/sdk >"$logs/${1//\//-}" 2>&1 &
  checks+=($!)
}

cargo build -q --bin authlink
check alibabacloud-dypnsapi20170525==2.0.0
check alibabacloud-dypnsapi20170525==1.2.2 .venv-sdk/v1
check aliyun-python-sdk-dypnsapi==1.1.13
check @alicloud/dypnsapi20170525==2.0.0

failed=0
for pid in "${checks[@]}"; do
  wait "$pid" || failed=1
done
exit "$failed"
