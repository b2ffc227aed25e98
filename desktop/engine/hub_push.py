"""Sends a finished model to the Hub: the files that make a model and a card, in one commit, and nothing else.

It runs in a process of its own, which is killed to stop it; until the commit at the very end nothing is in the
repository. Files are given as open files, which huggingface_hub sends over plain HTTP: Xet would not say how far it is.
"""

from __future__ import annotations

import io
import json
import re
import threading
import warnings
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

from httpx2 import HTTPError
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from huggingface_hub.utils import (  # type: ignore[attr-defined]
    disable_progress_bars,
    logging,
    validate_repo_id,
)

from desktop.errors import AppError, ConfigError
from trainer_image.log.redaction import SHORTEST, Redactor

TELL_S = 0.25
PUBLIC_HUB = "https://huggingface.co"
REPO_MARK = "{repository}"
"""Stands in a card for the whole name of the repository, which only the Hub knows where the owner was left out."""
README = "README.md"
WEIGHTS = ("adapter_model*.safetensors", "model*.safetensors")
SMALL = (
    *("adapter_config.json", "config.json", "generation_config.json", "*model.safetensors.index.json"),
    *("tokenizer*.json", "special_tokens_map.json", "added_tokens.json", "vocab.json", "vocab.txt", "merges.txt"),
    *("*.model", "chat_template.json", "*.jinja", "preprocessor_config.json", "processor_config.json"),
)
"""What a model needs beside its weights. No pickles, no logs, no checkpoints, no card of a library with paths in it."""
TEMPLATES = "additional_chat_templates"
CONFIGS = ("*config.json",)
"""Where libraries write where they found a model."""
LARGEST_TEXT = 1 << 20
"""Larger files are vocabularies, in which words look like anything."""
LONGEST_SAID = 300
"""What the Hub says may be a whole page."""
HOW_TO_GET_A_TOKEN = (
    "Make one that may write at https://huggingface.co/settings/tokens, and keep it in Settings or by "
    "`tunedeck token set`."
)

disable_progress_bars()  # they would be written to the terminal that the app was started from
logging.set_verbosity_error()  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class Sent:
    """How far a push is, in bytes."""

    done_bytes: int
    total_bytes: int


@dataclass(frozen=True)
class Pushed:
    """Where a model is now."""

    repo: str
    address: str
    is_private: bool
    keeps_card: bool
    """The repository had a card already, which was left as it is."""


@dataclass
class _Counter:
    total: int
    done: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, count: int) -> None:
        with self.lock:
            self.done += count


class _Counted(io.BufferedReader):
    """A file that tells a counter how much of it has been read; what is read twice counts once."""

    def __init__(self, raw: Any, counter: _Counter) -> None:
        super().__init__(raw)
        self._counter = counter
        self._most = 0
        self.is_sent = False
        """Before it is sent it is read once for its hash, which does not count."""

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if self.is_sent and (at := self.tell()) > self._most:
            self._counter.add(at - self._most)
            self._most = at
        return data


def repository_name(written: str) -> str:
    """Return the name of a repository as OWNER/NAME or NAME; ConfigError where it is none."""
    name = written.strip().removeprefix(f"{PUBLIC_HUB}/").strip("/")
    try:
        validate_repo_id(name)
    except HFValidationError as error:
        hint = "Write it as OWNER/NAME, of letters, digits, hyphens, dots and underscores."
        raise ConfigError(f"{written.strip() or 'Nothing'} is no name on the Hub.", hint, "bad_name") from error
    return name


def model_files(folder: Path) -> list[str]:
    """Return the names of the files that make a model, sorted; ConfigError where there are no weights."""
    there = [] if folder.is_symlink() else [*folder.glob("*"), *folder.glob(f"{TEMPLATES}/*.jinja")]
    # A trainer writes here, with code of others in it: a link could lead to any file of this machine.
    plain = [path for path in there if path.is_file() and not path.is_symlink() and not path.parent.is_symlink()]
    names = sorted(path.name for path in plain if path.parent == folder and _is_like(path.name, (*WEIGHTS, *SMALL)))
    if not any(_is_like(name, WEIGHTS) for name in names):
        raise ConfigError("This run has no finished model to push.", "Choose a run that has finished.", "no_adapter")
    return names + sorted(f"{TEMPLATES}/{path.name}" for path in plain if path.parent != folder)


def small_files(folder: Path, base: str, token: str) -> dict[str, bytes]:
    """Return what goes up of all files but the weights: without places of this machine; AppError for a secret."""
    found: dict[str, bytes] = {}
    redactor = Redactor([token])
    for name in model_files(folder):
        if _is_like(name, WEIGHTS):
            continue
        data = (folder / name).read_bytes()
        if _is_like(name, CONFIGS):
            data = _without_places(data, base)
        known = len(token) >= SHORTEST and token.encode() in data
        has_secret = known or (len(data) <= LARGEST_TEXT and redactor.data(data) != data)
        if has_secret:
            sentence = f"{name} holds what looks like a token or a password, so nothing was sent."
            raise AppError(sentence, f"Take it out of {folder / name}, then push again.", "secret")
        found[name] = data
    return found


def push(
    folder: Path, repo: str, card: str, base: str, is_private: bool, token: str, endpoint: str | None = None
) -> Generator[Sent, None, Pushed]:
    """Send a model and say from time to time how far it is; ``base`` is what to call the model it stands on."""
    small = small_files(folder, base, token)
    large = [name for name in model_files(folder) if name not in small]
    counter = _Counter(sum(map(len, small.values())) + sum((folder / name).stat().st_size for name in large))

    def work() -> Pushed:
        with push_faults(repo, token), warnings.catch_warnings(action="ignore"):
            return _send(folder, repo, card, small, large, counter, HfApi(endpoint, token=token), is_private)

    with ThreadPoolExecutor(1) as lane:
        working = lane.submit(work)
        while not working.done():
            yield Sent(min(counter.done, counter.total), counter.total)
            wait([working], timeout=TELL_S)
    pushed = working.result()
    yield Sent(counter.total, counter.total)
    return pushed


def _send(
    folder: Path,
    repo: str,
    card: str,
    small: Mapping[str, bytes],
    large: list[str],
    counter: _Counter,
    api: HfApi,
    is_private: bool,
) -> Pushed:
    made = api.create_repo(repo, private=is_private, exist_ok=True)
    there = api.model_info(made.repo_id)
    if is_private and not there.private:
        sentence = f"{made.repo_id} is there already, and everybody can see it. Nothing was sent."
        raise AppError(sentence, "Choose another name, or push it as a public one.", "is_public")
    keeps_card = any(one.rfilename == README for one in there.siblings or ())
    texts = {**small} if keeps_card else {**small, README: card.replace(REPO_MARK, made.repo_id).encode()}
    with ExitStack() as opened:
        operations = list[CommitOperationAdd | CommitOperationDelete]()
        for name in (*texts, *large):
            raw = io.BytesIO(texts[name]) if name in texts else io.FileIO(folder / name)
            file = opened.enter_context(_Counted(raw, counter))
            operations.append(CommitOperationAdd(name, file))
            file.is_sent = True
        old = left_behind([one.rfilename for one in there.siblings or ()], {*texts, *large})
        operations += [CommitOperationDelete(name, is_folder=False) for name in old]
        api.create_commit(made.repo_id, operations, commit_message="Model trained with Tunedeck")
    return Pushed(made.repo_id, f"{api.endpoint}/{made.repo_id}", bool(there.private), keeps_card)


def left_behind(there: Iterable[str], sent: Collection[str]) -> list[str]:
    """Return which files of a repository are of the kinds that make a model, and not of the one that is sent.

    Another model's weights, adapter or chat template beside the new ones would be loaded with them, or instead.
    """
    return [name for name in there if name not in sent and _makes_a_model(PurePosixPath(name))]


def _makes_a_model(path: PurePosixPath) -> bool:
    if str(path.parent) == TEMPLATES:
        return path.suffix == ".jinja"
    return str(path.parent) == "." and _is_like(path.name, (*WEIGHTS, *SMALL))


def _is_like(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _without_places(data: bytes, base: str) -> bytes:
    """Return a JSON file in which no folder of this machine is named; the very same bytes where none was."""
    try:
        values = json.loads(data)
    except ValueError:
        return data
    public = _public(values, base)
    return data if public == values else json.dumps(public, indent=2, ensure_ascii=False).encode() + b"\n"


_PLACE = re.compile(r"(?:~?/|[A-Za-z]:[\\/])[^\n]*[^\s/\\]")
_PLACE_KEYS = ("path", "file", "dir", "folder")


def _public(value: Any, base: str, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _public(one, base, name) for name, one in value.items()}
    if isinstance(value, list):
        return [_public(one, base) for one in value]
    if not isinstance(value, str) or not _PLACE.fullmatch(value):
        return value
    if key.endswith("name_or_path"):
        return base
    parts = PurePosixPath(value.replace("\\", "/")).parts
    # A word of the vocabulary may begin with a slash too.
    is_place = key.endswith(_PLACE_KEYS) or (len(parts) > 2 and not any(one.isspace() for one in value))
    return parts[-1] if is_place else value


@contextmanager
def push_faults(repo: str, token: str = "") -> Iterator[None]:
    """Say in words what the Hub or the way to it refuses; what the Hub has said is told without the token."""
    try:
        yield
    except RuntimeError as error:
        # What huggingface_hub makes of a large file that did not get through.
        if not isinstance(error.__cause__, HfHubHTTPError | HTTPError | OSError | ValueError):
            raise
        raise _refusal(repo, token, error.__cause__) from error
    except (HfHubHTTPError, HTTPError, OSError, OfflineModeIsEnabled, ValueError) as error:
        raise _refusal(repo, token, error) from error


def _said(words: str | None, token: str) -> str:
    """Return what was said as one line without secrets, not too long."""
    return " ".join(Redactor([token]).text(words or "").split())[:LONGEST_SAID]


def _refusal(repo: str, token: str, error: BaseException) -> AppError:
    if isinstance(error, OfflineModeIsEnabled):
        return AppError("HF_HUB_OFFLINE is set, so the Hub is not asked.", "Start Tunedeck without it.", "offline")
    if isinstance(error, RepositoryNotFoundError):
        return AppError(f"The Hub has no place for {repo}.", "Check the owner's name.", "no_repository")
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code if error.response is not None else 0
        if status == 401:
            return AppError("The Hub does not know the token.", HOW_TO_GET_A_TOKEN, "hub_token")
        if status == 403:
            # A quota that is used up comes so, too.
            why = _said(error.server_message, token).rstrip(".")
            hint = f"The Hub says: {why}. {HOW_TO_GET_A_TOKEN}" if why else HOW_TO_GET_A_TOKEN
            return AppError(f"The token may not write to {repo}.", hint, "hub_token")
        return AppError(f"The Hub has answered with an error ({status}).", "Try again in some minutes.", "hub_failed")
    if isinstance(error, HTTPError | ConnectionError | TimeoutError):
        return AppError("The Hugging Face Hub does not answer.", "Check the network, then push again.", "no_network")
    if isinstance(error, ValueError):
        # So huggingface_hub tells what is refused of a large file (too large, no room left) or of a card.
        return AppError("The Hub has refused the upload.", _said(str(error), token), "hub_refused")
    said = getattr(error, "strerror", None) or error
    return AppError(f"A file of the model cannot be read: {said}.", "Look into the folder of the run.", "unreadable")
