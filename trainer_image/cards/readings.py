"""One card at one moment, as NVIDIA's driver tells it: for the app, and for the history that a run keeps of its cards.

The module pynvml is handed in: where it comes from, and whether it is there, is the caller's affair.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass, fields
from typing import Any

MIB = 1024**2

THROTTLES = {
    0x0000000000000004: "power limit",
    0x0000000000000008: "hardware slowdown",
    0x0000000000000020: "too hot",
    0x0000000000000040: "too hot",
    0x0000000000000080: "power brake",
}
"""Bits of NVML's reasons for a lower clock that a person should know; idling and chosen clocks are none."""


@dataclass(frozen=True)
class Reading:
    """What a card tells; None where it does not know. Memory in MiB, power in watts, clock in MHz."""

    load_percent: int | None = None
    used_mib: int | None = None
    own_mib: int | None = None
    """The part of it that is ours; None where the driver does not say whose it is, as in some containers."""
    temperature_c: int | None = None
    power_w: float | None = None
    power_limit_w: float | None = None
    fan_percent: int | None = None
    clock_mhz: int | None = None
    throttle: int | None = None
    """NVML's bits; ``throttle_words`` says them."""


COLUMNS = tuple(field.name for field in fields(Reading))


def read_card(pynvml: Any, handle: Any, is_ours: Callable[[int], bool] = lambda pid: False) -> Reading:
    """Ask a card for everything; raises NVMLError only where the card itself is gone."""
    memory = ask(pynvml, pynvml.nvmlDeviceGetMemoryInfo, handle)
    if memory is None:
        pynvml.nvmlDeviceGetUUID(handle)  # says so where the card has fallen off the bus
    load = ask(pynvml, pynvml.nvmlDeviceGetUtilizationRates, handle)
    power = ask(pynvml, pynvml.nvmlDeviceGetPowerUsage, handle)
    limit = ask(pynvml, pynvml.nvmlDeviceGetEnforcedPowerLimit, handle)
    return Reading(
        load_percent=int(load.gpu) if load is not None else None,
        used_mib=int(memory.used) // MIB if memory is not None else None,
        own_mib=_own(pynvml, handle, is_ours),
        temperature_c=ask(pynvml, pynvml.nvmlDeviceGetTemperature, handle, pynvml.NVML_TEMPERATURE_GPU),
        power_w=round(power / 1000, 1) if power is not None else None,
        power_limit_w=round(limit / 1000, 1) if limit is not None else None,
        fan_percent=ask(pynvml, pynvml.nvmlDeviceGetFanSpeed, handle),
        clock_mhz=ask(pynvml, pynvml.nvmlDeviceGetClockInfo, handle, pynvml.NVML_CLOCK_SM),
        throttle=ask(pynvml, pynvml.nvmlDeviceGetCurrentClocksThrottleReasons, handle),
    )


def throttle_words(bits: int | None) -> tuple[str, ...]:
    """Return why the card is slower than it could be, in words; empty where it is not."""
    return tuple(dict.fromkeys(words for bit, words in THROTTLES.items() if bits and bits & bit))


def as_list(reading: Reading) -> list[float | None]:
    """Return the reading in the order of COLUMNS."""
    return list(astuple(reading))


def _own(pynvml: Any, handle: Any, is_ours: Callable[[int], bool]) -> int | None:
    processes = ask(pynvml, pynvml.nvmlDeviceGetComputeRunningProcesses, handle)
    if not processes:
        return None
    own = [process.usedGpuMemory for process in processes if is_ours(process.pid)]
    if not own or any(used is None for used in own):
        return None
    return sum(int(used) for used in own) // MIB


def ask(pynvml: Any, question: Callable[..., Any], *arguments: Any) -> Any:
    """Return the answer, or None where this card does not know (a passive card has no fan)."""
    try:
        return question(*arguments)
    except pynvml.NVMLError:
        return None
