#!/usr/bin/env bash
# template.yaml must be clean to its own tools. Leaves it, as CloudFormation gets to see it, for the tests in tests/aws.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export AWS_DEFAULT_REGION=us-east-1 SAM_CLI_TELEMETRY=0

.venv/bin/sam validate --lint
.venv/bin/cfn-lint --regions us-east-1 ap-southeast-1 cn-north-1 -- template.yaml
# A check that is skipped has its reason beside the resource.
.venv-checkov/bin/checkov --file template.yaml --framework cloudformation --compact --quiet --skip-download
.venv/bin/python tests/scripts/runbook.py
kept=${CARGO_TARGET_DIR:-target}/tmp
mkdir -p "$kept"
.venv/bin/python tests/scripts/processed_template.py >"$kept/template.json"
echo "ok: template.yaml"
