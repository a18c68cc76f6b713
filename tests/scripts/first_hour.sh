#!/usr/bin/env bash
# An operator's first hour, as docs/first-hour.md has it, on a fresh host, by the program as the page installs it. What
# was typed and printed is kept in target/first-hour.txt.
source "$(dirname "$0")/host.sh"

install="cargo install --locked --path local"
for page in docs/first-hour.md docs/zh/first-hour.md; do
  grep -qxF "$install" "$page" || fail "$page does not install the program by: $install"
done
# As the tests are built, so that most of it is built already.
$install --quiet --debug --target-dir target --root "$work/installed" --no-track
mkdir "$work/hour"
ln -s "$work/folder" "$work/hour/.authlink"
host
python3 tests/scripts/first_hour.py "$work/installed/bin/authlink" "$work/hour" "$authlink" "$emulator" "$merchant" \
  target/first-hour.txt
