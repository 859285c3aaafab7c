"""What the loop does, and when."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Schedule:
  """How long a run is, and what it does on the way; all in steps."""

  steps: int
  batch_size: int
  seed: int
  log_every: int
  save_every: int  # 0: at the end only
  eval_every: int  # 0: never
  eval_batches: int
  summarise_every: int  # 0: never
  keep_last: int
  keep_best: int
  best_metric: str  # of validation, see `checkpoints.keeping`
  clip_every: int = 0  # films; 0: never
  tensorboard: bool = False  # whether event files are written
  wandb: str = ''  # project of Weights & Biases; empty: none
  dtype: str = 'float32'  # of computation, for the share of the peak
  profile: tuple[int, int] | None = None  # first and last step of a trace
  skip_non_finite: int = 0  # steps whose losses are no numbers, before an error
  eval_first: bool = False  # whether to validate before the first step
  restart_data: bool = False  # whether data may begin anew after a checkpoint
