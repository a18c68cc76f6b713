#!/usr/bin/env bash
# Asks authlink for a link, queries it, and receives the callback. bash, curl, openssl and jq; to receive, socat.
set -euo pipefail

: "${BUSINESS_ID:?}" "${SIGN_TYPE:=SHA256-RSA}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# string_to_sign BUSINESS_ID NONCE SIGN_TYPE TIMESTAMP BODY_FILE: the kind of signature only if that header is sent.
string_to_sign() {
  printf 'businessId=%s&nonce=%s%s&timestamp=%s' "$1" "$2" "${3:+&signType=$3}" "$4"
  cat "$5"
}

# md5 FILE: the string is followed by the key.
md5() {
  { cat "$1" && tr -d '\r\n' <"$MD5_KEY_FILE"; } | openssl md5 -r | cut -c 1-32 | tr a-f A-F
}

sign() {
  if [[ $SIGN_TYPE == MD5 ]]; then
    md5 "$1"
  else
    openssl dgst -sha256 -sign "$PRIVATE_KEY_FILE" "$1" | openssl base64 -A
  fi
}

# verify FILE SIGNATURE: by the kind that was agreed on, never by the one that a callback's header names.
verify() {
  if [[ $SIGN_TYPE == MD5 ]]; then
    [[ $(md5 "$1") == "$2" ]]
  else
    openssl base64 -d -A <<<"$2" >"$work/sign"
    openssl dgst -sha256 -verify "$AUTHLINK_PUBLIC_KEY_FILE" -signature "$work/sign" "$1" >"$work/verified" 2>&1
  fi
}

# call PATH FIELDS: what is signed and what is sent are the bytes of one file.
call() {
  local nonce timestamp
  nonce=$(openssl rand -hex 16)
  timestamp=$(date +%s%3N)
  jq -jc --arg merchant "$MERCHANT_ID" --arg business "$BUSINESS_ID" \
    '{merchantId: $merchant, businessId: $business} + .' <<<"$2" >"$work/body"
  string_to_sign "$BUSINESS_ID" "$nonce" "$SIGN_TYPE" "$timestamp" "$work/body" >"$work/string"
  curl -sS --max-time 35 "$ENDPOINT/v1/openapi/auth/alipay/$1" --data-binary @"$work/body" \
    -H 'Content-Type: application/json; charset=utf-8' -H "businessId: $BUSINESS_ID" -H "nonce: $nonce" \
    -H "timestamp: $timestamp" -H "signType: $SIGN_TYPE" -H "sign: $(sign "$work/string")"
}

# Goes into the database, under the unique serialNo: a callback may come more than once.
save() {
  jq -r '"\(.serialNo) \(.userId) \(.openId // .alipayUserId)"' "$1" >&2
}

# Answers one HTTP request, which comes in by standard input.
receive() {
  local line name value
  declare -A header=()
  read -r line
  while IFS= read -r line && line=${line%$'\r'} && [[ -n $line ]]; do
    name=${line%%:*} value=${line#*:}
    header[${name,,}]=${value# }
  done
  head -c "${header[content-length]:-0}" >"$work/body"
  string_to_sign "${header[businessid]-}" "${header[nonce]-}" "${header[signtype]-}" "${header[timestamp]-}" \
    "$work/body" >"$work/string"
  if [[ ${header[businessid]-} == "$BUSINESS_ID" ]] && verify "$work/string" "${header[sign]-}"; then
    save "$work/body"
    printf 'HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\nSUCCESS'
  else
    printf 'HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\nConnection: close\r\n\r\nFAIL'
  fi
}

case ${1-}$# in
  link4)
    fields=$(jq -n --arg serial "$2" --arg user "$3" --arg callback "$4" \
      '{serialNo: $serial, userId: $user, callbackUrl: $callback}')
    call url "$fields" | jq -er '.data.alipayAuthUrl // error("status \(.status): \(.message)")'
    ;;
  query2) call query "$(jq -n --arg serial "$2" '{serialNo: $serial}')" ;;
  listen2) socat "TCP-LISTEN:$2,bind=127.0.0.1,reuseaddr,fork" EXEC:"'$0' receive" ;;
  receive1) receive ;;
  *) echo "usage: $0 link SERIAL_NO USER_ID CALLBACK_URL | query SERIAL_NO | listen PORT" >&2 && exit 2 ;;
esac
