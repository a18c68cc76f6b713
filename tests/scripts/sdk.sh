#!/usr/bin/env bash
# Alipay's official SDKs against the emulator: each exchanges a code and checks the answer's signature by itself.
source "$(dirname "$0")/host.sh"

host
app=(--gateway "$emulator/gateway.do" --app-id 2021000000000001
  --app-private-key "$work/folder/parties/app.pem" --alipay-public-key "$work/folder/parties/alipay.pub.pem")
.venv/bin/python tests/sdk/alipay_sdk.py "${app[@]}" --auth-code "$(mint_code)"
node tests/sdk/alipay_sdk.mjs "${app[@]}" --auth-code "$(mint_code)"
