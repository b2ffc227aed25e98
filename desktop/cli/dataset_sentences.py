"""What the words about the library of datasets print: sentences for people, objects for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from desktop.controllers.datasets import Change, HubDataset, HubPreview
from desktop.core.datasets import Dataset, DatasetVersion, Use

SHOWN_LETTERS = 200


def version_in_words(version: DatasetVersion) -> str:
    """Say in a line what a version is."""
    left = f", {version.rows_left_out:,} left out" if version.rows_left_out else ""
    return f"{version.label}: {count_of_rows(version.rows)}{left}, {version.shape}, {version.origin.words}"


def count_of_rows(count: int) -> str:
    """Return so many rows in words."""
    return "1 row" if count == 1 else f"{count:,} rows"


def state_words(version: DatasetVersion) -> str:
    """Say what can be told of its file at a look."""
    words = {"gone": " · its file is gone", "touched": " · its file may have changed", "as_registered": ""}
    return words[version.state()]


def about(dataset: Dataset, version: DatasetVersion, change: Change, uses: list[Use]) -> Iterator[str]:
    """Yield everything about a dataset."""
    yield version_in_words(version)
    yield f"file: {version.path} ({version.size_bytes:,} bytes, SHA-256 {version.sha256[:12]})"
    if change.state != "same":
        again = f"`tunedeck data add {dataset.name} FILE` takes it in as the next version."
        yield f"{change.sentence} {again if change.state == 'changed' else ''}".strip()
    if version.mapping:
        yield f"columns: {', '.join(f'{ours} is {theirs}' for ours, theirs in version.mapping.items())}"
    if dataset.notes:
        yield f"notes: {dataset.notes}"
    if len(dataset.versions) > 1:
        yield "versions:"
        yield from (f"  {version_in_words(one)}" for one in dataset.versions)
    for use in uses:
        yield f"used by the {use.kind} {use.name}"


def dataset_as_json(dataset: Dataset) -> dict[str, Any]:
    """Return a dataset with its versions."""
    return {
        "name": dataset.name,
        "notes": dataset.notes,
        "created": dataset.created.isoformat(),
        "versions": [version_as_json(version) for version in dataset.versions],
    }


def version_as_json(version: DatasetVersion) -> dict[str, Any]:
    """Return everything about a version."""
    origin = {name: value for name, value in version.origin.__dict__.items() if value}
    return {
        "name": version.dataset,
        "number": version.number,
        "file": str(version.path),
        "sha256": version.sha256,
        "size_bytes": version.size_bytes,
        "rows": version.rows,
        "rows_total": version.rows_total,
        "shape": version.shape,
        "mapping": dict(version.mapping) if version.mapping else None,
        "reading": version.reading.__dict__,
        "bad_rows": version.bad_rows,
        "source": origin,
        "created": version.created.isoformat(),
    }


def use_as_json(use: Use) -> dict[str, Any]:
    """Return who uses a dataset."""
    return {"kind": use.kind, "id": use.id, "name": use.name, "version": use.version, "is_live": use.is_live}


def hub_as_json(found: HubDataset, preview: HubPreview) -> dict[str, Any]:
    """Return what a repository holds, and its first rows."""
    return {
        "repo": found.repo,
        "revision": found.revision,
        "commit": found.commit,
        "is_gated": found.is_gated,
        "note": found.note,
        "configs": [
            {"name": one.name, "splits": [{**split.__dict__, "files": list(split.files)} for split in one.splits]}
            for one in found.configs
        ],
        "shape": preview.shape,
        "columns": list(preview.columns),
        "rows": [dict(row) for row in preview.rows],
    }


def hub_in_words(found: HubDataset, preview: HubPreview) -> str:
    """Say what a repository holds, and show its first rows."""
    lines = [f"{found.repo} at {found.commit[:8]}", *([found.note] if found.note else [])]
    for config in found.configs:
        for one in config.splits:
            size = f", {one.bytes:,} bytes" if one.bytes is not None else ""
            files = "1 file" if len(one.files) == 1 else f"{len(one.files):,} files"
            lines.append(f"  --config {config.name} --split {one.name}: {files}{size}")
    lines.append(
        f"columns: {', '.join(preview.columns)}; shape: {preview.shape or 'not known, so name columns by --map'}"
    )
    lines += [json.dumps(dict(row), ensure_ascii=False, default=str)[:SHOWN_LETTERS] for row in preview.rows]
    return "\n".join(lines)
