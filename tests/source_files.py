"""What the tests of house rules read: sources, each parsed once."""

import ast
import functools
import pathlib


@functools.cache
def tree(path: pathlib.Path) -> ast.Module:
  """The syntax tree of a file."""
  return ast.parse(path.read_text())
