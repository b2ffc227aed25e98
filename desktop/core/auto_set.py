"""Works out a preset's knobs from the machine, the model and the rows, and says why in a few words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from desktop.core.auto_draft import Chosen, DataFacts, Draft, Reason, called, gb
from desktop.core.auto_memory import Machine, Room
from desktop.core.auto_rhythm import set_rhythm, set_training
from desktop.core.models import KnownModel, held_as
from desktop.core.packing import is_packed, packing_problem
from desktop.core.presets import PresetKey, is_kept, plain_values
from trainer_image.contract import GENERATING, REINFORCED, Method, RunConfig

CUT_AT: Mapping[PresetKey, float] = {"test": 0.9, "auto": 0.99, "fast": 0.95, "best": 1.0}
"""The share of the rows that is not to be cut."""
LONGEST: Mapping[PresetKey, int] = {"test": 512, "auto": 4096, "fast": 2048, "best": 8192}
LONGEST_ON_CPU = 512
UNKNOWN_LENGTH = 1024
SHORTEST = 128
LEAST_LENGTH = 256
"""Shorter than this, rows are not made to fit a machine: a smaller model is the better answer."""
STEP_ROWS = 16
PROMPTS = 4
"""Prompts of a step, where each is tried several times."""
PACKED_LENGTH = 2048
PACKED_STEPS = 50
"""Rows are packed only where at least so many steps remain; a packed step holds what would have been many rows."""
ORDER = (
    *("per_device_train_batch_size", "max_length", "packing", "load_in_4bit", "placement", "lora_r"),
    *("gradient_checkpointing", "max_steps", "num_train_epochs", "load_best_model_at_end"),
)
"""The knobs that reasons are given for, as they are read."""


def choose(
    preset: PresetKey,
    machine: Machine,
    model: KnownModel,
    data: DataFacts,
    method: Method,
    current: Mapping[str, Any] | None = None,
) -> Chosen:
    """Return the preset's knobs for this machine, model and dataset, with its reasons.

    ``current`` has knobs that presets leave alone and that memory depends on, such as the tries for each prompt.
    """
    kept = {name: value for name, value in (current or {}).items() if is_kept(name)}
    kept = {"model": "model", "dataset": "rows", **{k: v for k, v in kept.items() if v not in ("", None)}}
    kept["method"] = method
    draft = Draft(preset, machine, model, data, _readable(kept), plain_values())
    _set_length(draft)
    _set_base(draft)
    _set_batch(draft)
    set_training(draft)
    set_rhythm(draft)
    reasons = sorted(draft.reasons, key=lambda reason: ORDER.index(reason.knob))
    if not draft.room.fits and model.size:
        need, free = gb(draft.room.need_bytes), gb(draft.room.free_bytes)
        what = f"▲ {model.name} does not fit here even so: it needs {need}, and {free} are free. Choose a smaller model"
        reasons.insert(0, Reason("model", what))
    return Chosen(preset, draft.values, tuple(reasons), draft.room.fits, draft.guess_s)


def _readable(kept: dict[str, Any]) -> dict[str, Any]:
    """Leave out what cannot be read yet, as while a number is being typed."""
    fine = {"model": "model", "dataset": "rows", "method": kept["method"]}
    for name, value in kept.items():
        try:
            RunConfig.model_validate({**fine, name: value})
        except ValueError:
            continue
        fine[name] = value
    return fine


def _set_length(draft: Draft) -> None:
    """Cut as few rows as the preset bears, and no more tokens than the model was made for."""
    known, on_cpu = draft.data.length_of(CUT_AT[draft.preset]), not draft.machine.cards
    if draft.method == "pretrain":
        draft.values["max_length"] = min(_limit(draft), 1024 if draft.preset == "test" or on_cpu else PACKED_LENGTH)
        draft.say("max_length", f"{draft.values['max_length']:,} tokens at once", "raw text is read end to end")
    elif draft.preset == "fast" and not on_cpu and known and known <= PACKED_LENGTH // 4 and _may_pack(draft):
        draft.values["packing"] = True
        draft.values["max_length"] = min(_limit(draft), PACKED_LENGTH)
        what = f"packed into {draft.values['max_length']:,} tokens"
        draft.say("packing", what, "your rows are short, and empty places cost time")
    else:
        _set_plain_length(draft)


def _may_pack(draft: Draft) -> bool:
    """Say whether the model bears packed rows, and enough steps remain with one sequence on each card."""
    if draft.method != "sft" or not draft.model.kind:
        return False
    packed = replace(draft, values={**draft.values, "packing": True, "max_length": min(_limit(draft), PACKED_LENGTH)})
    if packing_problem({**packed.kept, **packed.values}, draft.model.kind) is not None:
        return False
    return (packed.sequences or 0) // PACKED_STEPS >= len(draft.machine.cards)


def _limit(draft: Draft) -> int:
    longest = LONGEST[draft.preset] if draft.machine.cards else min(LONGEST[draft.preset], LONGEST_ON_CPU)
    return min(longest, draft.model.context or longest)


def _set_plain_length(draft: Draft) -> None:
    known, limit, answer = draft.data.length_of(CUT_AT[draft.preset]), _limit(draft), _answer(draft)
    wanted = known if known is not None else min(UNKNOWN_LENGTH, limit)
    length = max(SHORTEST, min(limit, math.ceil(wanted / 64) * 64))
    draft.values["max_length"] = length + answer
    what = f"{length + answer:,} tokens a row"
    if known is not None:
        draft.say("max_length", what, _why_length(draft, length))
    elif not draft.machine.cards:
        draft.say("max_length", what, "short rows keep a processor's run short")
    elif draft.data.longest is not None and draft.data.longest <= length:
        draft.say("max_length", what, "no row has more, as far as its bytes tell")
    else:
        draft.say("max_length", what, "nobody has counted the tokens of your rows yet")


def _answer(draft: Draft) -> int:
    """Return the tokens that are to be left for the answer that the model writes itself."""
    if draft.method not in GENERATING:
        return 0
    default = RunConfig.model_fields["max_completion_length"].default
    return int(draft.kept.get("max_completion_length", default))


def _why_length(draft: Draft, length: int) -> str:
    share = draft.data.share_within(length)
    prompts = "prompts" if draft.method in GENERATING else "rows"
    if share >= 1:
        return f"no {prompts[:-1]} is longer"
    if share >= CUT_AT[draft.preset] - 0.005:
        return f"{math.floor(share * 100)} % of your {prompts} are shorter"
    if not draft.machine.cards:
        return f"longer ones take a processor too long ({1 - share:.0%} are cut)"
    return f"longer ones cost too much memory ({1 - share:.0%} are cut)"


def _set_base(draft: Draft) -> None:
    """Hold the base in 16 bits where that leaves room, else in 4; give up other things before giving up."""
    values, model = draft.values, draft.model
    values["lora_r"] = values["lora_alpha"] = 32 if draft.preset == "best" else 16
    if draft.preset == "test":
        values["lora_r"] = 8
    values["gradient_accumulation_steps"] = _least_rows_a_step(draft) if draft.method in REINFORCED else 1
    rows = max(draft.least, 1 if draft.preset == "best" else 2)
    wide = draft.room = draft.tried(may_split=False, per_device_train_batch_size=rows)
    unknown = model.size is None and bool(draft.machine.cards)
    plain = held_as(model, model.name, four_bit=False)
    if model.is_four_bit or unknown or not wide.fits:
        values["load_in_4bit"] = True
        if draft.machine.cards:
            values["optim"] = "adamw_8bit"
        draft.room = draft.tried(may_split=False, per_device_train_batch_size=draft.least)
    if model.is_four_bit:
        draft.say("load_in_4bit", "4-bit base", "the files of this model hold 4 bits")
    elif unknown:
        draft.say("load_in_4bit", "4-bit base", "nobody knows yet how large this model is")
    elif values["load_in_4bit"]:
        where = "a card has" if len(draft.machine.cards) > 1 else "the card has"
        where = where if draft.machine.cards else "a run may take"
        how = "in 16 bits" if plain == "16-bit" else f"in {plain}"
        why = f"{called(model)} {how} needs {gb(wide.need_bytes)} and {where} {gb(wide.free_bytes)}"
        draft.say("load_in_4bit", "4-bit base", why)
    elif draft.machine.cards and model.size:
        draft.say("load_in_4bit", f"{plain} base", f"{called(model)} fits as it is")
    _squeeze(draft)


def _squeeze(draft: Draft) -> None:
    """Where not even one row goes on a card: no packing, a smaller adapter, several cards, then shorter rows."""
    values, least = draft.values, draft.least
    if not draft.room.fits and values["packing"]:
        values["packing"] = False
        draft.forget("packing")
        _set_plain_length(draft)
        draft.room = draft.tried(may_split=False, per_device_train_batch_size=least)
    if not draft.room.fits:
        room = draft.tried(may_split=False, per_device_train_batch_size=least, lora_r=8)
        if room.fits:
            values["lora_r"], draft.room = 8, room
            draft.say("lora_r", "LoRA rank 8", "a larger adapter does not fit")
    if not draft.room.fits:
        draft.room = draft.tried(per_device_train_batch_size=least)
    length = values["max_length"] - _answer(draft)
    while not draft.room.fits and length - 128 >= LEAST_LENGTH:
        length -= 128
        room = draft.tried(per_device_train_batch_size=least, max_length=length + _answer(draft), lora_r=8)
        if room.fits:
            draft.room = room
            values["max_length"], values["lora_r"] = length + _answer(draft), 8
            draft.forget("max_length")
            draft.say("max_length", f"{values['max_length']:,} tokens a row", "longer ones do not fit")
    if draft.room.use == "split":
        values["placement"] = "split"
        draft.say("placement", f"one model over {draft.room.cards} cards", "it is too big for one of them")


def _set_batch(draft: Draft) -> None:
    """Put as many rows on a card at once as go, and add up the rest of the step."""
    values, here = draft.values, draft.room
    copies = here.cards if here.use == "cards" else 1
    per_card = _rows_a_step(draft, copies)
    chosen, checkpointing = draft.least, True
    while not (found := _largest(draft, per_card)) and per_card > _least_rows_a_step(draft) and here.fits:
        per_card -= _least_rows_a_step(draft)
    if found:
        chosen, checkpointing, draft.room = found
    elif here.fits:
        draft.room = draft.tried(per_device_train_batch_size=chosen, gradient_accumulation_steps=per_card // chosen)
    values["per_device_train_batch_size"] = chosen
    values["gradient_accumulation_steps"] = per_card // chosen
    values["gradient_checkpointing"] = checkpointing
    if not checkpointing:
        draft.say("gradient_checkpointing", "no checkpointing", "the memory suffices, and it is a quarter faster")
    values["auto_batch"] = draft.preset == "fast" and bool(draft.machine.cards) and draft.method in ("sft", "pretrain")
    _say_batch(draft, chosen, per_card // chosen, copies)
    free = [card.free_bytes for card in draft.machine.cards]
    if here.use == "cards" and here.cards == 1 < len(free) and free[0] == max(free):
        values["placement"] = "one"
        draft.say("placement", "one card", "copies on all of them would be too tight")


def _largest(draft: Draft, per_card: int) -> tuple[int, bool, Room] | None:
    """Return the most rows at once that go where one row goes, with checkpointing or without."""
    most = 2 if not draft.machine.cards else 4 if draft.model.size is None else per_card
    sizes = [size for size in _divisors(per_card) if draft.least <= size <= max(most, draft.least)]
    for checkpointing, size in _ways(draft, sizes):
        room = draft.tried(
            per_device_train_batch_size=size,
            gradient_accumulation_steps=per_card // size,
            gradient_checkpointing=checkpointing,
        )
        if room.fits and (room.use, room.cards) == (draft.room.use, draft.room.cards):
            return size, checkpointing, room
    return None


def _ways(draft: Draft, sizes: list[int]) -> Iterator[tuple[bool, int]]:
    """Yield checkpointing and rows at once, what is best first."""
    if draft.preset == "fast" and draft.model.size is not None:
        yield from ((False, size) for size in sizes)
    yield from ((True, size) for size in sizes)


def _least_rows_a_step(draft: Draft) -> int:
    tries = int(draft.kept.get("num_generations", RunConfig.model_fields["num_generations"].default))
    return tries if draft.method in REINFORCED else draft.least


def _rows_a_step(draft: Draft, copies: int) -> int:
    if draft.method in REINFORCED:
        prompts = 1 if draft.preset == "test" else max(1, PROMPTS // copies)
        return prompts * _least_rows_a_step(draft)
    if draft.preset == "test":
        return max(2, draft.least)
    rows, count = STEP_ROWS, draft.sequences
    if count is not None and len(draft.data.lengths) and is_packed({**draft.values, **draft.kept}):
        # As large a power of two as leaves enough steps.
        rows = min(STEP_ROWS, 1 << (max(1, count // PACKED_STEPS).bit_length() - 1))
    elif count is not None and count < 32 * STEP_ROWS:
        # A small dataset still has to make some dozens of steps.
        rows = 8 if count >= 100 else 4
    if not draft.machine.cards:
        rows = min(rows, 8)
    return max(draft.least, rows // copies)


def _say_batch(draft: Draft, rows: int, times: int, copies: int) -> None:
    parts = [str(rows), *([str(times)] if times > 1 else []), *([f"{copies} cards"] if copies > 1 else [])]
    what = f"batch {' × '.join(parts)}"
    place = "per_device_train_batch_size"
    if not draft.room.fits or draft.model.size is None:
        draft.say(place, what, "" if draft.machine.cards else "there is no graphics card")
        return
    if draft.values["auto_batch"]:
        count = rows * times * copies
        unit = ("packed sequence" if draft.values["packing"] else "row") + ("s" if count > 1 else "")
        draft.say(place, f"{count} {unit} a step, as many at once as a card takes")
        return
    here = draft.as_it_runs()
    if here.use == "cpu":
        draft.say(place, what, f"there is no graphics card, and {gb(here.need_bytes)} of memory are enough")
    else:
        used, free = gb(here.need_bytes), gb(here.free_bytes)
        each = "a card" if len(draft.machine.cards) > 1 else "the card"
        draft.say(place, what, f"that takes about {used} of the {free} free on {each}")


def _divisors(number: int) -> Iterator[int]:
    """Yield what divides a number, the largest first."""
    return (size for size in range(number, 0, -1) if number % size == 0)
