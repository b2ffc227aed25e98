"""What to start for a run: pure, from a config, a folder and the facts of the machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from desktop.errors import ConfigError
from trainer_image.contract import CONTRACT, ChatConfig, RunConfig

Role = Literal["train", "chat", "convert"]

LABEL_ID = "tunedeck.run"
LABEL_ROLE = "tunedeck.role"
LABEL_CONTRACT = "tunedeck.contract"
LABEL_HOME = "tunedeck.home"


@dataclass(frozen=True)
class Machine:
    """What launching has to know of this machine."""

    home: Path
    caches: Path
    uid: int
    gid: int
    gpu_indices: tuple[int, ...] = ()
    memory_bytes: int = 0
    certificates: Path | None = None
    """A bundle of CA certificates that the user's network needs, as SSL_CERT_FILE names it."""


@dataclass(frozen=True)
class Mount:
    """A folder or file that the body sees under its own path."""

    path: Path
    writable: bool = False


@dataclass(frozen=True)
class LaunchSpec:
    """Everything that an engine needs to start one body."""

    id: str
    role: Role
    folder: Path
    module: str
    arguments: tuple[str, ...]
    gpus: tuple[int, ...] = ()
    mounts: tuple[Mount, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    network: bool = False
    uid: int = 0
    gid: int = 0
    shared_memory_bytes: int = 0
    scratch_bytes: int = 0

    @property
    def command(self) -> tuple[str, ...]:
        """Return the words behind ``python``."""
        return ("-m", self.module, *self.arguments)


def plan_training(
    config: RunConfig,
    run_id: str,
    folder: Path,
    machine: Machine,
    *,
    offline: bool = False,
    is_fetched: bool = False,
) -> LaunchSpec:
    """Return what to start for a run.

    ``offline`` is the switch of the whole app, and outdoes the config's own; ``is_fetched`` says that the caches have
    a model of the Hub whole.
    """
    gpus = _chosen_gpus(config, machine)
    model = _local_folder(config.model)
    judges, judges_are_here = _judges(config)
    network = not (offline or config.offline) and ((model is None and not is_fetched) or not judges_are_here)
    rewards = [Path(config.reward_file)] if config.reward_file else []
    return LaunchSpec(
        id=run_id,
        role="train",
        folder=folder,
        # It sees every chosen card, and decides how they are used.
        module="trainer_image.start",
        arguments=(str(folder),),
        gpus=gpus,
        mounts=_mounts(folder, machine, model, Path(config.dataset), *rewards, *judges, network=network),
        environment=_environment(machine, network=network),
        labels=_labels(run_id, "train", machine),
        network=network,
        uid=machine.uid,
        gid=machine.gid,
        shared_memory_bytes=_shared_memory(machine, len(gpus)),
        scratch_bytes=_scratch(machine),
    )


def plan_chat(
    chat: ChatConfig,
    chat_id: str,
    folder: Path,
    machine: Machine,
    *,
    offline: bool = False,
    is_fetched: bool = False,
) -> LaunchSpec:
    """Return what to start for a chat: one card, the first one; the rest as for a run."""
    model = _local_folder(chat.model)
    network = model is None and not (offline or chat.offline or is_fetched)
    return LaunchSpec(
        id=chat_id,
        role="chat",
        folder=folder,
        module="trainer_image.chat",
        arguments=(str(folder),),
        gpus=machine.gpu_indices[:1],
        mounts=_mounts(folder, machine, model, Path(chat.adapter), network=network),
        environment=_environment(machine, network=network),
        labels=_labels(chat_id, "chat", machine),
        network=network,
        uid=machine.uid,
        gid=machine.gid,
        shared_memory_bytes=_shared_memory(machine, 1),
        scratch_bytes=_scratch(machine),
    )


def plan_conversion(gguf: Path, target: Path, machine: Machine) -> LaunchSpec:
    """Return what to start to turn a GGUF file into the model folder ``target``."""
    return LaunchSpec(
        id=f"convert-{target.name}",
        role="convert",
        folder=target.parent,
        module="trainer_image.import_gguf",
        arguments=(str(gguf), str(target)),
        mounts=_mounts(target.parent, machine, None, gguf, network=False),
        environment=_environment(machine, network=False),
        labels=_labels(f"convert-{target.name}", "convert", machine),
        uid=machine.uid,
        gid=machine.gid,
        shared_memory_bytes=_shared_memory(machine, 0),
        scratch_bytes=_scratch(machine),
    )


def _chosen_gpus(config: RunConfig, machine: Machine) -> tuple[int, ...]:
    if config.gpus is None:
        return machine.gpu_indices
    missing = [str(index) for index in config.gpus if index not in machine.gpu_indices]
    if missing:
        there = ", ".join(map(str, machine.gpu_indices)) or "none"
        raise ConfigError(
            f"This machine has no GPU {', '.join(missing)}.",
            f"The cards here are: {there}. Change GPUs, or leave it empty to use what there is.",
            code="gpu_missing",
        )
    return config.gpus


def _local_folder(model: str) -> Path | None:
    """Return the model's folder if it is one on this machine; a Hub name is never absolute."""
    path = Path(model)
    return path if path.is_absolute() else None


def _linked_folders(model: Path) -> list[Path]:
    """Return where the links in a model folder lead: in the Hub's cache, every file is one to its blobs."""
    targets = {path.resolve().parent for path in model.glob("*") if path.is_symlink()}
    return sorted(target for target in targets if not target.is_relative_to(model.resolve()))


def _judges(config: RunConfig) -> tuple[list[Path], bool]:
    """Return the folders of the models that judge, with the bases of adapters, and whether all of these are here."""
    folders: list[Path] = []
    bases: list[str] = []
    for name in (config.reward_model, config.process_reward_model):
        if name is None:
            continue
        folders += [Path(name), *_linked_folders(Path(name))]
        try:
            adapter = json.loads((Path(name) / "adapter_config.json").read_bytes())
        except (OSError, ValueError):  # a whole model, or one that is still being trained
            continue
        base = adapter.get("base_model_name_or_path") if isinstance(adapter, dict) else None
        bases += [base] if isinstance(base, str) else []
    local = [folder for base in bases if (folder := _local_folder(base)) and (folder / "config.json").is_file()]
    folders += [path for folder in local for path in (folder, *_linked_folders(folder))]
    return folders, all(_local_folder(base) for base in bases)


def _mounts(folder: Path, machine: Machine, model: Path | None, *read: Path, network: bool) -> tuple[Mount, ...]:
    """Everything appears under its own path, so that no path in a config, event or adapter has two meanings."""
    mounts = [Mount(folder, writable=True), Mount(machine.caches, writable=True), *(Mount(path) for path in read)]
    if model is not None:
        mounts += [Mount(model), *(Mount(path) for path in _linked_folders(model))]
    if machine.certificates is not None and network:
        mounts.append(Mount(machine.certificates))
    by_path: dict[Path, Mount] = {}
    for mount in mounts:  # an engine refuses the same place twice
        by_path.setdefault(mount.path, mount)
    return tuple(by_path.values())


def _environment(machine: Machine, *, network: bool) -> dict[str, str]:
    caches = machine.caches
    environment = {
        "TUNEDECK_CACHES": str(caches),
        "HF_HOME": str(caches / "hub"),
        "TRITON_CACHE_DIR": str(caches / "triton"),
        "TORCHINDUCTOR_CACHE_DIR": str(caches / "inductor"),
        "UNSLOTH_COMPILE_LOCATION": str(caches / "unsloth"),
        "UNSLOTH_DISABLE_STATISTICS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        # Fresh memory is slow to back on virtual machines; huge pages took the first steps from a minute to seconds.
        "THP_MEM_ALLOC_ENABLE": "1",
        # Threads that spin while they wait take the cores from whatever else runs, and then from each other.
        "OMP_WAIT_POLICY": "PASSIVE",
        "PYTHONUNBUFFERED": "1",
    }
    if not network:
        # Without these the Hub's libraries ask first, and wait for an answer that cannot come.
        environment |= dict.fromkeys(("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"), "1")
    elif machine.certificates is not None:
        environment["SSL_CERT_FILE"] = environment["REQUESTS_CA_BUNDLE"] = str(machine.certificates)
    return environment


def _labels(id: str, role: Role, machine: Machine) -> dict[str, str]:
    return {
        LABEL_ID: id,
        LABEL_ROLE: role,
        LABEL_CONTRACT: str(CONTRACT),
        LABEL_HOME: str(machine.home),
    }


def _shared_memory(machine: Machine, cards: int) -> int:
    """Loader workers and NCCL pass tensors through /dev/shm: 1 GiB and 1 GiB a card, at most a quarter of memory."""
    wanted = (1 + cards) * 1024**3
    return min(wanted, machine.memory_bytes // 4) if machine.memory_bytes else wanted


def _scratch(machine: Machine) -> int:
    """Size /tmp, which lives in memory: 4 GiB, at most a quarter of memory."""
    return min(4 * 1024**3, machine.memory_bytes // 4) if machine.memory_bytes else 4 * 1024**3
