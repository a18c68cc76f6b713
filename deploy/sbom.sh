#!/usr/bin/env bash
# A bill of materials (CycloneDX 1.5, JSON) of each function as it is deployed: sbom.sh FOLDER FUNCTION…
# cargo-cyclonedx describes a workspace with the features of all its members together; what a function does not have by
# itself, as the embedded store, is taken out again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=$1
shift
target=x86_64-unknown-linux-gnu

mkdir -p "$folder"
trap 'find . -path ./target -prune -o -name workspace.cdx.json -exec rm {} +' EXIT
cargo cyclonedx --quiet --format json --spec-version 1.5 --target $target --no-build-deps \
  --override-filename workspace.cdx
for function in "$@"; do
  own=$(cargo tree --locked --package "$function" --edges normal --target $target --prefix none --format '{p}' |
    awk '{print $1 "@" substr($2, 2)}' | sort -u | jq --raw-input . | jq --slurp .)
  jq --argjson own "$own" '
    .components |= map(select(.name + "@" + .version | IN($own[])))
    | [.components[]."bom-ref", .metadata.component."bom-ref"] as $refs
    | .dependencies |= map(select(.ref | IN($refs[]))
        | if has("dependsOn") then .dependsOn |= map(select(IN($refs[]))) else . end)
    | if (.components | length) + 1 == ($own | length) then . else error("components are missing") end
  ' "functions/$function/workspace.cdx.json" >"$folder/$function.cdx.json"
  echo "$folder/$function.cdx.json: $(jq '.components | length' "$folder/$function.cdx.json") components"
done
