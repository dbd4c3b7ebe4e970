"""A command is refused for its metric before its first step."""

import pytest


@pytest.mark.parametrize(
    ('options', 'said'),
    [
        (['val_evaluator.metric=segm'], 'val_evaluator.metric: the eval'),
        (['val_evaluator.proposal_nums=(1,2)'], '.proposal_nums: the eval'),
    ],
)
def test_a_training(command, detector_config, tmp_path, options, said):
    argv = [detector_config, '--work-dir', tmp_path, '--cfg-options']
    assert said in command('train', *argv, *options).error
    assert not list(tmp_path.rglob('*.pth'))


@pytest.mark.slow
def test_a_test(command, detector_config, tmp_path):
    argv = ['--work-dir', tmp_path, '--cfg-options', 'train_cfg.max_epochs=1']
    command('train', detector_config, *argv).fine()
    argv = [detector_config, tmp_path / 'epoch_1.pth', '--work-dir', tmp_path]
    option = "test_evaluator.metric_items=['mAP_5']"
    error = command('test', *argv, '--cfg-options', option).error
    assert 'test_evaluator.metric_items: the evaluation would fail' in error
    command('test', *argv).fine()
