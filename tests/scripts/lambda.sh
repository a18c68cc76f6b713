#!/usr/bin/env bash
# The functions as Lambda runs them, under `cargo lambda watch`: every event file, and one whole journey in which the
# sweep delivers, because nothing polls a queue here.
source "$(dirname "$0")/host.sh"
PATH=$PWD/.venv/bin:$PATH

# invoke FUNCTION EVENT FILTER: the answer to an event file must satisfy the jq filter.
invoke() {
  local event=functions/$1/events/$2.json
  cargo lambda invoke -A 127.0.0.1 -P "$port" "$1" --data-file "$event" >"$work/answer.log" 2>&1 ||
    fail "$event: $(<"$work/answer.log")"
  jq -e "$3" "$work/answer.log" >/dev/null || fail "$event: $(<"$work/answer.log")"
  echo "ok: $event"
}

# A cargo that notes how it is called: what cargo-lambda builds must unwind, and be what the benches measure.
mkdir "$work/noting"
cat >"$work/noting/cargo" <<NOTING
#!/bin/bash
[[ \$1 == build ]] && { echo "\$*" >"$work/built"; exit 1; }
exec "$(command -v cargo)" "\$@"
NOTING
chmod +x "$work/noting/cargo"
PATH=$work/noting:$PATH cargo-lambda lambda build --release --package openid-callback >/dev/null 2>&1 || true
grep -q 'profile.release.panic' "$work/built" && fail "cargo-lambda changes what a panic does: $(<"$work/built")"
processor=$(sed -n "s/^PROCESSOR_$(uname -m) := //p" Makefile)
grep -q "target-cpu=$processor" "$work/built" || fail "the benches measure another processor's program: $(<"$work/built")"
echo "ok: panics unwind, for $processor"

port=$(free_port)
host --authlink "http://127.0.0.1:$port"
start watch cargo-lambda lambda watch --features embedded -A 127.0.0.1 -P "$port" --ignore-changes --env-file "$work/folder/lambda.env"
await watch "starting Runtime server" 60

invoke alipay-auth-url stale-request '.statusCode == 200 and (.body | fromjson | .status) == 5'
invoke alipay-auth-url no-such-interface '(.body | fromjson | .status) == 4'
invoke authorization-query stale-query '.statusCode == 200 and (.body | fromjson | .status) == 5'
invoke authorization-query nobody-asks '.statusCode == 200 and (.body | fromjson | .status) == 3'
for path in query callback/0; do
  # The router has these paths: alipay-auth-url would say that there is no such interface.
  answer=$(curl -sS -d '{}' "http://127.0.0.1:$port/v1/openapi/auth/alipay/$path")
  [[ -n $answer && $answer != *'"status":4,'* ]] || fail "$path: $answer"
  echo "ok: $path"
done
invoke get-authorization-url stale-call-v1 '.statusCode == 400 and (.body | fromjson | .Code) == "InvalidTimeStamp.Expired"'
invoke get-authorization-url stale-call-v3 '.statusCode == 400 and (.body | fromjson | .Code) == "InvalidTimeStamp.Expired"'
invoke get-authorization-url forged-link '.statusCode == 403 and (.body | contains("data-outcome=\"forged\""))'
for path in / /p/s/web-call-minapp/auth-bao; do
  # The router has these paths: whoever answers is get-authorization-url.
  curl -sS "http://127.0.0.1:$port$path" | grep -qE 'InvalidAction.NotFound|data-outcome="forged"' || fail "$path"
  echo "ok: $path"
done
invoke get-authorization-url nobody-calls '.statusCode == 400 and (.body | fromjson | .Code) == "MissingAccessKeyId"'
invoke openid-callback unknown-link '.statusCode == 404 and (.body | contains("data-outcome=\"unknown-link\""))'
invoke openid-callback callback-of-nobody '.statusCode == 200 and .body == "FAIL"'
invoke openid-callback refusal-of-nobody '.statusCode == 404 and (.body | contains("data-outcome=\"unknown-link\""))'
invoke openid-delivery hint '. == {"batchItemFailures": []}'
invoke openid-delivery not-a-hint '[.batchItemFailures[].itemIdentifier] == ["3f9a6b1e-6f1c-4d0e-9f59-0c1a7f1f5b02"]'
invoke openid-delivery sweep '. == {"batchItemFailures": []}'

ask_for_link
consent
[[ -z $(callback) ]] || fail "the callback came before the sweep"
invoke openid-delivery sweep '. == {"batchItemFailures": []}'
await_callback
status=$(shown_status)
[[ $status == DELIVERED ]] || fail "$serial_no is $status"
echo "ok: $serial_no was delivered by the sweep"
