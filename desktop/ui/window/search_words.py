"""What a search for a knob finds beyond the knobs that are shown: a place to go to, instead of silence."""

from __future__ import annotations

from collections.abc import Collection

from desktop.ui.setup.method_words import METHOD_WORDS, PPO_SENTENCE, method_short, method_title
from desktop.ui.setup.relevance import FOUR_BIT, LOSSES_OF, NEED_EVALUATION
from desktop.ui.setup.reward_words import REWARD_WORDS
from trainer_image.contract import METHODS, REWARD_TAKES, Knob, RewardName, knobs

MOST = 4
"""So many knobs of other methods are named."""


def found_elsewhere(text: str, shown: Collection[str]) -> str:
    """Return where the methods, rewards and knobs are that ``text`` names and that are not among ``shown``."""
    wanted = text.lower().split()
    lines: list[str] = []
    if "ppo" in wanted:
        lines.append(PPO_SENTENCE)
    for method in METHOD_WORDS.values():
        if all(word in f"{method.method} {method.title}".lower() for word in wanted):
            lines.append(f"{method.title} is a method: choose it under Goal.")
    others = [knob for knob in knobs() if knob.name not in shown and _is_called(knob, wanted)]
    lines += [f"{knob.label} {_where(knob)}" for knob in others[:MOST]]
    return "\n".join(lines)


def _is_called(knob: Knob, wanted: list[str]) -> bool:
    return all(word in f"{knob.name} {knob.label}".lower() for word in wanted)


def _where(knob: Knob) -> str:
    for reward, names in REWARD_TAKES.items():
        if knob.name in names:
            name: RewardName = reward  # type: ignore[assignment]
            return f"belongs to the reward {REWARD_WORDS[name][0]}: tick it under Goal, with a method that is rewarded."
    if knob.name in LOSSES_OF:
        return f"belongs to the preference loss {' or '.join(LOSSES_OF[knob.name])} of {method_title('dpo')}."
    if knob.name in FOUR_BIT:
        return "is for a 4-bit base: switch 4-bit base on."
    if knob.name == "min_lr_rate":
        return "is for the learning rate schedule “cosine, not to zero”."
    if len(knob.methods) < len(METHODS):
        return f"is used by {', '.join(map(method_short, knob.methods))} only."
    if knob.name in NEED_EVALUATION:
        return "needs rows to evaluate: set Rows held back above 0."
    return "is for adapters: switch Train all weights off."
