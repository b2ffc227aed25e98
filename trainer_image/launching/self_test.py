"""Do the cards of this machine talk to each other? Tried once, with a time limit, before their first run together."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from trainer_image.cards.visible import Card, driver_version
from trainer_image.errors import TrainerError
from trainer_image.fitting.split_speed import Speeds
from trainer_image.launching.crew import Crew
from trainer_image.launching.supervise import STACKS_S, Signals
from trainer_image.supervised import CACHES

LIMIT_S = 120.0
"""Starting torch takes some seconds of it; what then hangs would hang for ever."""
WAYS: tuple[Mapping[str, str], ...] = (
    {},
    # Without direct copies from card to card, which some boards and virtual machines announce and cannot do.
    {"NCCL_P2P_DISABLE": "1"},
    # Without shared memory either, which a container may lack: through the loopback network.
    {"NCCL_P2P_DISABLE": "1", "NCCL_SHM_DISABLE": "1"},
)
"""Settings in the order of their speed; the first with which the cards talk is taken."""


def settings_for(cards: Sequence[Card], environment: Mapping[str, str], signals: Signals) -> dict[str, str]:
    """Return the settings with which these cards talk, as tried now or remembered of this machine."""
    kept, key = _file(environment), _key(cards)
    known = _read(kept)
    if isinstance(known.get(key, {}).get("settings"), dict):
        return dict(known[key]["settings"])
    for settings in WAYS:
        found = talk({**environment, **settings}, len(cards), signals)
        if signals.told:
            raise SystemExit(128 + signals.told)
        if found is not None:
            _write(kept, known | {key: {"settings": dict(settings), **found}})
            return dict(settings)
    raise TrainerError(
        "cards_cannot_talk",
        f"The cards cannot talk to each other: {', '.join(map(str, cards))}.",
        "Set Use of the cards to one, or choose other cards under GPUs. The log has where they waited.",
    )


def speeds_of(cards: Sequence[Card], environment: Mapping[str, str]) -> Speeds | None:
    """Return what was measured of these cards; None where it was not, or by a version that measured less."""
    kept = _read(_file(environment)).get(_key(cards), {})
    try:
        speeds = Speeds(float(kept["gb_per_s"]), float(kept["tflops"]))
    except (KeyError, TypeError, ValueError):
        return None
    return speeds if speeds.gb_per_s > 0 and speeds.tflops > 0 else None


def talk(
    environment: Mapping[str, str], count: int, signals: Signals, limit_s: float = LIMIT_S
) -> dict[str, float] | None:
    """Return how fast so many processes sum numbers over their cards and multiply; None where they cannot talk.

    ``gb_per_s`` between two of them, ``tflops`` of the slowest.
    """
    with tempfile.TemporaryDirectory() as place:
        result = Path(place) / "result.json"
        crew = signals.crew = Crew(
            [sys.executable, "-m", "trainer_image.launching.handshake", str(result)], environment, count
        )
        try:
            if not crew.wait(limit_s):
                crew.send(signal.SIGUSR1)
                crew.wait(STACKS_S)
        finally:
            crew.kill()
            signals.crew = None
        if crew.code != 0 or not result.exists():
            return None
        return {name: round(float(value), 2) for name, value in json.loads(result.read_text("utf-8")).items()}


def caches_folder(environment: Mapping[str, str]) -> Path:
    """Return the folder of what is kept between runs."""
    home = environment.get("HF_HOME")
    return Path(environment.get(CACHES) or (Path(home).parent if home else tempfile.gettempdir()))


def _file(environment: Mapping[str, str]) -> Path:
    return caches_folder(environment) / "cards.json"


def _key(cards: Sequence[Card]) -> str:
    """Return what the answer depends on: these cards, their driver and torch, which brings NCCL."""
    try:
        torch = metadata.version("torch")
    except metadata.PackageNotFoundError:
        torch = ""
    parts = [*sorted(card.uuid for card in cards), driver_version(), torch]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        known = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _write(path: Path, known: Mapping[str, object]) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.write_text(json.dumps(known), "utf-8")
        aside.replace(path)
    except OSError:
        return  # then it is tried again next time
