"""All metrics, in the order of the tables; others can be added from outside."""

from sadtalker_jax.evaluation.measures import metric as metric_lib
from sadtalker_jax.evaluation.measures import (
  of_faces,
  of_networks,
  of_pictures,
  of_speech,
)

MEASURES: list[metric_lib.Measure] = []
METRICS: dict[str, metric_lib.Metric] = {}


def register(measure: metric_lib.Measure) -> None:
  """Adds the metrics of a measure; they come last in the tables.

  Args:
    measure: Metrics with names of their own.

  Raises:
    ValueError: There is a metric of such a name.
  """
  names = [metric.name for metric in measure.metrics]
  if known := [name for name in names if name in METRICS]:
    raise ValueError(f'expected new metrics, found {" ".join(known)} again')
  MEASURES.append(measure)
  METRICS.update(zip(names, measure.metrics, strict=True))


for _measure in (
  of_networks.SYNCNET,
  of_networks.HEADS,
  *of_pictures.MEASURES,
  of_networks.COEFFICIENTS,
  of_networks.EXPRESSION,
  *of_faces.MEASURES,
  *of_speech.MEASURES,
):
  register(_measure)
