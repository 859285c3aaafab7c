"""Training: one loop, and a stage for every network that is trained.

From a config to a finished run:

    runs             what `train.py` and notebooks call
    planning         what a run would cost
    config           the typed config; parts of it in `config_parts`
    config_reading   plain values to frozen dataclasses, faults in one line
    bundled          frozen networks, and what new weights start from
    xla_presets      flags of XLA, by name
    export_bundle    finished runs to a bundle

Stages:

    stages/          the stages by name, one module each
    stage            what a stage is, to those who write one and to the loop
    built_stage      how its losses become a training step
    networks         its networks, bound to a state
    optimizers       Adam, gradients of groups and of parts of a batch
    face_models      the face model of its coefficients

The loop:

    loop             the steps of a run
    state            what changes from one step to the next
    initial_state    the state that a run begins or goes on with
    data             what the loop asks of data
    sharding         where arrays lie on a mesh
    guards           lock, orderly stop, losses that are no numbers
    costs            operations and memory of a step
    measuring        validation
    reporting        figures of a run over its steps
    writers          files of a run
    summaries        pictures and films; `plots` draws them
    profiling        a trace of some steps
"""
