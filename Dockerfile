# Training and batch rendering on NVIDIA's GPUs.
#
#   docker build -t sadtalker .
#   docker run --gpus all -v "$PWD:/data" sadtalker train --config configs/renderer.py \
#     --workdir /data/run --config.data.folder=/data/records
#
# CUDA and cuDNN come as wheels, pinned with jax and all else in
# examples/cluster/constraints.txt; of the host's only the driver is used (580 or
# newer, with NVIDIA's container toolkit). Without a GPU, or for another kind:
# --build-arg EXTRAS=train,prepare,stores (or with tpu in place of cuda13).
FROM python:3.12.12-slim-bookworm

ARG EXTRAS=train,prepare,stores,cuda13
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    JAX_COMPILATION_CACHE_DIR=/cache/compiled \
    SADTALKER_CACHE=/cache/stores \
    PYTHONUNBUFFERED=1

# Training runs from a checkout: this folder.
WORKDIR /opt/sadtalker_jax
COPY pyproject.toml README.md LICENSE NOTICE train.py infer.py ./
COPY examples/cluster/constraints.txt examples/cluster/
COPY sadtalker_jax sadtalker_jax
COPY configs configs
COPY input_pipeline input_pipeline
RUN pip install --no-cache-dir -c examples/cluster/constraints.txt -e ".[$EXTRAS]" \
 && sadtalker --help > /dev/null \
 && mkdir -m 1777 /cache

# Process 1, so that SIGTERM of a scheduler reaches it: a checkpoint, and 75.
ENTRYPOINT ["sadtalker"]
CMD ["--help"]
