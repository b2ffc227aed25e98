"""Folders of runs to come: one claim succeeds, whoever else claims or gives up at the same moment."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from desktop.core import folders, standby
from desktop.core.standby import Reservation
from desktop.errors import StoreError
from trainer_image.contract import RunConfig, RunFolder
from trainer_image.contract.standby import Standby, leave_standby, take_standby, waiting_file


@pytest.fixture
def reserved(tmp_path: Path, config: RunConfig) -> Reservation:
    """A folder in which a trainer has begun its log."""
    made = Reservation(tmp_path / "runs" / "r1", Standby(engine="docker", digest="d", config=config), (1,))
    made.files.log.touch()
    return made


def test_a_reserved_folder_is_no_run_and_knows_its_cards(reserved: Reservation) -> None:
    assert folders.read_run(reserved.files.path) is None
    assert folders.read_launch(reserved.files).gpus == [1]
    assert not reserved.is_claimed


def test_it_can_be_claimed_once_its_body_is_there(reserved: Reservation, config: RunConfig) -> None:
    runs = reserved.files.path.parent
    reserved.files.log.unlink()
    assert standby.waiting(runs) == []
    reserved.files.log.touch()
    assert standby.waiting(runs) == [(reserved.files, reserved.note)]
    assert standby.claim(reserved.files, config)
    assert not standby.claim(reserved.files, config)
    assert standby.waiting(runs) == []
    assert reserved.is_claimed


def test_a_claim_on_a_trainer_that_has_left_leaves_nothing(reserved: Reservation, config: RunConfig) -> None:
    assert leave_standby(reserved.files)
    assert not standby.claim(reserved.files, config)
    assert not reserved.files.config.exists()


def test_a_claim_on_a_full_disk_leaves_nothing(reserved: Reservation, config: RunConfig) -> None:
    before = sorted(reserved.files.path.iterdir())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        assert not standby.claim(reserved.files, config)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert sorted(reserved.files.path.iterdir()) == before
    assert standby.claim(reserved.files, config)
    assert sorted(reserved.files.path.iterdir()) == sorted([*before, reserved.files.config])
    assert RunConfig.model_validate_json(reserved.files.config.read_bytes()) == config


def test_it_is_taken_or_left_but_not_both(reserved: Reservation) -> None:
    assert take_standby(reserved.files)
    assert not leave_standby(reserved.files)
    assert not take_standby(reserved.files)


@pytest.mark.parametrize("has_left", [False, True])
def test_it_is_abandoned_once_nobody_looks_after_it(reserved: Reservation, config: RunConfig, has_left: bool) -> None:
    runs = reserved.files.path.parent
    if has_left:
        leave_standby(reserved.files)
    assert standby.abandoned(runs) == []
    reserved.close()
    assert standby.abandoned(runs) == [(reserved.files, reserved.note)]
    reserved.files.config.write_text(config.model_dump_json())
    assert standby.abandoned(runs) == []


def test_a_note_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "r1")
    folder.path.mkdir()
    folder.log.touch()
    waiting_file(folder).write_text("{")
    assert standby.waiting(tmp_path) == []
    assert standby.abandoned(tmp_path) == []


def test_a_disk_that_will_not_have_it_is_told(tmp_path: Path, config: RunConfig) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(StoreError, match="cannot be written"):
        Reservation(tmp_path / "runs" / "r1", Standby(engine="docker", digest="d", config=config), ())
