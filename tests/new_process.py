"""Statements in a process that has not imported this package."""

import json
import sys

from command_lines import run_fresh

# What the hosts import of others, for the forks to share.
OF_OTHERS = (
    'torch',
    'torchvision',
    'torch._dynamo',
    'torch.distributed.tensor',
    'cv2',
    'matplotlib.pyplot',
    'pycocotools.coco',
    'scipy.optimize',
    'sklearn',
)

# Each statement's answer is a line of stderr, since what imports print is
# theirs; ``others`` of None: no forks.
SCRIPT = """
import contextlib, gc, importlib, io, json, os, sys
statements, others = map(json.loads, sys.argv[1:])
for name in others or ():
    with contextlib.suppress(ImportError):
        importlib.import_module(name)
gc.freeze()
for statement in statements:
    if others and (child := os.fork()):
        os.waitpid(child, 0)
        continue
    said, error = io.StringIO(), ''
    try:
        with contextlib.redirect_stdout(said):
            exec(statement, {'__name__': 'statement'})
    except SystemExit:
        pass
    except BaseException as broken:
        error = repr(broken)
    found = sorted({name.partition('.')[0] for name in sys.modules})
    answer = dict(found=found, said=said.getvalue(), error=error)
    print('answer', json.dumps(answer), file=sys.stderr, flush=True)
    if others:
        os._exit(0)
"""


def answers(statements, others=None):
    """What each statement said and which packages there were after it.

    Args:
        statements: Python, run one after the other in one new process.
        others: modules to import; then each statement has a fork of its own.

    Returns:
        dict: of each statement a dict of ``found`` (packages that were
        imported by then), ``said`` (what it printed) and ``error``.
    """
    argv = map(json.dumps, (statements, others))
    done = run_fresh(sys.executable, '-c', SCRIPT, *argv).fine()
    lines = [
        json.loads(line.removeprefix('answer '))
        for line in done.err.splitlines()
        if line.startswith('answer ')
    ]
    return dict(zip(statements, lines, strict=True))


def answers_of_forks(statements):
    """As :func:`answers`, each statement the first that its process runs.

    The process has nothing of this package and of the hosts; what these import
    of others is there.
    """
    return answers(statements, OF_OTHERS)
