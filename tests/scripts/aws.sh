#!/usr/bin/env bash
# The tests of what is made of AWS, against an emulator of it on a free port of this machine. Arguments go to the tests.
source "$(dirname "$0")/host.sh"

tests/scripts/template.sh
# Two processes share the files; each has an emulator of its own.
.venv/bin/python -m pytest -q -p no:cacheprovider -n 2 --dist loadfile tests/deploy

export AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
port=$(free_port)
export AWS_ENDPOINT_URL=http://127.0.0.1:$port

cargo test --no-run --workspace --features tests/aws-emulator --test aws
start ministack .venv-emulator/bin/python tests/scripts/aws_emulator.py "$port"
await ministack "Running on http://127.0.0.1:$port" 60
cargo test --workspace --features tests/aws-emulator --test aws -- "$@"
