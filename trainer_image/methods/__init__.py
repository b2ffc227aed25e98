"""The methods, one file each: the shapes of rows they take, the examples they learn from, the trainer they build."""

from __future__ import annotations

from types import ModuleType

from trainer_image.contract import Method
from trainer_image.methods import sft

BY_NAME: dict[Method, ModuleType] = {"sft": sft}
