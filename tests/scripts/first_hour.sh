#!/usr/bin/env bash
# An operator's first hour, as docs/first-hour.md has it, on a fresh host.
source "$(dirname "$0")/host.sh"

mkdir "$work/hour"
ln -s "$work/folder" "$work/hour/.authlink"
host
python3 tests/scripts/first_hour.py target/debug/authlink "$work/hour" "$authlink" "$emulator" "$merchant"
