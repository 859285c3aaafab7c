"""Numbers of flags, each within its limits.

Every flag that takes a number has one of these as its type
(`mains_test.py:test_every_number_has_limits`): no NaN, no infinity and no
number of thousands of digits gets into a program. Options that files and
programs may give, too, have their limits where they are declared
(`inference.options`, `preparation.options`, `training.config`); flags of these
are only kept from being no numbers here.
"""

import argparse
import dataclasses
import math

MOST = 2**31 - 1  # of what has no limit of its own


@dataclasses.dataclass(frozen=True)
class Number:
  """The type of a flag: makes a number of its text.

  Attributes:
    least: Smallest value.
    most: Largest value.
    whole: Whether fractions are refused.
    above: Whether the smallest value itself is refused.
  """

  least: float
  most: float
  whole: bool
  above: bool = False

  def __call__(self, text: str) -> int | float:
    """The number of a text.

    Raises:
      ArgumentTypeError: it is none, or beyond the limits.
    """
    try:
      value = int(text) if self.whole else float(text)
    except ValueError:  # int() refuses thousands of digits, too
      value = math.nan
    if not self.least <= value <= self.most or (
      self.above and value == self.least
    ):
      raise argparse.ArgumentTypeError(f'expected {self}, found {text!r}')
    return value

  def __str__(self) -> str:
    """What is expected, in words."""
    kind = 'a whole number' if self.whole else 'a number'
    if self.above:
      return f'{kind} above {self.least:g} and at most {_shown(self.most)}'
    return f'{kind} from {_shown(self.least)} to {_shown(self.most)}'


def whole(least: int = 0, most: int = MOST) -> Number:
  """The type of a whole number in a range, its ends included."""
  return Number(least, most, True)


def real(least: float = -MOST, most: float = MOST) -> Number:
  """The type of a number in a range, its ends included."""
  return Number(least, most, False)


def positive(most: float = MOST) -> Number:
  """The type of a number above 0."""
  return Number(0, most, False, above=True)


def _shown(limit: float) -> str:
  return f'{int(limit)}' if limit == int(limit) else f'{limit:g}'
