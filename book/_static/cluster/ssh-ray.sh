#!/usr/bin/env bash
# Runs of artefacts on this machine and others that ssh reaches without a password. From the checkout, after `make setup`:
#   bash ssh-ray.sh "other-machine third-machine" table2 figure3 --preset gpu
# Every machine must see this checkout, the store and the data under the same paths, as with NFS or sshfs. Ctrl-C ends it
# everywhere, with whatever else of yours runs on Ray there; the same command goes on from the last checkpoints.
set -euo pipefail
others=${1:?name the other machines in quotes, then the artefacts}
shift
export REPRO_HOME=${REPRO_HOME:-$PWD/.repro} REPRO_DATA=${REPRO_DATA:-$PWD/.repro/data}
export RAY_USAGE_STATS_ENABLED=0
ray=$PWD/.venv/bin/ray
port=${PORT:-6379}
address=$(hostname -I | cut -d ' ' -f 1):$port

stop() {
  for machine in $others; do ssh "$machine" "'$ray' stop" >/dev/null 2>&1 || true; done
  "$ray" stop >/dev/null
}
trap stop EXIT

# One core of this machine is left to Ray and to the command that drives the runs.
"$ray" start --head --node-ip-address="${address%:*}" --port="$port" --num-cpus=$(($(nproc) - 1)) --include-dashboard=false
for machine in $others; do
  ssh "$machine" "RAY_USAGE_STATS_ENABLED=0 '$ray' start --address '$address'"
done
"$PWD/.venv/bin/repro" run "$@" --backend ray --address "$address"
