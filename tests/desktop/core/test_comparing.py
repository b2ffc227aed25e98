"""Runs beside each other, and the passport of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from desktop.core import folders
from desktop.core.comparing import Line, compare, made_of
from desktop.core.labels import NONE, Labels, RunLabels
from desktop.core.passport import differences, passport
from desktop.core.progress import Progress, advance
from desktop.core.run import Run, RunState, with_progress
from desktop.core.store import Store
from desktop.errors import StoreError
from desktop.paths import Home
from tests.fakes import START, FakeTrainer
from trainer_image.contract import DatasetRef, RunConfig

MakeRun = Callable[..., Run]


@pytest.fixture
def make_run(home: Home, make_config: Callable[..., RunConfig]) -> MakeRun:
    """Make a run that has trained for some steps."""

    def make(id: str = "one", steps: int = 4, **knobs: object) -> Run:
        run = Run(
            id, f"run {id}", "docker", home.runs / id, make_config(**knobs), START, RunState.FINISHED, started=START
        )
        folders.write_run(run, gpus=())
        trainer = FakeTrainer(run.files).run(steps)
        return with_progress(run, advance(Progress(), folders.read_events(trainer.folder)))

    return make


def by_name(lines: tuple[Line, ...]) -> dict[str, tuple[object, ...]]:
    return {line.name: line.values for line in lines}


def test_what_was_set_differently_and_what_came_of_it(make_run: MakeRun) -> None:
    comparison = compare([make_run("one", lora_r=8), make_run("two", steps=6, lora_r=32, seed=7)])
    assert by_name(comparison.settings) == {"lora_r": (8, 32), "seed": (3407, 7)}
    results = by_name(comparison.results)
    assert results["step"] == (4, 6)
    assert results["loss"][0] is not None
    assert comparison.as_json()["settings"]["lora_r"] == {"one": 8, "two": 32}


def test_a_knob_that_a_method_does_not_use_is_nothing_there(make_run: MakeRun) -> None:
    settings = by_name(compare([make_run("one"), make_run("two", method="dpo")]).settings)
    assert settings["method"] == ("sft", "dpo")
    assert settings["loss_type"] == (None, "sigmoid")
    assert settings["learning_rate"][0] != settings["learning_rate"][1], "each method has its own default"


def test_runs_that_are_alike_have_no_settings_to_show(make_run: MakeRun) -> None:
    assert compare([make_run("one"), make_run("two")]).settings == ()


def test_what_runs_were_not_all_made_of(make_run: MakeRun) -> None:
    one, two = make_run("one"), replace(make_run("two"), engine="process")
    contained = replace(passport(one, None), image="sha256:aa", packages={"torch": "2.13", "unsloth": "1", "bits": "3"})
    bare = replace(passport(two, None), image="", packages={"torch": "2.12", "unsloth": "1"})
    assert by_name(tuple(made_of([one, two], [contained, bare]))) == {
        "engine": ("docker", "process"),
        "image": ("sha256:aa", "none"),
        "bits": ("3", "not installed"),
        "torch": ("2.13", "2.12"),
    }
    assert made_of([one, one], [contained, contained]) == []


def test_what_a_run_has_not_said_is_no_difference(make_run: MakeRun) -> None:
    one, two = make_run("one"), make_run("two")
    told = replace(passport(one, None), image="sha256:aa", driver="580", gpus=("RTX 3060",))
    silent = replace(passport(two, None), image="", driver="", gpus=(), packages={}, model_fingerprint="")
    assert made_of([one, two], [told, silent]) == []


def test_a_passport_holds_what_decides(make_run: MakeRun) -> None:
    run = make_run("one", seed=11)
    shown = passport(run, DatasetRef(name="captain", number=2, sha256="ab" * 32))
    assert shown.packages == dict(run.progress.hello.versions)  # type: ignore[union-attr]
    assert shown.dataset_sha256 == run.progress.plan.dataset_sha256  # type: ignore[union-attr]
    assert (shown.seed, shown.dataset_version, shown.config["seed"]) == (11, "captain@2", 11)
    assert shown.as_json()["run"] == "one"


def test_a_run_that_never_spoke_has_a_passport_too(home: Home, config: RunConfig) -> None:
    shown = passport(Run("x", "x", "docker", home.runs / "x", config, START, RunState.FAILED), None)
    assert (shown.image, shown.packages, shown.dataset_sha256) == ("", {}, "")


def test_the_commit_of_a_model_from_the_cache(home: Home, config: RunConfig) -> None:
    cached = config.model_copy(update={"model": "/caches/hub/models--a--b/snapshots/0123abcd"})
    run = Run("x", "x", "docker", home.runs / "x", cached, START, RunState.FAILED)
    assert passport(run, None).model_revision == "0123abcd"
    named = run.config.model_copy(update={"model": "a/b", "model_revision": "v2"})
    assert passport(replace(run, config=named), None).model_revision == "v2"


def test_what_is_not_as_it_was(make_run: MakeRun) -> None:
    then = passport(make_run("one"), None)
    assert differences(then, then) == []
    now = replace(then, packages={**then.packages, "torch": "9.9"}, image="sha256:ffff", dataset_sha256="f" * 64)
    then = replace(then, image="sha256:aaaa")
    found = {one.what: one for one in differences(then, now)}
    assert set(found) == {"Image", "Data", "torch"}
    assert found["torch"].matters
    assert not found["Image"].matters
    assert found["torch"].sentence == f"torch: {then.packages['torch']} then, 9.9 now."
    assert differences(replace(then, image=""), now)[0].what == "Data", "what was not told is no difference"


def test_labels_are_kept_with_the_run_and_survive_its_next_save(store: Store, make_run: MakeRun) -> None:
    run = make_run("one")
    store.save_run(run)
    labels = RunLabels(store)
    assert labels.all() == {}
    labels.set_tags("one", ["  best ", "captain", "best", " "])
    labels.set_notes("one", " try a lower rate\n")
    labels.archive("one")
    store.save_run(replace(run, name="renamed"))
    assert RunLabels(store).all() == {"one": Labels(("best", "captain"), "try a lower rate", True)}
    assert labels.archive("one", is_archived=False).is_archived is False
    assert labels.set_tags("one", []) == Labels((), "try a lower rate")
    assert NONE not in labels.all().values()


def test_labels_of_nobody_and_tags_too_long(store: Store) -> None:
    with pytest.raises(StoreError, match="There is no run"):
        RunLabels(store).set_notes("nobody", "x")
    with pytest.raises(StoreError, match="at most 40"):
        RunLabels(store).set_tags("nobody", ["x" * 41])
