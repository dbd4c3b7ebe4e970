"""Runs command lines of tools/ in forks of one process that has imported.

Starting one from nothing takes seconds of imports.  Each fork is a session
of its own, so that a test can kill it with all its workers.  Reads a JSON
request on each line of stdin, until an empty one; writes the pid of the fork,
or of the first of several ranks, then how it ended.
"""

import atexit
import gc
import importlib
import json
import os
import random
import sys
import threading

import numpy as np
import torch

import cds_mm.analysis.loss_curves
import cds_mm.analysis.probes
import cds_mm.analysis.reliability
import cds_mm.data.label_file
import cds_mm.engine.test
import cds_mm.engine.train
import cds_mm.experiments.main
import cds_mm.registration  # noqa: F401
from cds_mm.outcome import friendly_main


def redirect(path, descriptor):
    # All ranks of a command write here.
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(file, descriptor)
    os.close(file)


def become_command(request, environment):
    os.setsid()
    # A run without a seed draws one: each fork has to draw another.
    random.seed(os.urandom(8))
    np.random.seed(int.from_bytes(os.urandom(4), 'little'))
    torch.seed()
    redirect(request['stdout'], 1)
    redirect(request['stderr'], 2)
    os.environ.update(environment)
    if request['units'] is not None:
        known = dict.fromkeys(request['units'], True)
        torch.cpu.get_capabilities = lambda: known
    module = importlib.import_module(f'cds_mm.commands.{request["tool"]}')
    sys.argv = [f'tools/{request["tool"]}.py', *request['argv']]
    return friendly_main(module.main)()


def start(request, environment):
    pid = os.fork()
    if pid == 0:
        try:
            code = become_command(request, environment)
        except SystemExit as ended:  # of argparse
            code = ended.code
        leave(code)
    return pid


def leave(code):
    """End as the interpreter does, but for taking apart what it has loaded.

    Of all that this process has imported, a fork would copy every page for
    it: two seconds.
    """
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def skip_layout():
    # A config is printed at the start and with each checkpoint, and laying
    # it out nicely takes longer than all else that a tiny run does.
    yapf = importlib.import_module('yapf.yapflib.yapf_api')
    for module in (yapf, importlib.import_module('mmengine.config.config')):
        module.FormatCode = lambda code, **style: (code, True)


def serve():
    skip_layout()
    # After cds_mm and its stand-ins; the others are what a run imports late.
    for name in ('mmdet.models', 'torch.utils.tensorboard', 'torch._dynamo'):
        importlib.import_module(name)
    # A collection in a fork would copy the pages of all that is collected.
    gc.collect()
    gc.freeze()
    # Not stdout: a child must not hold what the tests read answers from.
    answers = os.fdopen(os.dup(1), 'w')
    answers.write('ready\n')
    answers.flush()
    while line := sys.stdin.readline().strip():
        request = json.loads(line)
        ranks = [start(request, one) for one in request['environments']]
        answers.write(f'{ranks[0]}\n')
        answers.flush()
        ends = [os.waitpid(pid, 0)[1] for pid in ranks]
        codes = [os.waitstatus_to_exitcode(status) for status in ends]
        answers.write(f'{next(filter(None, codes), 0)}\n')
        answers.flush()
    return 0


if __name__ == '__main__':
    sys.exit(serve())
