#!/usr/bin/env bash
# One whole journey on a fresh host, by HTTP alone; OpenSSL verifies the callback that the merchant received.
source "$(dirname "$0")/host.sh"

# header NAME: of the callback, as it came over the wire.
header() {
  jq -r --arg name "$1: " '.request | split("\n")[] | select(startswith($name)) | ltrimstr($name)' "$work/callback.json"
}

verify() {
  openssl dgst -sha256 -verify "$work/folder/parties/callback.pub.pem" -signature "$work/sign" "$1"
}

host
ask_for_link
consent
await_callback

{
  printf 'businessId=%s&nonce=%s&timestamp=%s' "$(header businessid)" "$(header nonce)" "$(header timestamp)"
  jq -j '.request | .[index("\n\n") + 2:]' "$work/callback.json"
} >"$work/signed"
header sign | openssl base64 -d -A >"$work/sign"
verify "$work/signed" || fail "OpenSSL refuses the callback's signature"
sed 's/"openId":"./&x/' "$work/signed" >"$work/altered"
cmp -s "$work/signed" "$work/altered" && fail "the callback has no openId"
verify "$work/altered" >/dev/null 2>&1 && fail "OpenSSL accepts an altered callback"

query=$(cargo run -q -- call query --folder "$work/folder" --serial-no "$serial_no" --to "$authlink" | tail -n 1)
told=$(jq -j '.data | "\(.openId) \(.authTime) \(.delivery.state)"' <<<"$query")
delivered=$(jq -r '.request | .[index("\n\n") + 2:]' "$work/callback.json" | jq -j '"\(.openId) \(.authTime) DELIVERED"')
[[ $told == "$delivered" ]] || fail "the query tells $told, and the callback told $delivered"

# curled CALL OPTION...: the answer to the curl command that is printed for a call.
curled() {
  cargo run -q -- call "$@" --folder "$work/folder" --to "$authlink" --curl >"$work/call.sh" || fail "no command for $1"
  sh "$work/call.sh"
}

user="it's \$HOME"
[[ $(curled link --serial-no curl-1 --user-id "$user" | jq .status) == 0 ]] || fail "curl gets no link"
[[ $(curled link --serial-no curl-2 --md5 | jq .status) == 0 ]] || fail "curl gets no link by MD5"
[[ $(curled query --serial-no curl-1 | jq -r .data.userId) == "$user" ]] || fail "curl's query tells of another user"
[[ $(curled get-authorization-url --phone 13900001234 --scheme 234 | jq -r .Code) == OK ]] ||
  fail "curl gets no link of GetAuthorizationUrl"

status=$(shown_status)
[[ $status == DELIVERED ]] || fail "$serial_no is $status"
echo "ok: $serial_no was delivered, and OpenSSL verifies it"
