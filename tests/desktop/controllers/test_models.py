"""Models as the window has them: looked over, searched, downloaded with a stop in between, cached, freed, imported."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from desktop.controllers.jobs import Jobs
from desktop.controllers.models import Models, needed_repository
from desktop.engine.launch import Machine
from desktop.errors import AppError, ConfigError
from desktop.paths import Home
from tests.desktop.engine.test_model_check import SHAPE, Converting, write_model
from tests.hub import FakeHub, FakeModel

WEIGHTS = b"0123456789abcdef" * 300_000
WAIT_MS = 60_000


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[FakeHub]:
    server = FakeHub()
    files = write_model(tmp_path / "source") | {"model.safetensors": WEIGHTS}
    server.add(FakeModel("maker/chat", files, config=SHAPE, parameters=5_000, downloads=3))
    server.add(FakeModel("maker/second", files, config=SHAPE))
    yield server
    server.close()


@pytest.fixture
def in_use() -> set[str]:
    return set()


@pytest.fixture
def models(home: Home, jobs: Jobs, hub: FakeHub, in_use: set[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Models]:
    monkeypatch.setenv("HOME", str(home.path))
    machine = Machine(home.path, home.caches, 1, 1)
    engines = {"process": Converting(works=True)}
    made = Models(home, jobs, lambda: None, engines, machine, in_use=lambda: in_use, endpoint=hub.address)  # type: ignore[arg-type]
    yield made
    made.close()


def test_a_download_reports_ends_in_the_cache_and_can_be_freed(models: Models, qtbot: QtBot) -> None:
    models.download("maker/chat")
    qtbot.waitUntil(lambda: models.downloads.get("maker/chat").state == "done", timeout=WAIT_MS)
    ended = models.downloads.get("maker/chat")
    assert ended is not None
    assert ended.done_bytes == ended.total_bytes
    with qtbot.waitSignal(models.cached) as cached:
        models.look_at_cache()
    assert [(one.id, one.is_whole) for one in cached.args[0]] == [("maker/chat", True)]
    assert [one.value for one in models.local_now()] == ["maker/chat"]
    with qtbot.waitSignal(models.freed) as freed:
        models.free("maker/chat")
    assert freed.args[0] == "maker/chat"
    assert freed.args[1] >= len(WEIGHTS)
    assert models.cache_now() == []


def test_a_download_stops_at_once_and_goes_on_where_it_was(models: Models, hub: FakeHub, qtbot: QtBot) -> None:
    hub.trickle = threading.Event()
    models.download("maker/chat")
    models.download("maker/second")
    half = len(WEIGHTS) // 3
    qtbot.waitUntil(lambda: models.downloads.get("maker/chat").done_bytes > half, timeout=WAIT_MS)
    assert models.downloads.get("maker/second").state == "waiting"
    models.downloads.stop("maker/second")
    with pytest.raises(ConfigError, match="is being downloaded"):
        models.free_now("maker/chat")
    models.downloads.stop("maker/chat")
    qtbot.waitUntil(lambda: models.downloads.get("maker/chat").state == "stopped", timeout=WAIT_MS)
    assert models.downloads.get("maker/second").state == "stopped"
    hub.trickle.set()
    hub.trickle = None
    hub.asked.clear()
    models.downloads.start("maker/chat")
    qtbot.waitUntil(lambda: models.downloads.get("maker/chat").state == "done", timeout=WAIT_MS)
    ranges = [
        headers.get("Range", "") for method, path, headers in hub.asked if method == "GET" and "safetensors" in path
    ]
    assert len(ranges) == 1
    assert ranges[0].startswith("bytes=")
    (kept,) = models.cache_now()
    assert (kept.folder / "model.safetensors").read_bytes() == WEIGHTS


def test_a_download_that_fails_says_why(models: Models, hub: FakeHub, qtbot: QtBot) -> None:
    models.download("maker/none")
    qtbot.waitUntil(lambda: models.downloads.get("maker/none").state == "failed", timeout=WAIT_MS)
    assert "no model called maker/none" in str(models.downloads.get("maker/none").error)


def test_closing_ends_a_download_without_waiting(models: Models, hub: FakeHub, qtbot: QtBot, jobs: Jobs) -> None:
    hub.trickle = threading.Event()
    models.download("maker/chat")
    qtbot.waitUntil(lambda: models.downloads.get("maker/chat").done_bytes > 0, timeout=WAIT_MS)
    models.close()
    # The Hub still holds the rest of the file: by itself it would not end so.
    qtbot.waitUntil(lambda: models.downloads.get("maker/chat").state == "stopped", timeout=WAIT_MS)
    assert not any(one.is_whole for one in models.cache_now())
    jobs.close()


def test_offline_stops_every_download_and_they_go_on_when_asked(models: Models, hub: FakeHub, qtbot: QtBot) -> None:
    hub.trickle = threading.Event()
    models.download("maker/chat")
    models.download("maker/second")
    qtbot.waitUntil(lambda: models.downloads.get("maker/chat").done_bytes > 0, timeout=WAIT_MS)
    models.follow_offline(True)
    qtbot.waitUntil(lambda: not any(one.is_live for one in models.downloads.all()), timeout=WAIT_MS)
    assert [one.state for one in models.downloads.all()] == ["stopped", "stopped"]
    hub.trickle.set()
    hub.trickle = None
    assert not any(one.is_whole for one in models.cache_now())
    models.follow_offline(False)
    assert [one.state for one in models.downloads.all()] == ["stopped", "stopped"]
    models.download("maker/chat")
    qtbot.waitUntil(lambda: models.downloads.get("maker/chat").state == "done", timeout=WAIT_MS)


def test_examining_answers_for_the_model_that_was_asked_last(models: Models, tmp_path: Path, qtbot: QtBot) -> None:
    write_model(tmp_path / "one")
    write_model(tmp_path / "two", template=False)
    answers = []
    models.examined.connect(answers.append)
    models.examine(str(tmp_path / "one"))
    models.examine(str(tmp_path / "two"))
    qtbot.waitUntil(lambda: bool(answers), timeout=WAIT_MS)
    qtbot.wait(300)
    assert [report.model for report in answers] == [str(tmp_path / "two")]
    known = models.known(str(tmp_path / "two"))
    assert known.has_chat_template is False
    assert known.facts is not None


def test_searching_answers_and_fails_in_words(models: Models, hub: FakeHub, qtbot: QtBot) -> None:
    with qtbot.waitSignal(models.found, timeout=WAIT_MS) as found:
        models.search("chat")
    assert [one.id for one in found.args[1]] == ["maker/chat"]
    hub.error = 503
    with qtbot.waitSignal(models.search_failed, timeout=WAIT_MS) as failed:
        models.search("second")
    assert "error 503" in str(failed.args[1])


def test_offline_nothing_is_asked(models: Models, hub: FakeHub, qtbot: QtBot) -> None:
    models.is_offline = lambda: True
    with qtbot.waitSignal(models.search_failed) as failed:
        models.search("chat")
    assert failed.args[1].code == "offline"
    for refused in (lambda: models.download("maker/chat"), lambda: models.search_now("chat")):
        with pytest.raises(ConfigError, match="Tunedeck is offline"):
            refused()
    assert not models.check("maker/chat", None, False).can_train
    assert hub.asked == []


def test_what_a_run_uses_is_not_freed(models: Models, in_use: set[str]) -> None:
    in_use.add("maker/chat")
    with pytest.raises(ConfigError, match="in use by a run"):
        models.free_now("maker/chat")
    in_use.clear()
    with pytest.raises(AppError, match="not in the cache"):
        models.free_now("maker/chat")


def test_a_gguf_file_becomes_a_folder(models: Models, home: Home, tmp_path: Path, qtbot: QtBot) -> None:
    gguf = tmp_path / "small.gguf"
    gguf.write_bytes(b"GGUF")
    with qtbot.waitSignal(models.imported, timeout=WAIT_MS) as imported:
        models.import_gguf(gguf, "process")
    assert imported.args == [str(gguf), str(home.models / "small")]
    assert [one.value for one in models.local_now()] == [str(home.models / "small")]


def test_the_users_own_cache_is_offered_as_folders(models: Models, home: Home) -> None:
    own = home.path / ".cache" / "huggingface" / "hub" / "models--them--theirs"
    write_model(own / "snapshots" / "abc")
    (own / "blobs").mkdir()
    (own / "refs").mkdir()
    (own / "refs" / "main").write_text("abc")
    (found,) = models.local_now()
    assert (found.name, found.where) == ("them/theirs", "your own cache")
    assert found.value == str(own / "snapshots" / "abc")


def test_in_4_bits_unsloths_copy_is_what_a_run_fetches() -> None:
    llama, four_bit = "meta-llama/Llama-3.2-1B-Instruct", "unsloth/Llama-3.2-1B-Instruct-bnb-4bit"
    assert needed_repository(llama, four_bit=True) == four_bit
    assert needed_repository(four_bit, four_bit=True) == four_bit
    assert needed_repository(llama, four_bit=False) == llama
    assert needed_repository(llama, four_bit=True, revision="main") == llama
    assert needed_repository("somebody/else", four_bit=True) == "somebody/else"


def test_a_model_that_is_here_whole_needs_no_copy_in_4_bits(models: Models) -> None:
    llama, four_bit = "meta-llama/Llama-3.2-1B-Instruct", "unsloth/Llama-3.2-1B-Instruct-bnb-4bit"
    knobs = {"model": llama, "model_revision": None, "load_in_4bit": True}
    assert models.examined_as(knobs) == (four_bit, None)
    kept = models.cache / "models--meta-llama--Llama-3.2-1B-Instruct"
    folder = kept / "snapshots" / "abc"
    write_model(folder)
    (kept / "blobs").mkdir()
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text("abc")
    assert models.examined_as(knobs) == (llama, None)
    assert models.check(*models.examined_as(knobs), offline=True).can_train
    (folder / "model.safetensors").unlink()
    assert models.examined_as(knobs) == (four_bit, None)
