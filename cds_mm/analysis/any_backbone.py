"""Takes the backbone of a probe out of any file that holds one."""

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from cds_mm.arguments import checked
from cds_mm.checkpoint.extract import BACKBONE, extract_backbone
from cds_mm.checkpoint.record import BackboneRecord, recorded
from cds_mm.config.network_input import input_of, loader_order
from cds_mm.errors import UserError

# Grey levels.
_TOLERANCE = 1e-4


@HOOKS.register_module()
class AnyBackboneHook(Hook):
    """Hands the host the weights of a backbone under the names of a model.

    So a converted file, one of torchvision, and a detector's checkpoint can
    be probed as a training checkpoint is.

    Args:
        prefix: where the backbone's keys start, where it cannot be seen.
        weights: which of several sets of weights to take.
    """

    # Before the hook that compares names.
    priority = 'HIGHEST'

    @checked
    def __init__(self, prefix: str | None = None, weights: str | None = None):
        self.prefix = prefix
        self.weights = weights

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Rename what the host is about to load.

        Raises:
            UserError: it holds no backbone; or the network was trained on
                images that look different from those of the config.
        """
        path = runner._load_from
        record = recorded(checkpoint, path)
        if record:
            check_same_input(record, runner.cfg, path)
        state = checkpoint.get('state_dict')
        named = self.prefix or self.weights
        if not named and isinstance(state, dict) and _has_backbone(state):
            return
        found = extract_backbone(
            checkpoint, path, prefix=self.prefix, weights=self.weights
        )
        checkpoint['state_dict'] = {
            f'{BACKBONE}{key}': value for key, value in found.state.items()
        }


def _has_backbone(state: dict) -> bool:
    return any(key.startswith(BACKBONE) for key in state)


def check_same_input(record: BackboneRecord, cfg, path) -> None:
    """Compare what a network was trained on with what a config shows it.

    Args:
        record: of the network.
        cfg: of the run.
        path: of the file, for messages.

    Raises:
        UserError: all differences, with the settings that fix them.
    """
    seen = input_of(cfg)
    own = 'data_preprocessor' in (cfg.get('model') or {})
    where = 'model.data_preprocessor' if own else 'data_preprocessor'
    reasons = []
    order, trained = seen['channel_order'], record.channel_order
    if order and trained and order != trained:
        reasons.append(
            f'was trained on {trained.upper()} and would see '
            f'{order.upper()}; set {where}.to_rgb='
            f'{trained != loader_order(cfg)}'
        )
    for name in ('mean', 'std'):
        ours, theirs = getattr(record, name), seen[name]
        gap = max(abs(a - b) for a, b in zip(ours, theirs, strict=True))
        if not gap <= _TOLERANCE:
            value = str(ours).replace(' ', '')
            reasons.append(
                f'was trained with {name}={ours} and would be shown '
                f'{theirs}; set {where}.{name}="{value}"'
            )
    if reasons:
        raise UserError(
            f'{path}: {"; also ".join(reasons)} with --cfg-options'
        )
