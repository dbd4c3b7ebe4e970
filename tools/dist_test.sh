#!/usr/bin/env bash
# tools/dist_test.sh CONFIG CHECKPOINT GPUS [flags of test.py]
# Several machines: see tools/torchrun.sh.
set -euo pipefail
if [ $# -lt 3 ]; then
    sed -n '2,3s/^# //p' "$0" >&2
    exit 1
fi
exec "$(dirname "$0")/torchrun.sh" "$3" test.py "$1" "$2" \
    --launcher pytorch "${@:4}"
