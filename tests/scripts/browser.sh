#!/usr/bin/env bash
# The journey and the console in a headless Chromium. The pictures stay in target/screenshots.
source "$(dirname "$0")/host.sh"

npm ci --prefix tests/browser
# Two attempts, so that what fails is given up at once.
export AUTHLINK_DELIVERY_WAITS_SECS=1
host
chromium=${CHROMIUM:-/usr/bin/chromium}
secret=$work/folder/parties/access-key-secret.txt
node tests/browser/journey.mjs --demo "$merchant" --authlink "$authlink" --secret "$secret" \
  --screenshots target/screenshots --browser "$chromium"

curl -fsS -o "$work/faults.json" -X POST "$merchant/api/faults" -H 'content-type: application/json' \
  -d '{"merchant":"server-error"}'
serials=()
for _ in 1 2 3 4 5; do
  ask_for_link
  consent
  serials+=("$serial_no")
done
for serial_no in "${serials[@]}"; do
  for ((tenths = 0; tenths < 200; tenths++)); do
    [[ $(shown_status) == UNDELIVERABLE ]] && break
    sleep 0.1
  done
done
start console cargo run -q -- --folder "$work/folder" console --write
await console "Whoever has the address" 60
console=$(head -n 1 "$work/console.log")
node tests/browser/console.mjs --console "$console" --authlink "$authlink" --secret "$secret" \
  --serials "$(IFS=,; echo "${serials[*]}")" --screenshots target/screenshots --browser "$chromium"
