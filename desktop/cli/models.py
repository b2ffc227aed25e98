"""``models``: what a run can start from; the list, the Hub, what is known of one, its download, and the cache."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from desktop.cli.live import Line
from desktop.cli.loop import assembled, wait_until
from desktop.controllers.models import CachedModel, Download, HubModel, ModelReport
from desktop.core.models import StartingPoint, context_of, model_list, size_words
from desktop.paths import Home


def add_words(models: argparse.ArgumentParser) -> None:
    """Declare the words behind ``models``."""
    words = models.add_subparsers(required=True, metavar="WORD")

    def add(name: str, help: str, command: Any) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = words.add_parser(name, help=help, description=help)
        made.set_defaults(command=command)
        return made

    add("list", "good models to start from", list_models).add_argument("words", nargs="*", help="only those so named")
    add("search", "search the Hub", search).add_argument("words", nargs="+", metavar="WORDS")
    for name, help, command in (
        ("show", "look one over: is it here, can it be trained, what does it lack", show),
        ("download", "fetch one from the Hub, or go on with it; Ctrl+C stops, what has come is kept", download),
    ):
        one = add(name, help, command)
        one.add_argument("id", metavar="ID", help="a name on the Hub; for show also a folder or a GGUF file")
        one.add_argument("--revision", help="a branch, tag or commit; the newest without it")
    cache = add("cache", "what the downloads take", show_cache)
    cache.add_argument("--free", metavar="ID", help="delete this one")


def list_models(arguments: argparse.Namespace, home: Home) -> int:
    """Print the list that comes with the app."""
    listed = model_list()
    found = listed.search(" ".join(arguments.words))
    if arguments.json:
        models = [{name: value for name, value in asdict(one).items() if name != "shape"} for one in found]
        print(json.dumps({"date": listed.date, "source": listed.source, "models": models}))
    else:
        for one in found:
            print(_line(one))
    return 0


def _line(one: StartingPoint) -> str:
    gate = ", ask first" if one.gated else ""
    four_bit = f"  4-bit: {one.four_bit}" if one.four_bit else ""
    return f"{one.id:44} {size_words(one.parameters):>5}  {one.licence}{gate}{four_bit}"


def search(arguments: argparse.Namespace, home: Home) -> int:
    """Print what the Hub has under these words."""
    with assembled(home) as assembly:
        found = assembly.models.search_now(" ".join(arguments.words))
    if arguments.json:
        print(json.dumps({"models": [_hub_json(one) for one in found]}))
    else:
        for one in found:
            size = size_words(one.parameters) if one.parameters else "?"
            kind = "  GGUF: not for training" if one.is_gguf else ", ask first" if one.gated else ""
            print(f"{one.id:52} {size:>5}  {one.downloads:>12,}  {one.licence or '?'}{kind}")
    return 0


def _hub_json(one: HubModel) -> dict[str, Any]:
    names = ("id", "parameters", "licence", "downloads", "gated", "is_gguf")
    return {name: getattr(one, name) for name in names}


def show(arguments: argparse.Namespace, home: Home) -> int:
    """Print what is found out of one model; exit code 1 where a run with it would fail."""
    with assembled(home) as assembly:
        report = assembly.models.check(arguments.id, arguments.revision, False)
        assembly.models.report = report
        known = assembly.models.known(arguments.id)
    if arguments.json:
        print(json.dumps(_report_json(report) | {"parameters": known.size}))
    else:
        size = f"{size_words(known.size)} parameters, " if known.size else ""
        print(f"{known.name}: {size}{known.kind or 'kind not known'}")
        print("\n".join(_remarks(report)))
    return 0 if report.can_train else 1


def _remarks(report: ModelReport) -> Iterator[str]:
    signs = {"ok": "✓", "warn": "!", "fail": "✗"}
    yield from (f"{signs[remark.state]} {remark.sentence}" for remark in report.remarks)


def _report_json(report: ModelReport) -> dict[str, Any]:
    return {
        "model": report.model,
        "where": report.where,
        "folder": str(report.folder) if report.folder else None,
        "model_type": report.config.get("model_type"),
        "context": context_of(report.config),
        "licence": report.licence,
        "gated": report.gated,
        "download_bytes": report.download_bytes,
        "has_chat_template": report.has_chat_template,
        "can_train": report.can_train,
        "remarks": [{"state": remark.state, "sentence": remark.sentence} for remark in report.remarks],
    }


def download(arguments: argparse.Namespace, home: Home) -> int:
    """Fetch a model and show how far it is."""
    line = Line()
    with assembled(home) as assembly:
        downloads = assembly.models.downloads

        def tell(id: str) -> None:
            going = downloads.get(id)
            if going is None or not going.is_live or going.total_bytes is None:
                return
            if arguments.json:
                print(json.dumps({"kind": "download", **_progress(going)}), flush=True)
            else:
                line.move(_progress_words(going))

        downloads.changed.connect(tell)
        assembly.models.download(arguments.id, arguments.revision)

        def has_ended() -> bool:
            going = downloads.get(arguments.id)
            return going is None or not going.is_live

        wait_until(has_ended, downloads.changed)
        ended = downloads.get(arguments.id)
        assert ended is not None
        if ended.error is not None:
            raise ended.error
    if arguments.json:
        print(json.dumps({"kind": "download", **_progress(ended)}))
    else:
        line.say(f"{arguments.id} is on this machine: {ended.done_bytes / 1e9:.1f} GB.")
    return 0


def _progress(one: Download) -> dict[str, Any]:
    names = ("id", "state", "done_bytes", "total_bytes", "bytes_per_s", "seconds_left")
    return {name: getattr(one, name) for name in names}


def _progress_words(one: Download) -> str:
    speed = f" · {one.bytes_per_s / 1e6:.1f} MB/s" if one.bytes_per_s else ""
    left = f" · {one.seconds_left:.0f} s left" if one.seconds_left is not None else ""
    return f"{one.done_bytes / 1e9:.2f} of {(one.total_bytes or 0) / 1e9:.2f} GB{speed}{left}"


def show_cache(arguments: argparse.Namespace, home: Home) -> int:
    """Print what the cache keeps, or delete one model from it."""
    with assembled(home) as assembly:
        if arguments.free:
            assembly.runs.start_only([])
            assembly.runs.load()
            size = assembly.models.free_now(arguments.free)
            told = {"freed": arguments.free, "bytes": size}
            print(json.dumps(told) if arguments.json else f"{arguments.free} is deleted: {size / 1e9:.1f} GB are free.")
            return 0
        cached = assembly.models.cache_now()
    if arguments.json:
        print(json.dumps({"models": [_cached_json(one) for one in cached]}))
    elif not cached:
        print("Nothing has been downloaded yet.", file=sys.stderr)
    for one in () if arguments.json else cached:
        used = f"last used {one.last_used:%Y-%m-%d}" if one.last_used else ""
        print(f"{one.id:52} {one.size_bytes / 1e9:>6.1f} GB  {'' if one.is_whole else 'part of it  '}{used}")
    return 0


def _cached_json(one: CachedModel) -> dict[str, Any]:
    return {
        "id": one.id,
        "folder": str(one.folder),
        "size_bytes": one.size_bytes,
        "last_used": one.last_used.isoformat() if one.last_used else None,
        "is_whole": one.is_whole,
    }
