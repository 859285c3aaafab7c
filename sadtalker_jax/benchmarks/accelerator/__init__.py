"""Everything that is to be known of one card, by one command with a budget.

`cli.bench accelerator` runs `runner`, which runs the items of `plan` one after
the other, each in a process of its own (`child`), and writes `report` after
each: a crash, a hang or a card that falls over costs one item.

    plan        the items in order of value, and the sizes they run at
    runner      children, deadlines, the budget
    child       one item, and the golden arrays
    record      figures and checks of an item, on disk as soon as they are known
    report      accelerator.json and accelerator.md
    goldens     what a CPU computed, to compare with

    card        versions, matrix products, copies
    drawing     frames of the neural renderer
    layers      its convolutions: three forms of those in 3-D, errors of a layer
    geometry    rasterizer, sampling, shifts
    steps       training steps
    peer        the published PyTorch modules, from a checkout of them
    clips       a stream of frames to the host, jobs of a manifest
"""
