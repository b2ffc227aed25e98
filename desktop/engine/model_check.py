"""Looks a model over before a run: whether it is there, whether it can be trained, and what it lacks, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from desktop.engine.hub_cache import scan
from desktop.engine.hub_models import WEIGHTS, HubModel, HubModels, read_config
from desktop.engine.model_folder import find_model_folder
from desktop.engine.model_weights import missing_weights, plain_name, quantized_by
from desktop.engine.preview import Previewer
from desktop.errors import AppError
from trainer_image.model.facts import stored_as

State = Literal["ok", "warn", "fail"]
FOR_RUNNING = frozenset({"awq", "gptq", "compressed-tensors", "aqlm", "auto-round", "eetq", "hqq", "quanto", "vptq"})
"""Methods of quantization that need libraries for running models, which the trainer does not have."""
Step = Literal["download", "import_gguf", "token", "online", "instruct", "template", "own_template", ""]


@dataclass(frozen=True)
class Remark:
    """One thing that was looked at."""

    state: State
    sentence: str
    step: Step = ""
    """What the app can do about it."""


@dataclass(frozen=True)
class ModelReport:
    """All that was found out of one model."""

    model: str
    revision: str | None = None
    where: Literal["folder", "cache", "hub", "nowhere"] = "nowhere"
    folder: Path | None = None
    """Where its config and tokenizer lie, even if its weights do not."""
    config: Mapping[str, Any] = field(default_factory=dict)
    parameters: int | None = None
    licence: str = ""
    gated: bool = False
    download_bytes: int | None = None
    """What is still to be fetched, where the Hub has said so."""
    weight_bytes: int | None = None
    """The size of all its weights' files, where the Hub has said so."""
    has_chat_template: bool | None = None
    remarks: tuple[Remark, ...] = ()

    @property
    def can_train(self) -> bool:
        """Say whether nothing that was found would make a run fail."""
        return all(remark.state != "fail" for remark in self.remarks)


@dataclass(frozen=True)
class Supported:
    """The kinds of model (model_type) that the trainer knows, and those that it cannot train, with why."""

    trainable: frozenset[str]
    not_trainable: Mapping[str, str]


class ModelCheck:
    """Examines one model at a time; blocks, for as long as the Hub takes."""

    def __init__(self, hub: HubModels, caches: Path, supported: Supported) -> None:
        self._hub = hub
        self._caches = caches
        self._supported = supported

    def check(self, model: str, revision: str | None, *, offline: bool) -> ModelReport:
        """Return what there is to know of a folder, a GGUF file or a name on the Hub; what is wrong is a remark."""
        report = ModelReport(model, revision)
        path = Path(model).expanduser()
        if model.lower().endswith(".gguf"):
            return _with(report, _gguf(path))
        if path.is_absolute() or model.startswith((".", "~")):
            return self._check_folder(replace(report, where="folder"), path)
        return self._check_name(report, offline=offline)

    def _check_folder(self, report: ModelReport, folder: Path) -> ModelReport:
        if not folder.is_dir():
            return _with(report, Remark("fail", f"There is no folder {folder}. Choose another one."))
        if not (folder / "config.json").is_file():
            return _with(report, _no_model(folder))
        report = replace(report, folder=folder)
        if not any(one.name.endswith(WEIGHTS) for one in folder.iterdir()):
            report = _with(report, Remark("fail", "The folder has no weights (*.safetensors) in it. Fetch them again."))
        elif lacking := missing_weights(folder):
            report = _with(report, _incomplete(lacking))
        return self._look_inside(report, folder)

    def _check_name(self, report: ModelReport, *, offline: bool) -> ModelReport:
        kept = self._kept(report)
        told: HubModel | None = None
        refused: AppError | None = None
        folder = kept
        if not offline and kept is None:
            try:
                told = self._hub.show(report.model, report.revision)
                folder = self._hub.fetch_small(report.model, report.revision)
            except AppError as error:
                refused = error
        if kept is not None:
            report = replace(report, where="cache", folder=kept)
            # What lacks there is fetched before the run; without the network it cannot be.
            lacking = missing_weights(kept) if offline else ()
            report = _with(report, _incomplete(lacking) if lacking else Remark("ok", "It is on this machine."))
        if told is not None:
            report = _told(report, told)
        if refused is not None:
            report = _with(report, _refusal(refused))
        if offline and kept is None:
            words = f"{report.model} is not on this machine, and Tunedeck is offline: it cannot be fetched."
            report = _with(report, Remark("fail", words, "online"))
            folder = self._part_of(report)
        return self._look_inside(replace(report, folder=folder), folder) if folder else report

    def _kept(self, report: ModelReport) -> Path | None:
        """Return the folder in the app's own cache, if the whole model is there."""
        whole = {one.id: one.folder for one in scan(self._caches / "hub") if one.is_whole}
        if report.model not in whole:
            return None
        if report.revision is None:
            return whole[report.model]
        kept = whole[report.model].parent.parent
        commit = kept / "refs" / report.revision
        named = kept / "snapshots" / (commit.read_text().strip() if commit.is_file() else report.revision)
        return named if named.is_dir() else None

    def _part_of(self, report: ModelReport) -> Path | None:
        try:
            return find_model_folder(report.model, [self._caches])
        except AppError:
            return None

    def _look_inside(self, report: ModelReport, folder: Path) -> ModelReport:
        config = read_config(folder) or dict(report.config)
        report = _with(replace(report, config=config), *self._architecture(config), *_quantized(report.model, config))
        try:
            previewer = Previewer(str(folder))
        except AppError as error:
            state: State = "warn" if "older files" in error.sentence else "fail"
            return _with(report, Remark(state, str(error)))
        has_template = previewer.has_chat_template
        previewer.close()
        report = replace(report, has_chat_template=has_template)
        if has_template:
            return _with(report, Remark("ok", "Its tokenizer loads, and it has a chat template."))
        sentence = (
            "Its tokenizer loads, but it has no chat template: questions and answers are joined as plain text. "
            "That suits raw text and fixed forms; for conversations take its Instruct variant, or choose a chat "
            "template for it to learn."
        )
        return _with(report, Remark("warn", sentence, "instruct"))

    def _architecture(self, config: Mapping[str, Any]) -> Sequence[Remark]:
        kind = str(config.get("model_type", ""))
        if not kind:
            return ()
        if kind in self._supported.not_trainable:
            why = self._supported.not_trainable[kind]
            return (Remark("fail", f"A model of the kind {kind} {why}, so it cannot be trained here."),)
        if kind in self._supported.trainable:
            return ()
        sentence = f"The kind {kind} is not among those that the trainer is known to train. The start will tell."
        return (Remark("warn", sentence),)


def _with(report: ModelReport, *remarks: Remark) -> ModelReport:
    return replace(report, remarks=(*report.remarks, *remarks))


def _incomplete(lacking: Sequence[str]) -> Remark:
    more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
    return Remark("fail", f"Of its weights {lacking[0]}{more} is missing. Fetch the model again.")


def _quantized(model: str, config: Mapping[str, Any]) -> Sequence[Remark]:
    """Weights that were made small for running are no base to train on, but for those of bitsandbytes."""
    method = quantized_by(config)
    if not method or method == "bitsandbytes":
        return ()
    if method in FOR_RUNNING:
        sentence = (
            f"Its weights are quantized with {method.upper()}, made for running a model, and cannot be trained here. "
            f"Take {plain_name(model)}; with 4-bit switched on it needs no more memory."
        )
        return (Remark("fail", sentence),)
    return (Remark("warn", f"Its weights are quantized with {method.upper()}. {_as_loaded(model, config)}"),)


def _as_loaded(model: str, config: Mapping[str, Any]) -> str:
    """Say what the trainer makes of weights that are stored in few bits; memory is counted so."""
    safer = f"Safer is {plain_name(model)}."
    match stored_as(config):
        case "fp8_blocks":
            return (
                "With 4-bit switched on they are turned into 4 bits while they load; without it they are counted as 16 "
                f"bits, which is what cards before the RTX 40 make of them and more than newer ones need. {safer}"
            )
        case "fp8":
            return (
                "The trainer cannot turn these into 4 bits, so 4-bit changes nothing: they are counted as 16 bits, "
                f"which is what cards before the RTX 40 make of them and more than newer ones need. {safer}"
            )
        case "mxfp4":
            return (
                "On a card the experts stay in these 4 bits and all else is held in 16, so 4-bit changes nothing: "
                "memory is counted so."
            )
        case _:
            return f"The trainer may refuse them, and memory is counted as for 16 bits. {safer}"


def _gguf(path: Path) -> Remark:
    if not path.is_file():
        return Remark("fail", f"There is no file {path}. Choose another one.")
    sentence = f"{path.name} is a GGUF file, made for running a model. It is turned into a model folder first."
    return Remark("fail", sentence, "import_gguf")


def _no_model(folder: Path) -> Remark:
    if (folder / "adapter_config.json").is_file():
        return Remark("fail", "This folder holds an adapter, not a model. Choose the model that it was trained on.")
    if files := sorted(folder.glob("*.gguf")):
        return Remark("fail", f"This folder holds {files[0].name}. Choose that file, to turn it into a model folder.")
    return Remark("fail", "This folder has no config.json, so it is no model folder. Choose the one that has it.")


def _told(report: ModelReport, told: HubModel) -> ModelReport:
    report = replace(
        report,
        where="hub",
        config=told.config,
        parameters=told.parameters,
        licence=told.licence,
        gated=told.gated,
        download_bytes=told.size_bytes,
        weight_bytes=sum(file.size_bytes for file in told.files if file.name.endswith(WEIGHTS)) or None,
    )
    if told.is_gguf:
        words = (
            "This repository has GGUF files only, made for running a model. Take the model that they were made from."
        )
        return _with(report, Remark("fail", words))
    if told.is_adapter:
        return _with(report, Remark("fail", "This is an adapter, not a model. Take the model that it was trained on."))
    size = f"{told.size_bytes / 1e9:.1f} GB" if told.size_bytes else "It"
    return _with(report, Remark("warn", f"{size} to download before the run can begin.", "download"))


def _refusal(error: AppError) -> Remark:
    if error.code == "gated":
        return Remark("fail", str(error), "token")
    # Without an answer nobody knows: the model may be fetched by the time the run begins.
    return Remark("warn" if error.code in ("no_network", "hub") else "fail", str(error))
