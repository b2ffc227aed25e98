"""Imports without the garbage collector."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from trainer_image.launching.collecting import without_collecting


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


def test_what_lasts_is_left_out_and_the_collector_goes_on() -> None:
    with without_collecting():
        assert not gc.isenabled()
        lasting = [[number] for number in range(1000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() > len(lasting)
    assert not any(found is lasting for found in gc.get_objects())


def test_the_collector_goes_on_after_an_import_that_fails() -> None:
    with pytest.raises(ImportError), without_collecting():
        raise ImportError
    assert gc.isenabled()
