"""Chat templates by name, for a base model that has none of its own; the app's preview writes by the same.

What the model says ends in the end token of its own tokenizer, for at that an answer stops; a mark that a base model
has never seen would only be letters to it. What others say ends as the format has it, and so does an answer where the
tokenizer has no end token. What asks for an answer never ends in a space, which tokenizers join to the word behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

OWN = "own"
"""The model's own template, or none."""

NAME_A_TEMPLATE = "Choose one by Chat template for it to learn, or take the model's Instruct variant."

_TURNS_BY_ROLE = (
    "{{{{ bos_token }}}}{{% for m in messages %}}"
    "{{{{ '{begin}' + m['role'] + '{middle}' + m['content'] }}}}"
    "{{% if m['role'] == 'assistant' %}}{{{{ eos_token or '{end}' }}}}{{% else %}}{{{{ '{end}' }}}}{{% endif %}}"
    "{{{{ '{after}' }}}}{{% endfor %}}"
    "{{% if add_generation_prompt %}}{{{{ '{begin}assistant{middle}' }}}}{{% endif %}}"
)
# Formats without a turn for instructions put them before the first question.
_INSTRUCTIONS_FIRST = (
    "{% set ns = namespace(before='') %}{{ bos_token }}{% for m in messages %}"
    "{% if m['role'] == 'system' %}{% set ns.before = ns.before + m['content'] + '\\n\\n' %}"
    "{% elif m['role'] == 'assistant' and ns.before %}"
    "{{ raise_exception('an answer stands right behind instructions, with no question') }}"
)
_NO_INSTRUCTIONS_LAST = (
    "{% if ns.before %}{{ raise_exception('instructions stand last, with no question behind them') }}{% endif %}"
)

UNTRAINED = 1e-16
"""No weight of a token that has been learned is all so close to nothing; Unsloth refuses rows by the same."""

TEMPLATES: Mapping[str, str] = {
    "chatml": _TURNS_BY_ROLE.format(begin="<|im_start|>", middle="\\n", end="<|im_end|>", after="\\n"),
    "llama3": _TURNS_BY_ROLE.format(
        begin="<|start_header_id|>", middle="<|end_header_id|>\\n\\n", end="<|eot_id|>", after=""
    ),
    "gemma": (
        _INSTRUCTIONS_FIRST + "{% elif m['role'] == 'assistant' %}"
        "{{ '<start_of_turn>model\\n' + m['content'] }}{{ eos_token or '<end_of_turn>' }}{{ '\\n' }}"
        "{% else %}{{ '<start_of_turn>user\\n' + ns.before + m['content'] + '<end_of_turn>\\n' }}"
        "{% set ns.before = '' %}{% endif %}{% endfor %}"
        + _NO_INSTRUCTIONS_LAST
        + "{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}"
    ),
    "mistral": (
        _INSTRUCTIONS_FIRST + "{% elif m['role'] == 'assistant' %}{{ m['content'] }}{{ eos_token }}"
        "{% else %}{{ '[INST] ' + ns.before + m['content'] + ' [/INST]' }}"
        "{% set ns.before = '' %}{% endif %}{% endfor %}" + _NO_INSTRUCTIONS_LAST
    ),
    "alpaca": (
        "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'system' %}{{ m['content'] + '\\n\\n' }}"
        "{% elif m['role'] == 'assistant' %}{{ '### Response:\\n' + m['content'] }}{{ eos_token }}{{ '\\n\\n' }}"
        "{% else %}{{ '### Instruction:\\n' + m['content'] + '\\n\\n' }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ '### Response:\\n' }}{% endif %}"
    ),
    "plain": (
        "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'system' %}{{ m['content'] + '\\n\\n' }}"
        "{% elif m['role'] == 'assistant' %}{{ 'Assistant:\\n' + m['content'] }}{{ eos_token }}{{ '\\n\\n' }}"
        "{% else %}{{ 'User:\\n' + m['content'] + '\\n\\n' }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ 'Assistant:\\n' }}{% endif %}"
    ),
}


def give_template(tokenizer: Any, template: str | None) -> None:
    """Let a tokenizer of transformers write by a template, with which it is then saved; None leaves it as it is."""
    if template is not None:
        tokenizer.chat_template = template


def untrained_marks(template: str, added: Mapping[str, int], weights: Callable[[int], Sequence[float]]) -> list[str]:
    """Return the marks of a template that a base model has room for and has never learned, sorted.

    ``added`` has the ids of the tokens that are no words; ``weights`` gives what the model knows of one by its id.
    """
    marks = sorted(mark for mark in added if mark.strip() and mark in template)
    return [mark for mark in marks if not any(abs(weight) > UNTRAINED for weight in weights(added[mark]))]
