#!/usr/bin/env bash
# tools/dist_train.sh CONFIG GPUS [flags of train.py]
# Several machines: see tools/torchrun.sh.
set -euo pipefail
if [ $# -lt 2 ]; then
    sed -n '2,3s/^# //p' "$0" >&2
    exit 1
fi
exec "$(dirname "$0")/torchrun.sh" "$2" train.py "$1" \
    --launcher pytorch "${@:3}"
