"""What the NVIDIA cards of this machine say of themselves."""

from __future__ import annotations

from dataclasses import dataclass

import pynvml

from trainer_image.cards.readings import ask, read_card, throttle_words


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
    clock_mhz: int | None = None
    throttles: tuple[str, ...] = ()
    """Why it is slower than it could be, in words."""


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
            cards = range(pynvml.nvmlDeviceGetCount())
            samples = [sample for index in cards if (sample := _sample_if_there(index)) is not None]
            self._open = bool(samples) or not cards  # a driver that was loaded anew wants to be opened anew
            self.absent_because = "" if samples or not cards else "no card answers"
            return samples
        except pynvml.NVMLError as error:
            self._open = False
            self.absent_because = str(error)
            return []

    def driver_version(self) -> str | None:
        try:
            return str(pynvml.nvmlSystemGetDriverVersion()) if self._open else None
        except pynvml.NVMLError:
            return None


def _sample_if_there(index: int) -> GpuSample | None:
    """Return a card's sample, or None where it has fallen off the bus: the others go on answering."""
    try:
        return _sample(index)
    except pynvml.NVMLError:
        return None


def _sample(index: int) -> GpuSample:
    card = pynvml.nvmlDeviceGetHandleByIndex(index)
    memory = ask(pynvml, pynvml.nvmlDeviceGetMemoryInfo, card)
    told = read_card(pynvml, card)
    return GpuSample(
        index=index,
        name=str(pynvml.nvmlDeviceGetName(card)),
        # A card that shares the machine's memory tells no figures of its own.
        total_bytes=int(memory.total) if memory is not None else 0,
        used_bytes=int(memory.used) if memory is not None else 0,
        load_percent=told.load_percent,
        temperature_c=told.temperature_c,
        power_w=told.power_w,
        power_limit_w=told.power_limit_w,
        fan_percent=told.fan_percent,
        clock_mhz=told.clock_mhz,
        throttles=throttle_words(told.throttle),
    )
