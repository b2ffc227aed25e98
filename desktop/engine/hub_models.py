"""Models on the Hugging Face Hub: found by words, described, and their small files fetched; every refusal in words."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from httpx2 import HTTPError
from huggingface_hub import HfApi, get_session, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import ModelInfo
from huggingface_hub.utils import disable_progress_bars, hf_raise_for_status  # type: ignore[attr-defined]

from desktop.errors import AppError

FIRST = 30
SECONDS = 10.0
SMALL = (
    *("config.json", "generation_config.json", "tokenizer*", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.json", "merges.txt", "*.jinja", "chat_template*"),
)
"""What is enough to check a model: its sizes, its tokenizer and its chat template."""
WEIGHTS = (".safetensors", ".bin")
LEFT_OUT = ("original/", "onnx/", "openvino/", "coreml/", "metal/", "gguf/", ".git", "figures/", "assets/")
NEEDED = (".json", ".jinja", ".model", ".txt", ".py", ".tiktoken")
_EXPAND = ("config", "downloads", "gated", "likes", "pipeline_tag", "safetensors", "tags", "lastModified")
TEXT_TASKS = (None, "text-generation", "image-text-to-text", "any-to-any")
"""What the Hub says that models write text for; those that see pictures too write it as well, and some say nothing."""
LOOKED_THROUGH = 100
"""So many answers are asked for, because some of them are no text models."""

disable_progress_bars()  # they would be written to the terminal that the app was started from


@dataclass(frozen=True)
class HubModel:
    """A model as the Hub tells of it."""

    id: str
    parameters: int | None
    licence: str
    downloads: int
    gated: bool
    is_gguf: bool
    """It is there for running, not for training."""
    is_adapter: bool = False
    size_bytes: int | None = None
    """What a download would fetch; None where nobody asked."""
    commit: str = ""
    files: tuple[HubFile, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def page(self) -> str:
        return f"https://huggingface.co/{self.id}"


@dataclass(frozen=True)
class HubFile:
    """One file of a repository."""

    name: str
    size_bytes: int
    sha256: str
    """Of a large one; empty for what is kept in the repository itself."""


class HubModels:
    """The Hub's doorway for models; every call blocks, and raises AppError with what can be done."""

    def __init__(
        self,
        cache: Path,
        token: Callable[[], str | None] = lambda: None,
        endpoint: str | None = None,
        left_out: Collection[str] = (),
    ) -> None:
        """Keep what is fetched in ``cache``; ``endpoint`` is another Hub than HF_ENDPOINT or the public one.

        Searches leave models of the kinds (model_type) ``left_out`` out.
        """
        self.cache = cache
        self.endpoint = endpoint
        self._token = token
        self._left_out = left_out

    @property
    def token(self) -> str | bool:
        """The user's token, or False: huggingface_hub would otherwise look for one by itself."""
        return self._token() or False

    def search(self, words: str, most: int = FIRST) -> list[HubModel]:
        """Return models that have these words in their names, the most downloaded first."""
        asked: dict[str, Any] = {
            "search": words.strip(),
            "sort": "downloads",
            "limit": max(most, LOOKED_THROUGH),
            "expand": list(_EXPAND),
        }
        with explained(words):
            # HfApi.list_models tries for half a minute where there is no network.
            api = HfApi(self.endpoint)
            headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
            answer = get_session().get(f"{api.endpoint}/api/models", params=asked, headers=headers, timeout=SECONDS)
            hf_raise_for_status(answer)
            found = [_read(entry) for entry in answer.json()]
            return [_as_model(info) for info in found if self._writes_text(info)][:most]

    def _writes_text(self, info: ModelInfo) -> bool:
        kind = (info.config or {}).get("model_type")
        return info.pipeline_tag in TEXT_TASKS and kind not in self._left_out

    def show(self, id: str, revision: str | None = None) -> HubModel:
        """Return what the Hub says of one model, with the files that a run needs."""
        with explained(id, revision):
            info = HfApi(self.endpoint).model_info(
                id, revision=revision, files_metadata=True, timeout=SECONDS, token=self.token
            )
            return _as_model(info)

    def fetch_small(self, id: str, revision: str | None = None) -> Path:
        """Fetch config, tokenizer and chat template into the cache and return the folder."""
        with explained(id, revision):
            folder = snapshot_download(
                id,
                revision=revision,
                cache_dir=self.cache,
                allow_patterns=list(SMALL),
                token=self.token,
                etag_timeout=SECONDS,
                endpoint=self.endpoint,
            )
            return Path(folder)


def wanted_files(files: Sequence[HubFile]) -> tuple[HubFile, ...]:
    """Return the files that a run needs: safetensors where there are some, and nothing that is there for others."""
    there = [file for file in files if not file.name.startswith(LEFT_OUT)]
    kinds = [kind for kind in WEIGHTS if any(file.name.endswith(kind) for file in there)]
    ends = (*NEEDED, *kinds[:1])
    # Mistral and others keep a second copy of all weights in one file, which nothing here reads.
    return tuple(file for file in there if file.name.endswith(ends) and not file.name.startswith("consolidated"))


def _read(entry: dict[str, Any]) -> ModelInfo:
    return ModelInfo(**entry)  # type: ignore[no-untyped-call]


def _as_model(info: ModelInfo) -> HubModel:
    tags = list(info.tags or ())
    files = wanted_files([_as_file(one) for one in info.siblings or ()])
    sizes = [file.size_bytes for file in files]
    parameters = info.safetensors.total if info.safetensors else None
    return HubModel(
        id=info.id,
        parameters=parameters,
        licence=_licence(tags),
        downloads=info.downloads or 0,
        gated=bool(info.gated),
        is_gguf="gguf" in tags and not any(file.name.endswith(WEIGHTS) for file in files),
        is_adapter="peft" in tags or any(file.name == "adapter_config.json" for file in files),
        size_bytes=sum(sizes) if sizes else None,
        commit=info.sha or "",
        files=files,
        config=info.config or {},
    )


def _as_file(sibling: Any) -> HubFile:
    lfs = sibling.lfs
    return HubFile(sibling.rfilename, int(sibling.size or 0), str(lfs.sha256) if lfs else "")


def _licence(tags: Sequence[str]) -> str:
    return next((tag.removeprefix("license:") for tag in tags if tag.startswith("license:")), "")


def read_config(folder: Path) -> dict[str, Any]:
    """Return a model folder's config.json; empty where it is missing or broken."""
    try:
        values = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _no_network() -> AppError:
    hint = "Check the network. Models that are on this machine can be used without it."
    return AppError("The Hugging Face Hub does not answer.", hint, "no_network")


@contextmanager
def explained(what: str, revision: str | None = None) -> Iterator[None]:
    """Turn what the Hub or the network says into a sentence and what to do."""
    try:
        yield
    except GatedRepoError as error:
        sentence = f"The owner of {what} wants to be asked before anybody fetches it."
        hint = (
            f"Open https://huggingface.co/{what} and accept its terms; then make a token with the right to read "
            "at https://huggingface.co/settings/tokens and give it to Tunedeck."
        )
        raise AppError(sentence, hint, "gated") from error
    except RevisionNotFoundError as error:
        hint = "Leave Model revision empty for the newest."
        raise AppError(f"{what} has no branch, tag or commit called {revision}.", hint, "no_revision") from error
    except RepositoryNotFoundError as error:
        hint = "Check the name; a private one needs the token of somebody who may see it."
        raise AppError(f"The Hub has no model called {what}.", hint, "no_model") from error
    except HFValidationError as error:
        hint = "A name on the Hub is OWNER/MODEL; a folder begins with / or ~."
        raise AppError(f"{what} is neither a folder nor a name on the Hub.", hint, "no_model") from error
    except OfflineModeIsEnabled as error:
        raise AppError(
            "HF_HUB_OFFLINE is set, so the Hub is not asked.", "Unset it and try again.", "offline"
        ) from error
    except HfHubHTTPError as error:
        code = error.response.status_code if error.response is not None else 0
        if code in (401, 403):
            hint = "Give Tunedeck a token that may read it, or take another model."
            raise AppError(f"The Hub does not let you read {what}.", hint, "gated") from error
        hint = "Wait a minute and try again." if code in (429, 500, 502, 503, 504) else "Try again."
        raise AppError(f"The Hub answered with error {code or 'unknown'}.", hint, "hub") from error
    except (HTTPError, ConnectionError, TimeoutError) as error:
        raise _no_network() from error
    except RuntimeError as error:
        # What one thread of its gets from a connection that another thread has given up.
        if "client has been closed" not in str(error):
            raise
        raise _no_network() from error
    except OSError as error:
        hint = "Free some space, or give another home with --home."
        raise AppError(f"A file of {what} cannot be written: {error.strerror or error}.", hint, "disk") from error
