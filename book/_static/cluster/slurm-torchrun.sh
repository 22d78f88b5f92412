#!/usr/bin/env bash
# One run, or one artefact, on 8 GPUs of one machine, under Slurm. Copy it, fill in the two folders, and submit it from
# the checkout, after `make setup` there:
#
#   sbatch slurm-torchrun.sh run table1 --preset paper -p seeds=0
#   sbatch slurm-torchrun.sh compute train-0123456789ab --seed 1
#
# Networks are trained by all 8 processes; what is not trained, such as the selection of patches, by the first one while
# the others wait. Slurm sends SIGTERM five minutes before the time is up, and the same command goes on from the last
# checkpoint, also on another number of GPUs that divides the batch: the job puts itself back into the queue.
#SBATCH --job-name=repro
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=64
#SBATCH --mem=256G
#SBATCH --time=24:00:00
#SBATCH --signal=B:TERM@300
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=repro-%j.log
set -euo pipefail

export REPRO_HOME=${REPRO_HOME:-/shared/you/repro}      # runs; on a file system that every machine sees
export REPRO_DATA=${REPRO_DATA:-/shared/you/repro-data} # holds imagenet/train and imagenet/val, folders or tar shards
# export REPRO_ACCUMULATE=2   # where a GPU has not the memory for its part of a batch: in two pieces, same result

source .venv/bin/activate

go_on() { # the time is nearly up
  kill -TERM "$torchrun"
  wait "$torchrun" || true
  scontrol requeue "$SLURM_JOB_ID"
  exit 0
}
trap go_on TERM

srun --kill-on-bad-exit=1 torchrun --standalone --nproc_per_node="$SLURM_GPUS_ON_NODE" -m repro.cli "$@" &
torchrun=$!
wait "$torchrun"
