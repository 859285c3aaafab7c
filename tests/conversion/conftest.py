import pytest

from tests.conversion import small


@pytest.fixture
def small_zoo(monkeypatch):
  small.shrink(monkeypatch)
