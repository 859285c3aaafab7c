"""All metrics, in the order of the tables."""

from sadtalker_jax.evaluation.measures import metric as metric_lib
from sadtalker_jax.evaluation.measures import of_faces, of_networks, of_pictures

MEASURES: tuple[metric_lib.Measure, ...] = (
  *of_networks.MEASURES[:2],
  *of_pictures.MEASURES,
  *of_networks.MEASURES[2:],
  *of_faces.MEASURES,
)
METRICS: dict[str, metric_lib.Metric] = {
  metric.name: metric for measure in MEASURES for metric in measure.metrics
}
