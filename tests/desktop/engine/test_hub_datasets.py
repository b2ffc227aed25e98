"""Datasets on the Hub, played by a server on this machine: found, looked at, previewed by ranges, fetched, refused."""

from __future__ import annotations

import gzip
import io
import json
import random
from collections.abc import Iterator
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from desktop.core.dataset.report import Cancelled
from desktop.engine.hub_datasets import HubDatasets, chosen_split
from desktop.engine.hub_values import HubConfig, HubDataset, HubSplit
from desktop.errors import AppError
from tests.dataset_hub import COMMIT, COPIES, TOKEN, DatasetHub, FakeDataset

ROWS = [{"question": f"What is {n} + {n}?", "answer": f"{2 * n}"} for n in range(50)]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def table(rows: int = 50) -> bytes:
    """Return a Parquet file whose pages are small beside the whole."""
    chance, file = random.Random(1), io.BytesIO()
    columns = {
        "prompt": [f"Q{n}" for n in range(rows)],
        "completion": [chance.randbytes(300).hex() for _ in range(rows)],
    }
    parquet.write_table(pyarrow.table(columns), file, compression="none", data_page_size=16 << 10, use_dictionary=False)
    return file.getvalue()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[DatasetHub]:
    server = DatasetHub()
    monkeypatch.setenv("HF_ENDPOINT", server.address)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf-home"))
    server.add(FakeDataset("maker/sums", {"README.md": b"# Sums", "train.jsonl": LINES, "test.jsonl": LINES[:60]}))
    yield server
    server.close()


@pytest.fixture
def datasets(hub: DatasetHub, tmp_path: Path) -> HubDatasets:
    return HubDatasets(tmp_path / "caches" / "hub")


def stay() -> None:
    """Nobody leaves."""


def splits_of(found: HubDataset) -> dict[str, dict[str, tuple[str, ...]]]:
    return {config.name: {split.name: split.files for split in config.splits} for config in found.configs}


def test_a_search_finds_the_most_fetched_first(hub: DatasetHub, datasets: HubDatasets) -> None:
    hub.add(FakeDataset("other/sums", is_gated=True, downloads=900, description="  Sums \n of\tnumbers. "))
    first, second = datasets.search("sums", stay)
    assert (first.repo, first.is_gated, first.summary, first.downloads) == ("other/sums", True, "Sums of numbers.", 900)
    assert (second.repo, second.is_gated) == ("maker/sums", False)
    assert datasets.search("nothing", stay) == []


def test_a_look_fetches_nothing(hub: DatasetHub, datasets: HubDatasets) -> None:
    found = datasets.look(" maker/sums ", "", stay)
    assert (found.repo, found.commit, found.note) == ("maker/sums", COMMIT, "")
    assert splits_of(found) == {"default": {"train": ("train.jsonl",), "test": ("test.jsonl",)}}
    assert found.configs[0].splits[0].bytes == len(LINES)
    assert hub.bytes_sent == {}


@pytest.mark.parametrize("name", ["train.jsonl", "train.jsonl.gz", "train.json", "train.csv", "train.parquet"])
def test_the_first_rows_come_of_every_format(hub: DatasetHub, datasets: HubDatasets, name: str) -> None:
    csv = b"question,answer\n" + b"".join(f'"{row["question"]}",{row["answer"]}\n'.encode() for row in ROWS)
    sheet = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(ROWS), sheet)
    files = {
        "train.jsonl": LINES,
        "train.jsonl.gz": gzip.compress(LINES),
        "train.json": json.dumps(ROWS).encode(),
        "train.csv": csv,
        "train.parquet": sheet.getvalue(),
    }
    hub.add(FakeDataset("maker/any", {name: files[name]}))
    seen = datasets.preview(datasets.look("maker/any", "", stay), "", "", 3, stay)
    assert list(seen.rows) == ROWS[:3]
    assert (seen.columns, seen.shape) == (("question", "answer"), "question_answer")


@pytest.mark.parametrize("name", ["train.parquet", "train.jsonl", "train.csv", "train.jsonl.gz", "train.json"])
def test_a_preview_of_a_large_file_reads_little_of_it(hub: DatasetHub, datasets: HubDatasets, name: str) -> None:
    chance = random.Random(1)
    rows = [{"prompt": f"Q{n}", "completion": chance.randbytes(300).hex()} for n in range(5000)]
    lines = [json.dumps(row) for row in rows]
    files = {
        "train.parquet": table(5000),
        "train.jsonl": "\n".join(lines).encode(),
        "train.csv": (
            "prompt,completion\n" + "".join(f"{row['prompt']},{row['completion']}\n" for row in rows)
        ).encode(),
        "train.jsonl.gz": gzip.compress("\n".join(lines).encode(), 1),
        "train.json": f"[{', '.join(lines)}]".encode(),
    }
    hub.add(FakeDataset("maker/large", {name: files[name]}))
    seen = datasets.preview(datasets.look("maker/large", "", stay), "", "train", 10, stay)
    assert [row["prompt"] for row in seen.rows] == [f"Q{n}" for n in range(10)]
    assert hub.bytes_sent[name] < len(files[name]) / 3


def test_a_server_without_ranges_serves_too(hub: DatasetHub, datasets: HubDatasets) -> None:
    hub.knows_ranges = False
    hub.add(FakeDataset("maker/table", {"train.parquet": table()}))
    seen = datasets.preview(datasets.look("maker/table", "", stay), "", "", 2, stay)
    assert [row["prompt"] for row in seen.rows] == ["Q0", "Q1"]


def test_files_come_into_the_cache_once(hub: DatasetHub, datasets: HubDatasets, tmp_path: Path) -> None:
    parts = {f"data/train-0000{n}-of-00002.jsonl": LINES[n * 60 :] for n in range(2)}
    hub.add(FakeDataset("maker/parts", parts))
    found, told = datasets.look("maker/parts", "", stay), list[tuple[str, float | None]]()
    paths = datasets.fetch(found, "default", "train", lambda words, share, _: told.append((words, share)))
    assert [path.read_bytes() for path in paths] == list(parts.values())
    assert all(path.is_relative_to(tmp_path / "caches" / "hub" / "hub") for path in paths)
    sent = dict(hub.bytes_sent)
    assert datasets.fetch(found, "default", "train", lambda *_: None) == paths
    assert hub.bytes_sent == sent
    kept = datasets.keep(paths[0], tmp_path / "kept.jsonl")
    assert kept.read_bytes() == paths[0].read_bytes()


def test_a_fetch_tells_how_far_it_is_and_can_be_left(hub: DatasetHub, datasets: HubDatasets) -> None:
    # The Hub's library takes 10 MB at a time.
    hub.add(FakeDataset("maker/large", {"train.txt": b"A line of text.\n" * 1_500_000}))
    found = datasets.look("maker/large", "", stay)
    hub.holds.clear()
    told: list[float] = []

    def leave_in_the_middle(words: str, share: float | None, _: int) -> None:
        if share:
            assert words == "Fetching train.txt (1 of 1)"
            told.append(share)
            raise Cancelled

    with pytest.raises(Cancelled):
        datasets.fetch(found, "", "", leave_in_the_middle)
    assert 0 < told[0] < 1
    hub.holds.set()
    (path,) = datasets.fetch(found, "", "", lambda *_: None)
    assert path.read_bytes() == hub.datasets["maker/large"].files["train.txt"]


def test_a_dataset_of_a_program_is_read_from_the_hubs_copies(hub: DatasetHub, datasets: HubDatasets) -> None:
    converted = {
        "all/train/0000.parquet": table(),
        "all/test/0000.parquet": table(5),
        "few/train/0000.parquet": table(9),
    }
    hub.add(FakeDataset("maker/made", {"made.py": b"raise SystemExit('run')"}, converted=converted))
    found = datasets.look("maker/made", "", stay)
    assert "never runs" in found.note
    assert found.commit == COPIES
    assert set(splits_of(found)) == {"all", "few"}
    assert len(datasets.preview(found, "few", "train", 20, stay).rows) == 9
    with pytest.raises(AppError, match="several configs: all, few"):
        chosen_split(found, "", "")
    hub.add(FakeDataset("maker/lost", {"lost.py": b"", "picture.png": b""}))
    with pytest.raises(AppError, match="no rows that can be read here: it makes its rows with a program"):
        datasets.look("maker/lost", "", stay)


def test_what_a_gate_or_a_lock_keeps_is_one_sentence(hub: DatasetHub, datasets: HubDatasets, tmp_path: Path) -> None:
    hub.add(FakeDataset("maker/gated", {"train.jsonl": LINES}, is_gated=True))
    hub.add(FakeDataset("maker/private", {"train.jsonl": LINES}, is_private=True))
    found = datasets.look("maker/gated", "", stay)
    assert found.is_gated
    for call in (
        lambda: datasets.preview(found, "", "", 1, stay),
        lambda: datasets.fetch(found, "", "", lambda *_: None),
    ):
        with pytest.raises(AppError, match="given only to those who have accepted its terms") as refused:
            call()
        assert refused.value.code == "hub_gated"
    for repo in ("maker/private", "maker/nothing"):
        with pytest.raises(AppError, match=f"There is no dataset {repo} on the Hub, or it is private"):
            datasets.look(repo, "", stay)
    with_token = HubDatasets(tmp_path / "caches" / "hub", lambda: TOKEN)
    assert with_token.preview(with_token.look("maker/private", "", stay), "", "", 1, stay).rows == (ROWS[0],)
    assert len(with_token.fetch(found, "", "", lambda *_: None)) == 1
    assert hub.tokens == {TOKEN}


def test_what_does_not_answer_is_one_sentence(
    hub: DatasetHub, datasets: HubDatasets, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AppError, match="no branch, tag or commit v9"):
        datasets.look("maker/sums", "v9", stay)
    assert datasets.look("maker/sums", "v2", stay).revision == "v2"
    for name in ("a b c", "../sums", "x/y/z"):
        with pytest.raises(AppError, match="no name of a dataset"):
            datasets.look(name, "", stay)
    for status, words in (
        (500, r"answered with an error .500"),
        (401, "does not know the token"),
        (403, "does not let"),
    ):
        hub.error = status
        with pytest.raises(AppError, match=words):
            datasets.look("maker/sums", "", stay)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(AppError, match="The Hub does not answer") as refused:
        datasets.look("maker/sums", "", stay)
    assert refused.value.code == "offline"
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(AppError, match="HF_HUB_OFFLINE is set"):
        datasets.look("maker/sums", "", stay)


def test_who_asks_for_nothing_gets_what_there_is() -> None:
    def of(*names: str) -> HubDataset:
        splits = tuple(HubSplit(name, (f"{name}.csv",), None) for name in names)
        return HubDataset("a/b", "", COMMIT, (HubConfig("default", splits),), False, "", "")

    assert chosen_split(of("test", "train"), "", "").name == "train"
    assert chosen_split(of("all"), "", "").name == "all"
    with pytest.raises(AppError, match="It has x, y"):
        chosen_split(of("x", "y"), "", "")
    with pytest.raises(AppError, match="has no split train"):
        chosen_split(of("x", "y"), "", "train")
    with pytest.raises(AppError, match=r"has no config main\. It has default"):
        chosen_split(of("x"), "main", "")
