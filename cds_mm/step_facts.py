"""What a training step tells the supervisions beside its images."""

import torch
from mmengine.logging import MessageHub
from torch import Tensor


def step_facts(inputs: Tensor, data_samples: list) -> dict:
    """The fields of ``StageOutputs`` that no network computes.

    Args:
        inputs: (V*B, 3, H, W), view-major.
        data_samples: B samples, each with ``sample_idx`` and a label, or -1
            or no label where it is unknown.

    Returns:
        dict: ``labels`` (B,) and ``sample_idx`` (B,), int64 on the device of
        the images; ``num_views``, V; ``progress`` of the run, from 0 to 1,
        and ``epoch_progress``, the same at the start of the epoch, None in a
        run that counts iterations.

    Raises:
        ValueError: the rows are no whole number of views.
    """
    views, rest = divmod(len(inputs), len(data_samples))
    if rest:
        raise ValueError(
            f'{len(inputs)} rows are no whole number of views of '
            f'{len(data_samples)} images'
        )
    return dict(
        labels=_labels(data_samples, inputs.device),
        sample_idx=_sample_idx(data_samples, inputs.device),
        num_views=views,
        **_progress(),
    )


# Python values of each batch: Dynamo would compile again for each.
@torch.compiler.disable
def _labels(data_samples, device):
    # A preprocessor moves the labels that it finds; -1 stands for unknown.
    unknown = torch.full((1,), -1, device=device)
    labels = [sample.get('gt_label', unknown) for sample in data_samples]
    return torch.cat([label.to(device) for label in labels])


@torch.compiler.disable
def _sample_idx(data_samples, device):
    return torch.as_tensor(
        [int(sample.sample_idx) for sample in data_samples], device=device
    )


def _progress():
    hub = MessageHub.get_current_instance()
    done, whole, epoch, epochs = (
        hub.runtime_info.get(key, 0)
        for key in ('iter', 'max_iters', 'epoch', 'max_epochs')
    )
    progress = done / whole if whole else 0.0
    # The host calls a loop by iteration one epoch.
    by_epoch = epoch / epochs if epochs > 1 else None
    return dict(progress=progress, epoch_progress=by_epoch)
