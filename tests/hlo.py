"""What StableHLO programs hold."""

import re


def convolutions(text: str) -> list[tuple[int, ...]]:
  """Shapes of the results of all convolutions of a program."""
  found = re.findall(r'stablehlo\.convolution.*->\s*tensor<([\dx]+)x\w+>', text)
  assert len(found) == text.count('stablehlo.convolution')
  return [tuple(int(n) for n in shape.split('x')) for shape in found]
