#!/usr/bin/env bash
# Runs of artefacts on several machines of a Slurm cluster. From the checkout, after `make setup`:
#   sbatch slurm-ray.sh table2 figure3 --preset gpu
# It needs a file system that all machines share, for checkout, store and data. When its time is up it stops in order and
# queues itself again; every run goes on from its last checkpoint.
#SBATCH --job-name=repro
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --gpus-per-node=8
#SBATCH --time=24:00:00
#SBATCH --signal=B:TERM@180
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:?submit this with sbatch}"
export REPRO_HOME=${REPRO_HOME:-$PWD/.repro} REPRO_DATA=${REPRO_DATA:-$PWD/.repro/data}
export RAY_USAGE_STATS_ENABLED=0
bin=$PWD/.venv/bin
first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
port=$((20000 + SLURM_JOB_ID % 20000))
cores=$(srun --nodes=1 --ntasks=1 --nodelist="$first" nproc)

# One core of the first machine is left to Ray and to the command that drives the runs.
srun --overlap --nodes=1 --ntasks=1 --nodelist="$first" \
  "$bin/ray" start --head --port="$port" --num-cpus=$((cores - 1)) --include-dashboard=false --block &
until "$bin/ray" health-check --address "$first:$port" >/dev/null 2>&1; do sleep 2; done
if [ "$SLURM_JOB_NUM_NODES" -gt 1 ]; then
  srun --overlap --nodes=$((SLURM_JOB_NUM_NODES - 1)) --ntasks=$((SLURM_JOB_NUM_NODES - 1)) --exclude="$first" \
    "$bin/ray" start --address "$first:$port" --block &
fi

"$bin/repro" run "$@" --backend ray --address "$first:$port" &
driver=$!
stopped=
trap 'stopped=yes; kill -TERM "$driver"' TERM
status=0
wait "$driver" || status=$?
if [ -n "$stopped" ]; then
  wait "$driver" || true
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
