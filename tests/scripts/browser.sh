#!/usr/bin/env bash
# The journey in a headless Chromium. The pictures stay in target/screenshots.
source "$(dirname "$0")/host.sh"

npm ci --prefix tests/browser
host
node tests/browser/journey.mjs --demo "$merchant" --authlink "$authlink" \
  --secret "$work/folder/parties/access-key-secret.txt" --screenshots target/screenshots \
  --browser "${CHROMIUM:-/usr/bin/chromium}"
