"""When the stand-ins are put in, and what they look like to the hosts."""

import subprocess
import sys
import textwrap

import pytest
import torch

from cds_mm import ops
from cds_mm.errors import UserError
from cds_mm.ops import compiled, installation, not_provided, standin

# Fakes of a compiled module. A build for another torch imports, and then
# fails with the words of the second at its first call.
FAKES = """
import sys, types

def fake(nms=lambda boxes, scores, **_: torch.tensor([0, 2]),
         roi_align=lambda x, rois, output, *_, **__: output.fill_(3.0)):
    module = types.ModuleType('mmcv._ext')
    module.nms, module.roi_align_forward = nms, roi_align
    module.__getattr__ = lambda name: None
    sys.modules['mmcv._ext'] = module
    return module

def refuse(*args, **kwargs):
    raise RuntimeError('nms_impl: implementation for device cpu not found.')
"""


def in_new_process(code):
    """Run `code` where nothing has been imported or installed yet.

    Returns:
        What it printed, to stdout and to stderr.
    """
    head = 'import torch\nfrom cds_mm import ops\n' + FAKES
    # The last argument keeps `cds_mm` from registering everything.
    done = subprocess.run(
        [sys.executable, '-c', head + textwrap.dedent(code), 'cds_mm.doctor'],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_put_in_where_missing(standin_only):
    printed = in_new_process("""
        import importlib.util
        import pkgutil
        assert 'mmcv._ext' not in sys.modules
        first = ops.install()
        assert first.state == 'stand-in' and not first.unusable
        assert ops.install() is first is ops.status()
        assert not {'mmcv', 'mmdet', 'torchvision'} & set(sys.modules)

        import mmcv.ops
        from mmcv import _ext
        from mmcv.utils.ext_loader import check_ops_exist
        from mmengine.utils.dl_utils.misc import mmcv_full_available
        assert importlib.util.find_spec('mmcv._ext') is _ext.__spec__
        assert check_ops_exist() and mmcv_full_available()
        assert mmcv.ops.get_compiling_cuda_version() == 'not available'
        assert set(first.provided) <= set(vars(_ext))
        # Newer versions have it, each has the other.
        newer = hasattr(mmcv.ops, 'line_nms')
        assert newer or mmcv.__version__ < '2.2'
        from mmcv.ops import nms_rotated
    """)
    assert printed == ''


def test_status_changes_nothing(standin_only):
    in_new_process("""
        assert ops.status().state == 'stand-in'
        assert 'mmcv._ext' not in sys.modules
    """)


def test_a_working_one_is_left_alone():
    in_new_process("""
        module = fake()
        outcome = ops.install()
        assert outcome.state == 'compiled' and outcome.provided == ()
        assert sys.modules['mmcv._ext'] is module
    """)


def refuse(*args, **kwargs):
    raise RuntimeError('impl: implementation for device cpu not found.\n...')


@pytest.mark.parametrize(
    ('op', 'fault', 'reason'),
    [
        ('nms', refuse, 'its nms fails: RuntimeError: impl: implementation'),
        ('nms', lambda *_, **__: torch.tensor([0, 1]), 'its nms fails: Value'),
        ('roi_align_forward', refuse, 'its roi_align fails: RuntimeError'),
        ('roi_align_forward', lambda *_, **__: 0, 'its roi_align fails: Val'),
    ],
)
def test_what_counts_as_broken(op, fault, reason, monkeypatch):
    module = standin.build()
    monkeypatch.setitem(sys.modules, 'mmcv._ext', module)
    assert compiled.failure() is None
    monkeypatch.setattr(module, op, fault)
    assert compiled.failure().startswith(reason)
    assert '\n' not in compiled.failure()


def test_a_broken_one_is_replaced():
    in_new_process("""
        module = fake(nms=refuse)
        import mmcv.ops
        outcome = ops.install()
        assert outcome.state == 'stand-in' and outcome.unusable
        assert 'implementation for device cpu' in outcome.reason
        assert sys.modules['mmcv._ext'] is not module
        # Also for files of the host that already hold the broken one.
        boxes = torch.tensor([[0.0, 0, 2, 2], [0, 0, 2, 2]])
        _, kept = mmcv.ops.nms(boxes, torch.tensor([0.1, 0.2]), 0.5)
        assert kept.tolist() == [1]
    """)


def test_one_that_cannot_be_imported_is_replaced(tmp_path):
    """As a build for another torch: a file that the loader refuses."""
    (tmp_path / '_ext.py').write_text(
        "raise ImportError('undefined symbol: _ZN3c10\\nmore lines')"
    )
    in_new_process(f"""
        import mmcv
        mmcv.__path__.insert(0, {str(tmp_path)!r})
        outcome = ops.install()
        assert outcome.state == 'stand-in' and outcome.unusable
        cause = 'cannot be imported: ImportError: undefined symbol: _ZN3c10'
        assert outcome.reason.endswith(cause), outcome.reason
        import mmcv.ops
    """)


def test_without_mmcv():
    in_new_process("""
        sys.modules['mmcv'] = None
        assert ops.install().state == 'not installed'
        assert 'mmcv._ext' not in sys.modules
    """)


def test_a_cpu_build_beside_a_gpu_is_unusable(monkeypatch):
    monkeypatch.setitem(sys.modules, 'mmcv._ext', standin.build())
    assert compiled.failure() is None
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    cause = 'it was built without CUDA, but there is a GPU'
    assert compiled.failure() == cause


def test_a_stand_in_is_not_taken_for_compiled(monkeypatch):
    monkeypatch.setitem(sys.modules, 'mmcv._ext', standin.build())
    monkeypatch.setattr(installation, '_installed', None)
    assert ops.status().state == 'stand-in'


def test_other_ops_fail_when_called_and_say_what_to_do():
    module = standin.build()
    assert hasattr(module, 'nms_rotated')
    with pytest.raises(UserError) as caught:
        module.nms_rotated(1, x=2)
    message = str(caught.value)
    assert message.startswith('nms_rotated: ')
    assert ops.COMPILE in message
    assert '\n' not in message
    assert isinstance(caught.value, NotImplementedError)


def test_private_names_are_not_ops():
    assert not hasattr(standin.build(), '__path__')
    assert not hasattr(standin.build(), '_wrapped')


def test_the_runner_can_revert_synchronised_norms():
    from mmengine.model import revert_sync_batchnorm

    model = torch.nn.Sequential(torch.nn.SyncBatchNorm(3))
    reverted = revert_sync_batchnorm(model)
    assert reverted(torch.randn(2, 3, 4, 4)).shape == (2, 3, 4, 4)


def test_what_compiles_is_of_the_line_that_is_installed(monkeypatch):
    """Else both lines would be in one folder."""
    monkeypatch.setattr('importlib.metadata.version', lambda _: '2.1.0')
    command = not_provided.compile_command('mmcv-lite')
    assert command.startswith('pip uninstall -y mmcv-lite && MMCV_WITH_OPS=1 ')
    assert command.endswith(' --no-deps mmcv==2.1.0')
    command = not_provided.compile_command('onedl-mmcv')
    assert command.endswith(' --no-deps onedl-mmcv')
    assert 'uninstall' not in command
