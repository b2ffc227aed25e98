"""What is started for a run: the same config and machine always give the same spec."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from desktop.engine.launch import LaunchSpec, Machine, Mount, plan_chat, plan_conversion, plan_training
from desktop.errors import ConfigError
from trainer_image.contract import CONTRACT, ChatConfig, RunConfig

GIB = 1024**3
HOME = Path("/home/ada/.local/share/tunedeck")
FOLDER = HOME / "runs" / "r1"
CACHES = HOME / "caches"
CA = Path("/etc/ssl/company.pem")


def machine(*gpus: int, memory_gib: int = 64, certificates: Path | None = None) -> Machine:
    return Machine(HOME, CACHES, 1000, 1001, gpus, memory_gib * GIB, certificates)


def config(**knobs: object) -> RunConfig:
    return RunConfig.model_validate({"model": "/models/tiny", "dataset": "/data/rows.jsonl", **knobs})


COMMON = {
    "TUNEDECK_CACHES": str(CACHES),
    "HF_HOME": str(CACHES / "hub"),
    "TRITON_CACHE_DIR": str(CACHES / "triton"),
    "TORCHINDUCTOR_CACHE_DIR": str(CACHES / "inductor"),
    "UNSLOTH_COMPILE_LOCATION": str(CACHES / "unsloth"),
    "UNSLOTH_DISABLE_STATISTICS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "THP_MEM_ALLOC_ENABLE": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "PYTHONUNBUFFERED": "1",
}

TOLD_OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}


def test_a_local_model_on_the_cpu() -> None:
    assert plan_training(config(), "r1", FOLDER, machine()) == LaunchSpec(
        id="r1",
        role="train",
        folder=FOLDER,
        module="trainer_image.start",
        arguments=(str(FOLDER),),
        gpus=(),
        mounts=(
            Mount(FOLDER, writable=True),
            Mount(CACHES, writable=True),
            Mount(Path("/data/rows.jsonl")),
            Mount(Path("/models/tiny")),
        ),
        environment={**COMMON, **TOLD_OFFLINE},
        labels={
            "tunedeck.run": "r1",
            "tunedeck.role": "train",
            "tunedeck.contract": str(CONTRACT),
            "tunedeck.home": str(HOME),
        },
        network=False,
        uid=1000,
        gid=1001,
        shared_memory_bytes=GIB,
        scratch_bytes=4 * GIB,
    )


def test_a_hub_model_gets_a_network_and_the_certificates_it_needs() -> None:
    spec = plan_training(config(model="org/name"), "r1", FOLDER, machine(certificates=CA))
    assert spec.network
    assert "HF_HUB_OFFLINE" not in spec.environment
    assert spec.environment["SSL_CERT_FILE"] == spec.environment["REQUESTS_CA_BUNDLE"] == str(CA)
    assert Mount(CA) in spec.mounts
    assert [mount.path for mount in spec.mounts] == [FOLDER, CACHES, Path("/data/rows.jsonl"), CA]


def test_offline_is_offline_for_a_hub_model_too() -> None:
    spec = plan_training(config(model="org/name", offline=True), "r1", FOLDER, machine(certificates=CA))
    assert not spec.network
    assert spec.environment == {**COMMON, **TOLD_OFFLINE}
    assert Mount(CA) not in spec.mounts


def test_the_switch_of_the_whole_app_outdoes_what_a_config_says() -> None:
    online = config(model="org/name", reward_model="/judge", method="grpo", rewards=["model"])
    chat = ChatConfig(model="org/name", adapter="/a")
    for spec in (
        plan_training(online, "r1", FOLDER, machine(certificates=CA), offline=True),
        plan_chat(chat, "chat-1", HOME / "chats/c", machine(certificates=CA), offline=True),
    ):
        assert not spec.network
        assert spec.environment == {**COMMON, **TOLD_OFFLINE}


@pytest.mark.parametrize("cards", [(0,), (0, 1, 2)])
def test_the_launcher_sees_every_card_and_decides(cards: tuple[int, ...]) -> None:
    spec = plan_training(config(), "r1", FOLDER, machine(*cards))
    assert spec.gpus == cards
    assert spec.command == ("-m", "trainer_image.start", str(FOLDER))
    assert spec.shared_memory_bytes == (1 + len(cards)) * GIB


@pytest.mark.parametrize(("chosen", "expected"), [([1], (1,)), ([2, 0], (2, 0)), ([], ()), (None, (0, 1, 2))])
def test_only_the_chosen_cards(chosen: list[int] | None, expected: tuple[int, ...]) -> None:
    assert plan_training(config(gpus=chosen), "r1", FOLDER, machine(0, 1, 2)).gpus == expected


def test_a_card_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match="no GPU 4, 7") as caught:
        plan_training(config(gpus=[0, 4, 7]), "r1", FOLDER, machine(0, 1))
    assert caught.value.code == "gpu_missing"
    assert "0, 1" in caught.value.hint
    with pytest.raises(ConfigError) as caught:
        plan_training(config(gpus=[0]), "r1", FOLDER, machine())
    assert "none" in caught.value.hint


@pytest.mark.parametrize(
    "plan",
    [
        lambda: plan_training(config(), "r1", FOLDER, machine(0)),
        lambda: plan_training(config(model="org/name"), "r1", FOLDER, machine(0, certificates=CA)),
        lambda: plan_chat(ChatConfig(model="/models/tiny", adapter="/a"), "chat-1", HOME / "chats/c", machine(0)),
        lambda: plan_chat(ChatConfig(model="org/name", adapter="/a"), "chat-1", HOME / "chats/c", machine(0)),
    ],
)
def test_only_the_folder_and_the_caches_are_writable(plan: Callable[[], LaunchSpec]) -> None:
    spec = plan()
    assert {mount.path for mount in spec.mounts if mount.writable} == {spec.folder, CACHES}
    assert len({mount.path for mount in spec.mounts}) == len(spec.mounts)


def test_memory_that_is_lent_is_at_most_a_quarter() -> None:
    spec = plan_training(config(), "r1", FOLDER, machine(*range(8), memory_gib=8))
    assert spec.shared_memory_bytes == 2 * GIB
    assert spec.scratch_bytes == 2 * GIB
    unknown = plan_training(config(), "r1", FOLDER, machine(memory_gib=0))
    assert (unknown.shared_memory_bytes, unknown.scratch_bytes) == (GIB, 4 * GIB)


def test_a_chat_takes_one_card_and_sees_its_adapter() -> None:
    folder, adapter = HOME / "chats" / "chat-1", FOLDER / "adapter"
    chat = ChatConfig(model="/models/tiny", adapter=str(adapter))
    spec = plan_chat(chat, "chat-1", folder, machine(0, 1))
    assert (spec.role, spec.module, spec.arguments) == ("chat", "trainer_image.chat", (str(folder),))
    assert (spec.gpus, spec.network) == ((0,), False)
    assert Mount(adapter) in spec.mounts
    assert Mount(Path("/models/tiny")) in spec.mounts
    assert spec.labels["tunedeck.role"] == "chat"
    assert plan_chat(chat, "chat-1", folder, machine()).gpus == ()
    assert plan_chat(chat.model_copy(update={"model": "org/name"}), "c", folder, machine()).network


def test_a_conversion_is_offline_and_reads_the_file() -> None:
    gguf, target = HOME / "models" / "m.gguf", HOME / "models" / "m"
    spec = plan_conversion(gguf, target, machine(0))
    assert (spec.id, spec.role, spec.module) == ("convert-m", "convert", "trainer_image.import_gguf")
    assert spec.arguments == (str(gguf), str(target))
    assert (spec.network, spec.gpus) == (False, ())
    assert Mount(gguf) in spec.mounts
    assert (spec.uid, spec.gid) == (1000, 1001)


# Rewards


def judged(folder: Path, base: str | None) -> RunConfig:
    """Make a config whose reward is a model in ``folder``, an adapter on ``base`` where one is named."""
    folder.mkdir()
    if base is not None:
        (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": base}))
    return config(method="rloo", rewards=["model"], reward_model=str(folder))


def test_what_rewards_need_may_be_read_and_not_written(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (base / "config.json").write_text("{}")
    spec = plan_training(judged(tmp_path / "judge", str(base)), "r1", FOLDER, machine())
    assert {Mount(tmp_path / "judge"), Mount(base)} <= set(spec.mounts)
    assert not spec.network
    own = config(method="grpo", rewards=["custom"], reward_file="/mine/reward.py")
    assert Mount(Path("/mine/reward.py")) in plan_training(own, "r1", FOLDER, machine()).mounts


def test_a_judge_on_the_runs_own_model_is_mounted_once(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (base / "config.json").write_text("{}")
    same = judged(tmp_path / "judge", str(base)).model_copy(update={"model": str(base)})
    paths = [mount.path for mount in plan_training(same, "r1", FOLDER, machine()).mounts]
    assert sorted(paths) == sorted(set(paths))


def test_a_judge_on_a_hub_model_needs_the_network(tmp_path: Path) -> None:
    online = judged(tmp_path / "judge", "org/base")
    assert plan_training(online, "r1", FOLDER, machine()).network
    assert not plan_training(online.model_copy(update={"offline": True}), "r1", FOLDER, machine()).network


def test_a_judge_that_is_still_to_be_trained_is_planned_with(tmp_path: Path) -> None:
    judge = config(method="rloo", rewards=["model"], reward_model=str(tmp_path / "not-yet"))
    assert Mount(tmp_path / "not-yet") in plan_training(judge, "r1", FOLDER, machine()).mounts
    assert not plan_training(judge, "r1", FOLDER, machine()).network
