"""The start scripts for clusters, with stand-ins for the clusters' commands."""

import os
import pathlib
import shutil
import subprocess

import pytest
import yaml

import train

FOLDER = pathlib.Path(__file__).resolve().parent.parent / 'examples' / 'cluster'
# Notes its name and arguments, and ends with the next code of a list.
STAND_IN = """#!/bin/bash
echo "$(basename "$0") $*" >> "$LOG"
case "$*" in
  *describe*) head -n 1 "$STATES"; sed -i 1d "$STATES" ;;
  *sadtalker*) code=$(head -n 1 "$CODES"); sed -i 1d "$CODES"; exit "$code" ;;
esac
"""


@pytest.fixture
def start(tmp_path):
  """Runs a script; returns its exit code and the calls it made."""
  places = {n: tmp_path / n for n in ('LOG', 'CODES', 'STATES')}
  for name in ('srun', 'scontrol', 'gcloud'):
    path = tmp_path / 'bin' / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(STAND_IN)
    path.chmod(0o755)

  def run(script, *flags, codes, states=(), **variables):
    places['LOG'].write_text('')
    places['CODES'].write_text('\n'.join(map(str, codes)) + '\n')
    places['STATES'].write_text('\n'.join(states) + '\n')
    environment = {
      **os.environ,
      'PATH': f'{tmp_path / "bin"}:{os.environ["PATH"]}',
      **{name: str(path) for name, path in places.items()},
      **variables,
    }
    code = subprocess.run(
      ['bash', FOLDER / script, *flags], env=environment, check=False
    ).returncode
    return code, places['LOG'].read_text().splitlines()

  return run


@pytest.mark.parametrize('code', [0, 2, train.STOPPED])
def test_slurm_requeues_what_was_stopped_with_a_checkpoint(start, code):
  found, calls = start(
    'slurm.sh', '--workdir', 'run', codes=[code], SLURM_JOB_ID='7'
  )
  assert found == code
  assert calls[0].endswith('sadtalker train --distributed --workdir run')
  again = ['scontrol requeue 7'] if code == train.STOPPED else []
  assert calls[1:] == again


def tpu(start, codes, states):
  return start(
    'tpu_vm.sh',
    '--workdir',
    'a run',
    codes=codes,
    states=states,
    TPU='t',
    ZONE='z',
    TYPE='v6e-64',
    VERSION='v',
    SETUP='true',
    TRIES='3',
    PAUSE='0',
  )


def verbs(calls):
  return [call.split()[4] for call in calls]


def test_a_tpu_slice_is_made_and_trains_until_it_is_finished(start):
  states = ['NONE', 'NONE', 'READY']
  code, calls = tpu(start, [train.STOPPED, 0], states)
  assert code == 0
  assert verbs(calls) == (
    ['describe', 'describe', 'create', 'ssh', 'ssh', 'describe', 'ssh']
  )
  assert '--distributed --workdir a\\ run' in calls[-1]


def test_a_tpu_slice_that_is_gone_is_made_anew(start):
  states = ['READY', 'PREEMPTED', 'PREEMPTED', 'PREEMPTED']
  code, calls = tpu(start, [255, 0], states)
  assert code == 0
  assert verbs(calls)[:2] == ['describe', 'ssh']
  assert verbs(calls)[5:] == ['delete', 'create', 'ssh', 'ssh']


def test_bad_input_is_not_tried_again_on_a_tpu(start):
  code, calls = tpu(start, [2], ['READY', 'READY'])
  assert code == 2 and verbs(calls) == ['describe', 'ssh', 'describe']


def test_kubernetes_restarts_what_was_stopped_with_a_checkpoint():
  given = yaml.safe_load((FOLDER / 'jobset.yaml').read_text())['spec']
  (rule,) = given['failurePolicy']['rules']
  assert rule['action'] == 'RestartJobSetAndIgnoreMaxRestarts'
  assert rule['onJobFailureReasons'] == ['PodFailurePolicy']
  job = given['replicatedJobs'][0]['template']['spec']
  codes = job['podFailurePolicy']['rules'][0]['onExitCodes']
  (container,) = job['template']['spec']['containers']
  assert codes['values'] == [train.STOPPED]
  assert codes['containerName'] == container['name']
  assert job['template']['spec']['restartPolicy'] == 'Never'
  assert container['args'][0].startswith('exec sadtalker train ')


@pytest.mark.skipif(shutil.which('shellcheck') is None, reason='not installed')
@pytest.mark.parametrize('script', sorted(p.name for p in FOLDER.glob('*.sh')))
def test_scripts_please_shellcheck(script):
  subprocess.run(['shellcheck', FOLDER / script], check=True)
