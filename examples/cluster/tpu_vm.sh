#!/bin/bash

# Trains a stage on a spot TPU slice, from a machine that has gcloud, and again
# until it is finished:
#
#   TPU=renderer ZONE=us-east5-a TYPE=v6e-64 VERSION=v2-alpha-tpuv6e \
#   SETUP='git clone REPOSITORY checkout && pip install -e "checkout[train]" "jax[tpu]"' \
#     examples/cluster/tpu_vm.sh --config configs/renderer.py --workdir /mnt/runs/renderer
#
# SETUP prepares each new machine; it also mounts the disk of records and runs,
# which must outlive the slice. A slice that is gone is made anew. Exit code 75
# means a checkpoint: train again. Any other code on a slice that is there ends
# this, for trying again would not help: 2 is bad input.
set -u

: "${TPU:?name of the slice}" "${ZONE:?zone}" "${TYPE:?accelerator type}"
: "${VERSION:?version of the runtime}" "${SETUP:?commands for a new machine}"
tries=${TRIES:-100}

tpu() { # tpu VERB [FLAG ...]
  local verb=$1
  shift
  gcloud compute tpus tpu-vm "$verb" "$TPU" --zone="$ZONE" "$@"
}

state() { tpu describe --format='value(state)' 2>/dev/null || echo NONE; }

on_all() { tpu ssh --worker=all --command="$1"; }

ready() { # a slice that is there, made and set up where it is not
  [ "$(state)" = READY ] && return
  [ "$(state)" = NONE ] || tpu delete --quiet
  tpu create --accelerator-type="$TYPE" --version="$VERSION" --spot &&
    on_all "$SETUP"
}

arguments=$(printf ' %q' "$@")
for ((try = 1; try <= tries; try++)); do
  if ! ready; then
    sleep "${PAUSE:-60}" # no capacity
    continue
  fi
  code=0
  on_all "cd checkout && sadtalker train --distributed$arguments" || code=$?
  [ "$code" -eq 0 ] && exit 0
  if [ "$code" -ne 75 ] && [ "$(state)" = READY ]; then
    exit "$code"
  fi
  echo "stopped with exit code $code; trains again ($try of $tries)"
done
echo "not finished after $tries tries" >&2
exit 75
