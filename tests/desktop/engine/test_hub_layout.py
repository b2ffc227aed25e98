"""Which files of a repository are which split: by its card, by the names of files and folders, else all of them."""

from __future__ import annotations

from typing import Any

import pytest

from desktop.engine.hub_layout import converted_layout, kind_of_file, layout

Splits = dict[str, list[str]]


def laid_out(files: list[str], configs: Any = None) -> dict[str, Splits]:
    made = layout(dict.fromkeys(files, 1), configs)
    return {one.name: {split.name: list(split.files) for split in one.splits} for one in made}


@pytest.mark.parametrize(
    ("files", "splits"),
    [
        (["rows.csv"], {"train": ["rows.csv"]}),
        (
            ["train.csv", "test.csv", "val.csv"],
            {"train": ["train.csv"], "validation": ["val.csv"], "test": ["test.csv"]},
        ),
        (["train/a.json", "dev/b.json"], {"train": ["train/a.json"], "validation": ["dev/b.json"]}),
        (
            ["data/train_sft-00000-of-00002-ab12.parquet", "data/train_sft-00001-of-00002-cd34.parquet"],
            {
                "train_sft": [
                    "data/train_sft-00000-of-00002-ab12.parquet",
                    "data/train_sft-00001-of-00002-cd34.parquet",
                ]
            },
        ),
        (["my-train-2.jsonl", "notes.jsonl"], {"train": ["my-train-2.jsonl"]}),
        (["constrained.jsonl", "latest.jsonl"], {"train": ["constrained.jsonl", "latest.jsonl"]}),
        (["a.parquet", "b.parquet", "c.csv"], {"train": ["a.parquet", "b.parquet"]}),
        (["a.jsonl", "a.csv"], {"train": ["a.jsonl"]}),
    ],
)
def test_names_say_what_a_file_is_for(files: list[str], splits: Splits) -> None:
    assert laid_out(files) == {"default": splits}


def test_what_holds_no_rows_is_passed_over() -> None:
    files = ["README.md", "dataset_infos.json", "LICENSE.txt", ".gitattributes", ".git/train.csv", "image.png", "x.py"]
    assert laid_out(files) == {}
    assert [kind_of_file(name) for name in ("a.CSV", "a.jsonl.gz", "a.gz", "data/readme.txt")] == [
        ".csv",
        ".jsonl",
        "",
        "",
    ]


@pytest.mark.parametrize(
    ("data_files", "splits"),
    [
        ("one.csv", {"train": ["one.csv"]}),
        (["one.csv", "two/b.csv"], {"train": ["one.csv", "two/b.csv"]}),
        ("two/*.csv", {"train": ["two/b.csv"]}),
        ("**/*.csv", {"train": ["one.csv", "two/b.csv", "two/three/c.csv"]}),
        ([{"split": "eval", "path": "two/?.csv"}], {"eval": ["two/b.csv"]}),
        ([{"split": "both", "path": ["one.csv", "two/**"]}], {"both": ["one.csv", "two/b.csv", "two/three/c.csv"]}),
        ("{one,none}.csv", {"train": ["one.csv"]}),
    ],
)
def test_the_card_comes_first(data_files: Any, splits: Splits) -> None:
    files = ["one.csv", "two/b.csv", "two/three/c.csv"]
    told = [{"config_name": "mine", "data_files": data_files}, {"config_name": "empty", "data_files": "no/*.csv"}]
    assert laid_out(files, told) == {"mine": splits}


def test_a_folder_of_a_config_is_looked_into() -> None:
    files = ["main/train.csv", "main/test.csv", "socratic/train.csv"]
    told = [
        {"config_name": "main", "data_dir": "main"},
        {"config_name": "socratic", "data_dir": "socratic", "data_files": "*.csv"},
    ]
    assert laid_out(files, told) == {
        "main": {"train": ["main/train.csv"], "test": ["main/test.csv"]},
        "socratic": {"train": ["socratic/train.csv"]},
    }


@pytest.mark.parametrize("configs", ["text", [1, None], [{}], [{"data_files": 3}], [{"data_files": [{"path": None}]}]])
def test_a_strange_card_does_no_harm(configs: Any) -> None:
    assert laid_out(["rows.csv"], configs) == {"default": {"train": ["rows.csv"]}}


def test_the_hubs_copies_lie_in_folders_of_config_and_split() -> None:
    made = converted_layout({"main/train/0000.parquet": 5, "main/train/0001.parquet": 6, ".gitattributes": 1})
    (config,) = made
    assert (config.name, config.splits[0].name, config.splits[0].bytes) == ("main", "train", 11)
