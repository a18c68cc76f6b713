#!/usr/bin/env bash
# Every page, the journey and the console in a headless Chromium. The pictures stay in target/screenshots.
source "$(dirname "$0")/host.sh"

npm ci --prefix tests/browser
chromium=${CHROMIUM:-/usr/bin/chromium}
rm -rf target/tmp/pages
cargo test -q --workspace --test authlink -- pages::
node tests/browser/pages.mjs --pages target/tmp/pages --screenshots target/screenshots --browser "$chromium"

# Two attempts, so that what fails is given up soon, and the wait between them can be seen.
export AUTHLINK_DELIVERY_WAITS_SECS=10
host
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
