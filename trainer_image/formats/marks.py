"""The marks of chat templates, which no text of a row may hold: they would end or begin a turn in its middle."""

from __future__ import annotations

from trainer_image.formats.rows import BadRow

# The marks by which the common chat templates tell turns apart.
MARKS = (
    "<|im_start|>",
    "<|im_end|>",
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|endoftext|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|start|>",
    "<|message|>",
    "<|channel|>",
    "<|return|>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<|end|>",
    "<｜User｜>",
    "<｜Assistant｜>",
    "<｜end▁of▁sentence｜>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<|end_of_turn|>",
    "<|im_sep|>",
    "<|python_tag|>",
    "<|start_of_role|>",
    "<bos>",
    "<eos>",
    "</s>",
    "[INST]",
    "[/INST]",
    "<<SYS>>",
    "<</SYS>>",
)


_IN_MARKS = ("<|", "_of_turn>", "SYS>>", "<｜", "</s>", "os>")


def mark_in(text: str) -> str:
    """Return the first mark of a chat template that a text holds, or nothing."""
    # One of these is in every mark, and in hardly any other text; one letter is found faster than two.
    if ("<" in text and any(part in text for part in _IN_MARKS)) or "INST]" in text:
        found = next((mark for mark in MARKS if mark in text), "")
        # In HTML a pair of them strikes words out.
        return "" if found == "</s>" and "<s>" in text and "[INST]" not in text else found
    return ""


def refuse_marks(text: str, place: str, what: str) -> None:
    """Raise BadRow where a text holds a mark of a chat template, which would end or begin a turn in its middle."""
    mark = mark_in(text)
    if mark:
        fault = f"{what} holds {mark}, which chat templates use to tell turns apart."
        raise BadRow(place, "template_mark", fault, "Take the mark out of the text.")
