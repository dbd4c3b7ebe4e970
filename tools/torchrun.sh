#!/usr/bin/env bash
# tools/torchrun.sh GPUS SCRIPT [arguments of SCRIPT]
# What dist_train.sh and dist_test.sh share.  Without a GPU the ranks talk
# through gloo.  For several machines set NNODES, NODE_RANK, MASTER_ADDR and
# PORT on each, as torchrun has them.  On one machine torchrun finds a free
# port by itself, unless PORT or MASTER_ADDR is set.  The first
# machine has to answer within 45 seconds, all of them to be there within 600;
# MEETING_TIMEOUT=SECONDS sets both, e.g. where the first one starts late.
set -euo pipefail
if [ $# -lt 2 ]; then
    sed -n '2s/^# //p' "$0" >&2
    exit 1
fi
root=$(cd "$(dirname "$0")/.." && pwd)
if [ -z "${PYTHON:-}${VIRTUAL_ENV:-}" ] && [ -x "$root/.venv/bin/python" ]; then
    PYTHON="$root/.venv/bin/python" # what `make` has set up
fi
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
# One thread a rank: torchrun and MMEngine would choose the same and warn.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
export MKL_NUM_THREADS="${MKL_NUM_THREADS:-1}"
if [ "${NNODES:-1}" = 1 ] && [ -z "${PORT:-}${MASTER_ADDR:-}" ]; then
    meeting=(--standalone)
else
    meeting=(
        --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}"
        --master_addr="${MASTER_ADDR:-127.0.0.1}"
        --master_port="${PORT:-29500}"
    )
fi
exec "${PYTHON:-python}" "$root/tools/torchrun.py" "${meeting[@]}" \
    --nproc_per_node="$1" "$root/tools/$2" "${@:3}"
