#!/usr/bin/env bash
# Alipay's official SDKs against the emulator: each exchanges a code and checks the answer's signature by itself, by keys
# and by certificates.
source "$(dirname "$0")/host.sh"

host
parties="$work/folder/parties"
app=(--gateway "$emulator/gateway.do" --app-id 2021000000000001 --app-private-key "$parties/app.pem")
keys=(--alipay-public-key "$parties/alipay.pub.pem")
certificates=(--app-certificate "$parties/app.crt" --alipay-certificate "$parties/alipay.crt"
  --root-certificates "$parties/alipay-root.crt")
.venv/bin/python tests/sdk/alipay_sdk.py "${app[@]}" "${keys[@]}" --auth-code "$(mint_code)"
.venv/bin/python tests/sdk/alipay_sdk.py "${app[@]}" "${certificates[@]}" --auth-code "$(mint_code)"
node tests/sdk/alipay_sdk.mjs "${app[@]}" "${keys[@]}" --auth-code "$(mint_code)"
node tests/sdk/alipay_sdk.mjs "${app[@]}" "${certificates[@]}" --auth-code "$(mint_code)"
