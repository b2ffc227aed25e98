"""What the NVIDIA cards of this machine say of themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pynvml


@dataclass(frozen=True)
class GpuSample:
    """One card at one moment; None where the card does not tell. Sizes in bytes, power in watts."""

    index: int
    name: str
    total_bytes: int
    used_bytes: int
    load_percent: int | None
    temperature_c: int | None
    power_w: float | None
    power_limit_w: float | None
    fan_percent: int | None


class Gpus:
    """The driver's doorway; without a driver there are simply no cards."""

    def __init__(self) -> None:
        self._open = False
        self.absent_because = ""

    def sample(self) -> list[GpuSample]:
        """Return every card as it is now; empty where there is no NVIDIA driver."""
        try:
            if not self._open:
                pynvml.nvmlInit()
                self._open = True
            return [_sample(index) for index in range(pynvml.nvmlDeviceGetCount())]
        except pynvml.NVMLError as error:
            self._open = False
            self.absent_because = str(error)
            return []

    def driver_version(self) -> str | None:
        try:
            return str(pynvml.nvmlSystemGetDriverVersion()) if self._open else None
        except pynvml.NVMLError:
            return None


def _sample(index: int) -> GpuSample:
    card = pynvml.nvmlDeviceGetHandleByIndex(index)
    memory = _ask(pynvml.nvmlDeviceGetMemoryInfo, card)
    load = _ask(pynvml.nvmlDeviceGetUtilizationRates, card)
    power = _ask(pynvml.nvmlDeviceGetPowerUsage, card)
    limit = _ask(pynvml.nvmlDeviceGetEnforcedPowerLimit, card)
    return GpuSample(
        index=index,
        name=str(pynvml.nvmlDeviceGetName(card)),
        # A card that shares the machine's memory tells no figures of its own.
        total_bytes=int(memory.total) if memory is not None else 0,
        used_bytes=int(memory.used) if memory is not None else 0,
        load_percent=int(load.gpu) if load is not None else None,
        temperature_c=_ask(pynvml.nvmlDeviceGetTemperature, card, pynvml.NVML_TEMPERATURE_GPU),
        power_w=power / 1000 if power is not None else None,
        power_limit_w=limit / 1000 if limit is not None else None,
        fan_percent=_ask(pynvml.nvmlDeviceGetFanSpeed, card),
    )


def _ask(question: Callable[..., Any], *arguments: Any) -> Any:
    """Return the answer, or None where this card does not know (a passive card has no fan)."""
    try:
        return question(*arguments)
    except pynvml.NVMLError:
        return None
