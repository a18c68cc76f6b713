# Hosts what one check needs, on free ports and in a folder of its own, and ends all of it by process id when the check
# ends. To be sourced. It also knows the steps of the journey that several checks take.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

work=$(mktemp -d)
running=()
reason=

finish() {
  local status=$? pid
  trap - EXIT INT TERM
  for pid in "${running[@]}"; do
    kill "$pid" 2>/dev/null || true
  done
  for pid in "${running[@]}"; do
    for ((tenths = 0; tenths < 100; tenths++)); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
    kill -9 "$pid" 2>/dev/null || true
  done
  if ((status != 0)); then
    tail -n 40 "$work"/*.log >&2 || true
    echo "failed: ${reason:-status $status}" >&2
  fi
  rm -rf "$work"
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
  reason=$*
  exit 1
}

# start NAME COMMAND...: in the background, with its output in a log of that name.
start() {
  local name=$1
  shift
  : >"$work/$name.log"
  "$@" </dev/null >"$work/$name.log" 2>&1 &
  running+=($!)
}

# await NAME TEXT SECONDS: until the log of what was started last has the text.
await() {
  local pid=${running[-1]}
  for ((tenths = 0; tenths < $3 * 10; tenths++)); do
    if grep -qF -- "$2" "$work/$1.log"; then return; fi
    kill -0 "$pid" 2>/dev/null || fail "$1 ended by itself"
    sleep 0.1
  done
  fail "$1 did not say '$2' within $3 s"
}

# host OPTION...: the local host by `cargo run`; sets the addresses of its parties.
host() {
  cargo build -q --bin authlink
  start host cargo run -q -- --folder "$work/folder" --port 0 --emulator-port 0 --merchant-port 0 "$@"
  await host "authlink is ready" 60
  merchant=$(address "demo page")
  authlink=$(address "authlink")
  emulator=$(address "emulator of Alipay")
}

address() {
  sed -n "s|^ *$1  *\(http://[^ ]*\)/\$|\1|p" "$work/host.log"
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Asks for a link as a merchant does; sets it, its serialNo and its state.
ask_for_link() {
  cargo run -q -- call link --folder "$work/folder" --to "$authlink" --callback-url "$merchant/callback" >"$work/request.log" 2>&1 ||
    fail "there is no link"
  link=$(tail -n 1 "$work/request.log")
  serial_no=$(sed -n 's/.*"serialNo":"\([^"]*\)".*/\1/p' "$work/request.log")
  state=$(sed -n 's/.*[?&]state=\([0-9a-f]*\).*/\1/p' <<<"$link")
  [[ -n $serial_no && -n $state ]] || fail "neither serialNo nor state in $work/request.log"
  curl -fsS -o "$work/consent.html" "$link" || fail "the link does not open"
}

mint_code() {
  curl -fsS -X POST "$emulator/_emulator/codes" | jq -er .auth_code
}

# Comes back from Alipay as the consenting user's browser does.
consent() {
  local app_id
  app_id=$(sed -n 's/.*[?&]app_id=\([0-9]*\).*/\1/p' <<<"$link")
  curl -fsS -o "$work/result.html" -H 'Accept-Language: en' \
    "$authlink/v1/openapi/auth/alipay/callback?app_id=$app_id&scope=auth_base&state=$state&auth_code=$(mint_code)"
  grep -qF 'data-outcome="authorized"' "$work/result.html" || fail "the result page says something else"
}

# What the merchant's journal has of the callback of this serialNo; nothing when none came.
callback() {
  curl -fsS "$merchant/api/journal" |
    jq -c --arg serial_no "$serial_no" \
      '[.entries[] | select(.title == "callback-received" and .serialNo == $serial_no)] | .[0] // empty'
}

await_callback() {
  for ((tenths = 0; tenths < 200; tenths++)); do
    callback >"$work/callback.json"
    if [[ -s $work/callback.json ]]; then
      jq -e '.signatureOk' "$work/callback.json" >/dev/null || fail "the callback's signature does not hold"
      return
    fi
    sleep 0.1
  done
  fail "no callback came"
}

# What an operator sees of this serialNo.
shown_status() {
  cargo run -q -- authorizations show --folder "$work/folder" --serial-no "$serial_no" --json | jq -r .state
}
