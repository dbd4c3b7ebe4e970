"""Building a runner, and what it builds when it begins."""

import functools
from pathlib import Path

from mmengine.dist import master_only
from mmengine.registry import OPTIMIZERS
from mmengine.runner import Runner

from cds_mm.engine.quiet import quiet_hosts
from cds_mm.engine.readable_errors import readable_errors
from cds_mm.errors import UserError


class EvaluationRunner(Runner):
    """A runner that leaves the config of the training where it is.

    The host writes the config under its own name into the work dir, also to
    evaluate: with other options than the training had, that one was lost.
    """

    @master_only
    def dump_config(self) -> None:
        """Write the config into the folder of this run's log."""
        name = Path(self.cfg.filename or 'config.py').name
        self.cfg.dump(Path(self.log_dir) / name)


def build_runner(cfg, kind: type[Runner] = Runner) -> Runner:
    """Build the runner of a config, with model and data.

    Raises:
        UserError: something that the config names does not exist or does
            not fit.
    """
    quiet_hosts(cfg)
    with readable_errors(cfg):
        return kind.from_cfg(cfg)


def build_training(runner: Runner, cfg) -> None:
    """Build now what the host builds when training begins.

    In the host's order, so that it is the same run; it takes what is built.
    What comes after this is training, whose faults keep their traceback.

    Raises:
        UserError: as in :func:`build_runner`.
    """
    _check_optimizer(cfg)
    with readable_errors(cfg):
        _ = runner.train_loop
        runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
        _ = runner.val_loop
    # These come later: the host scales the learning rate in between.
    for name in ('build_param_scheduler', '_init_model_weights'):
        _readably(runner, name, cfg)


def _readably(runner: Runner, name: str, cfg) -> None:
    """Let errors of a method of this runner be one line."""
    method = getattr(runner, name, None)
    if method is None:  # of another version of the host
        return

    @functools.wraps(method)
    def readably(*args, **kwargs):
        with readable_errors(cfg):
            return method(*args, **kwargs)

    setattr(runner, name, readably)


def _check_optimizer(cfg):
    # The host looks it up, finds None, and asks None for its arguments.
    kind = (cfg.optim_wrapper.get('optimizer') or {}).get('type')
    # In the scope of the run, where the host looks: MMPretrain has its own.
    with OPTIMIZERS.switch_scope_and_registry(None) as optimizers:
        known = not isinstance(kind, str) or optimizers.get(kind)
    if not known:
        raise UserError(
            f"optim_wrapper.optimizer.type='{kind}': there is no such "
            'optimizer; check its spelling'
        )


def build_test(runner: Runner, cfg) -> None:
    """Build now what the host builds when testing begins.

    Raises:
        UserError: as in :func:`build_runner`.
    """
    with readable_errors(cfg):
        _ = runner.test_loop
