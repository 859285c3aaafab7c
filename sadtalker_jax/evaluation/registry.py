"""All metrics, in the order of the tables."""

from sadtalker_jax.evaluation import (
  measures,
  of_faces,
  of_networks,
  of_pictures,
)

MEASURES: tuple[measures.Measure, ...] = (
  *of_networks.MEASURES[:2],
  *of_pictures.MEASURES,
  *of_networks.MEASURES[2:],
  *of_faces.MEASURES,
)
METRICS: dict[str, measures.Metric] = {
  metric.name: metric for measure in MEASURES for metric in measure.metrics
}
