#!/usr/bin/env bash
# tools/benchmarks/fast_path_curves.sh SEEDS WORK_DIR
# Train CDS on a CIFAR-10 subset with and without the fast path, in turns, to
# see that the curves agree within what the seed does.  One process, sized for
# one CPU core: some minutes a run.  A run that is finished is not repeated.
set -euo pipefail
seeds=${1:-"0 1 2"}
work=${2:-work_dirs/fast_path_curves}
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}

for seed in $seeds; do
    for path in fast parity; do
        folder=$work/${path}_seed$seed
        [ -f "$folder/epoch_20.pth" ] && continue
        flag=$([ "$path" = parity ] && echo --parity || true)
        mkdir -p "$work"
        # 300 epochs of the recipe become 20, its 64 channels 8.
        # shellcheck disable=SC2086
        "$python" tools/train.py configs/cifar10/cds_r18_cifar10_folder.py \
            $flag --work-dir "$folder" --cfg-options \
            randomness.seed="$seed" model.backbone.base_channels=8 \
            model.backbone.stem_channels=8 model.head.in_channels=64 \
            train_dataloader.dataset.images_per_class=200 \
            train_dataloader.batch_size=64 train_dataloader.num_workers=0 \
            val_dataloader.num_workers=0 val_dataloader.batch_size=500 \
            optim_wrapper.optimizer.lr=0.05 \
            param_scheduler.milestones="[12,17]" train_cfg.max_epochs=20 \
            train_cfg.val_interval=4 default_hooks.logger.interval=31 \
            >"$folder.log" 2>&1
    done
done
