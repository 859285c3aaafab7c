#!/bin/bash
#SBATCH --job-name=sadtalker
#SBATCH --nodes=8 --ntasks-per-node=1 --gpus-per-node=8 --cpus-per-task=32
#SBATCH --time=24:00:00
#SBATCH --signal=TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append

# Trains a stage on SLURM, and again until it is finished:
#
#   sbatch examples/cluster/slurm.sh --config configs/renderer.py \
#     --workdir /shared/runs/renderer --config.data.folder=/shared/records
#
# Two minutes before the time is over, or when it is preempted, every task gets
# SIGTERM, makes a checkpoint and ends with exit code 75. Then the job goes back
# into the queue. Any other code ends it: 0 is finished, 2 is bad input.
set -u

code=0
srun --kill-on-bad-exit=0 sadtalker train --distributed "$@" || code=$?
if [ "$code" -eq 75 ]; then
  echo "stopped with a checkpoint; job $SLURM_JOB_ID goes back into the queue"
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
