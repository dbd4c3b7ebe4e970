#!/usr/bin/env bash
# tools/benchmarks/cifar10_to_bccd.sh SEEDS WORK_DIR
# Pretrain on a CIFAR-10 subset with CDS and with cross entropy (equal epochs,
# equal views), convert and prove each, train both detectors on BCCD from each
# and from scratch.  One process, sized for one CPU core: hours.  A run that
# has its last checkpoint is not repeated.  From the environment: PER_CLASS
# images, BCCD_EPOCHS, DETECTORS.
set -euo pipefail
seeds=${1:-"0 1"}
work=${2:-work_dirs/cifar10_to_bccd}
per_class=${PER_CLASS:-150}
epochs=${BCCD_EPOCHS:-6}
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}

train() { # config folder last-checkpoint options...
    local config=$1 folder=$2 last=$3
    shift 3
    [ -f "$folder/$last" ] || "$python" tools/train.py "$config" \
        --work-dir "$folder" --cfg-options "$@" >"$folder.log" 2>&1
}

export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
mkdir -p "$work"
for seed in $seeds; do
    for run in cds_r18_cifar10_cpu:20 baseline_r18_cifar10_cpu:20 \
        baseline_r18_cifar10_40e_cpu:40; do
        name=${run%:*} last=epoch_${run#*:}.pth
        folder=$work/${name}_$seed
        train "configs/cifar10/$name.py" "$folder" "$last" \
            randomness.seed="$seed" \
            train_dataloader.dataset.images_per_class="$per_class"
        [ -f "$folder/backbone.pth" ] || "$python" tools/convert_backbone.py \
            "$folder/$last" "$folder/backbone.pth" \
            --detector configs/bccd/faster-rcnn_r18_fpn_bccd.py
    done
    for detector in ${DETECTORS:-retinanet faster-rcnn}; do
        for start in scratch baseline_r18_cifar10_cpu \
            baseline_r18_cifar10_40e_cpu cds_r18_cifar10_cpu; do
            init=model.backbone.init_cfg.checkpoint=$work/${start}_$seed
            init=$init/backbone.pth
            [ "$start" != scratch ] || init=model.backbone.init_cfg=None
            train "configs/bccd/${detector}_r18_fpn_bccd.py" \
                "$work/${detector}_${start}_$seed" "epoch_$epochs.pth" \
                randomness.seed="$seed" "$init" \
                train_cfg.max_epochs="$epochs" \
                train_cfg.val_interval=2 \
                param_scheduler.0.total_steps="$epochs"
        done
    done
done
