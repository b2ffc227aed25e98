"""The agreement itself: what is written is read back, what is newer is kept, and the schema says it all."""

from __future__ import annotations

import json
import math
from datetime import UTC
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from trainer_image import contract
from trainer_image.contract import (
    Checkpoint,
    Event,
    Request,
    RunFolder,
    Step,
    UnknownLine,
    check_config,
    json_schema,
    knobs,
    read_event,
    read_request,
    write_event,
    write_request,
)

SMALLEST = {"model": "/models/small", "dataset": "/data/rows.jsonl"}


def _any_of(kind: Any) -> st.SearchStrategy[Any]:
    finite = st.floats(allow_nan=False, allow_infinity=False)
    numbers = {name: finite for name, field in kind.model_fields.items() if field.annotation is float}
    return st.builds(kind, time=st.datetimes(timezones=st.just(UTC)), **numbers)


@pytest.mark.parametrize("kind", get_args(Event), ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_every_event_is_read_back(kind: Any, data: st.DataObject) -> None:
    # A number that is none becomes null on the way; what has been written once comes back the same.
    event = read_event(write_event(data.draw(_any_of(kind))))
    assert isinstance(event, kind)
    line = write_event(event)
    assert line.count("\n") == 1
    assert read_event(line) == event


@pytest.mark.parametrize("kind", get_args(Request), ids=lambda kind: kind.__name__)
def test_every_request_has_a_kind_of_its_own(kind: Any) -> None:
    made = {"prompt_id": "1", "messages": [{"role": "user", "content": "Hi\n"}]}
    request = TypeAdapter(kind).validate_python({**made, "kind": kind.model_fields["kind"].default})
    line = write_request(request)
    assert line.count("\n") == 1
    assert read_request(line) == request


def test_newer_and_broken_lines_are_kept() -> None:
    for line in ('{"kind":"hologram","seq":3}', '{"kind":"step","se', "", "[]"):
        assert read_event(line) == UnknownLine(line=line)
    newer = '{"kind":"checkpoint","seq":1,"step":2,"folder":"f","size_bytes":1,"seconds":1,"colour":"red"}'
    assert isinstance(read_event(newer), Checkpoint)
    assert read_request('{"kind":"dance"}') is None


def test_a_loss_is_a_number_or_null() -> None:
    step = Step(
        step=1,
        epoch=0.1,
        loss=math.nan,
        learning_rate=1e-4,
        grad_norm=math.inf,
        tokens=1,
        tokens_per_s=1,
        step_s=1,
    )
    written = json.loads(write_event(step))
    assert (written["loss"], written["grad_norm"]) == (None, None)


def test_all_problems_of_a_config_come_at_once() -> None:
    config, problems = check_config({"model": "", "learning_rate": 7, "lora_rank": 3, "gpus": [0, 0]})
    assert config is None
    assert {problem.knob for problem in problems} == {
        "model",
        "dataset",
        "learning_rate",
        "lora_rank",
        "gpus",
    }
    assert all(problem.sentence.strip() for problem in problems)


@pytest.mark.parametrize("nothing", [" , ", "\t", "\n,"])
def test_a_list_of_names_with_nothing_but_commas_is_empty(nothing: str) -> None:
    _, problems = check_config({"model": "m", "dataset": "d", "target_modules": nothing})
    assert [problem.sentence for problem in problems] == ["Target modules: it is empty."]


def test_the_smallest_config_is_enough() -> None:
    config, problems = check_config(SMALLEST)
    assert problems == []
    assert config is not None
    assert config.method == "sft"


def test_every_knob_is_declared_whole() -> None:
    for knob in knobs():
        assert knob.label
        assert knob.help.endswith(".")
        assert not knob.optional or knob.optional_hint
        assert knob.required or check_config({**SMALLEST, knob.name: knob.default})[0] is not None


def test_the_schema_names_every_kind() -> None:
    schema = json_schema()
    assert schema["contract"] == contract.CONTRACT
    assert set(schema["config"]["properties"]) == {knob.name for knob in knobs()}
    kinds = {kind.model_fields["kind"].default for kind in get_args(Event)}
    assert set(schema["event"]["discriminator"]["mapping"]) == kinds
    asked = {kind.model_fields["kind"].default for kind in get_args(Request)}
    assert set(schema["request"]["discriminator"]["mapping"]) == asked
    json.dumps(schema)


def test_only_complete_checkpoints_count(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    for step, is_complete in ((2, True), (10, True), (12, False)):
        folder.checkpoint(step).mkdir(parents=True)
        if is_complete:
            (folder.checkpoint(step) / contract.COMPLETE).touch()
    assert [step for step, _ in folder.complete_checkpoints()] == [2, 10]


def test_the_schema_is_what_programs_were_promised() -> None:
    """A change here is a change of the contract: raise CONTRACT if an older side could misread it.

    ``python -m trainer_image.contract > tests/trainer_image/schema.json`` writes the file anew.
    """
    promised = json.loads((Path(__file__).parent / "schema.json").read_text())
    assert json_schema() == promised


def test_star_takes_no_score_for_right_or_wrong() -> None:
    values = {"model": "m", "dataset": "d", "method": "star", "rewards": ["model"]}
    config, problems = check_config(values)
    assert config is None
    assert [problem.knob for problem in problems] == ["rewards"]
    assert "take model out" in problems[0].sentence
