"""Parameters without a gradient, for which the ranks of a run would wait."""

from typing import Any

from mmengine.model import MMDistributedDataParallel
from torch import Tensor, nn

from cds_mm.errors import UserError

# Their functions take all that they read as arguments.
_OPEN = ('torch', 'cds_mm', 'mmcv')


def check_all_reached(called: nn.Module, model: nn.Module, loss: Tensor):
    """See that every rank gets the gradients that it exchanges.

    Args:
        called: the model of the run, in its wrapper.
        model: that has computed the loss: the one inside, or a copy of it.
        loss: a scalar, of one batch.

    Raises:
        UserError: DistributedDataParallel would end the second step, since a
            parameter got no gradient in the first.
    """
    if not isinstance(called, MMDistributedDataParallel):
        return
    if called.find_unused_parameters or called.static_graph:
        return
    names = unreached(model, loss)
    if names:
        more = f' and {len(names) - 1} more' if names[1:] else ''
        raise UserError(
            f'model.{names[0]}{more}: no loss reaches it, so that the ranks '
            'would wait for its gradient; set find_unused_parameters=True'
        )


def unreached(model: nn.Module, loss: Tensor) -> list[str]:
    """Names of the trained parameters that a loss does not depend on.

    Args:
        model: that has computed it.
        loss: with its graph, which stays as it is.

    Returns:
        list: empty where a part of the graph may only be made by the
        backward pass, as that of checkpointed activations.
    """
    reached, seen = set(), set()
    todo: list[Any] = [loss.grad_fn]
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if _may_hide_a_graph(node):
            return []
        reached.add(id(getattr(node, 'variable', None)))
        todo += [following for following, _ in node.next_functions]
    return [
        name
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and id(parameter) not in reached
    ]


def _may_hide_a_graph(node) -> bool:
    function = getattr(node, '_forward_cls', None)  # one written in Python
    if function is None:
        return False
    package = function.__module__.partition('.')[0]
    return 'Checkpoint' in function.__name__ or package not in _OPEN
