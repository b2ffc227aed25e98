"""The methods in plain words: what each is called here, what it does, and what rows it needs."""

from __future__ import annotations

from dataclasses import dataclass

from trainer_image.contract import Method

PPO_SENTENCE = (
    "PPO is not offered, because its trainer has left TRL. “Reward model, then policy (RLHF)” does the same job by "
    "RLOO, which needs no value model and less memory."
)

PPO_SHORT = "Its trainer has left TRL; “Reward model, then policy” does the same job by RLOO."


@dataclass(frozen=True)
class MethodWords:
    """One method as the form shows it."""

    method: Method
    group: str
    title: str
    sentence: str
    needs: str
    """The rows that it learns from."""


METHOD_WORDS: dict[Method, MethodWords] = {
    words.method: words
    for words in (
        MethodWords(
            "sft",
            "Learn from examples",
            "Imitate answers (SFT)",
            "The model learns to answer as your rows do. The usual first choice.",
            "questions and answers, or conversations",
        ),
        MethodWords(
            "pretrain",
            "Learn from examples",
            "Read raw text (continued pretraining)",
            "The model reads on in your text, to take in a field or a language before it learns to answer.",
            "plain text",
        ),
        MethodWords(
            "dpo",
            "Learn from preferences",
            "Prefer better answers (DPO)",
            "The model moves towards the better of two answers, and is held near to what it was.",
            "pairs: a better and a worse answer",
        ),
        MethodWords(
            "orpo",
            "Learn from preferences",
            "Prefer better answers without a reference model (ORPO)",
            "Imitates the better answer and turns from the worse one at once: one stage, less memory than DPO.",
            "pairs: a better and a worse answer",
        ),
        MethodWords(
            "kto",
            "Learn from preferences",
            "Thumbs up and down (KTO)",
            "The model learns from single answers that were liked or not; they need not come in pairs.",
            "answers with a thumb up or down",
        ),
        MethodWords(
            "reward",
            "Learn to judge",
            "Learn to judge (reward model)",
            "What comes out gives an answer a score, and can then be the reward of another run.",
            "pairs or rankings",
        ),
        MethodWords(
            "prm",
            "Learn to judge",
            "Judge each step (process reward model)",
            "What comes out says of each step of a solution whether it is right.",
            "solutions with a label on each step",
        ),
        MethodWords(
            "rlhf",
            "Try and learn",
            "Reward model, then policy (RLHF)",
            "Two runs, one after the other: a reward model from your pairs, then the model against it, by RLOO.",
            "pairs: a better and a worse answer",
        ),
        MethodWords(
            "grpo",
            "Try and learn",
            "Try and be rewarded (GRPO)",
            "The model tries several answers to a prompt and learns from those that earn more than the others.",
            "prompts, with right answers to check",
        ),
        MethodWords(
            "rloo",
            "Try and learn",
            "Try and be rewarded, plainly (RLOO)",
            "Like GRPO with a simpler comparison: each try against the mean of the others, held near to the start.",
            "prompts, with right answers to check",
        ),
        MethodWords(
            "star",
            "Try and learn",
            "Solve, keep what is right, repeat (STaR)",
            "The model solves problems, keeps the solutions that are right, learns from them, and starts anew.",
            "problems with their right answers",
        ),
    )
}
"""In the order in which the form shows them."""


def method_title(method: Method) -> str:
    return METHOD_WORDS[method].title


def method_short(method: Method) -> str:
    """Return the name that the field has for a method."""
    return METHOD_WORDS[method].title.rpartition("(")[2].rstrip(")")


def method_help(method: Method) -> str:
    """Return what a method does and what rows it needs."""
    words = METHOD_WORDS[method]
    return f"{words.sentence} Needs {words.needs}."
