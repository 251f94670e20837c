"""How the machine and this process fare: memory, processor, temperature, throttling.

Whatever cannot be read is None: sensors are absent on many machines, and a hardened service sees
little of /proc (`ProcSubset=pid`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil

T = TypeVar("T")

SYS = Path("/sys")
PLAUSIBLE_CELSIUS = (-40.0, 150.0)
_UNREADABLE = (OSError, psutil.Error, AttributeError, ValueError, RuntimeError, IndexError, KeyError)


@dataclass(frozen=True, slots=True)
class SystemSample:
    """Bytes, percent and degrees Celsius; None where the system does not tell.

    `process_cpu_percent` is of one core since the sample before, `system_cpu_percent` of all cores.
    `throttled`: heat or a weak power supply holds the processor back.
    """

    process_memory_bytes: int | None = None
    process_cpu_percent: float | None = None
    process_threads: int | None = None
    system_memory_available_bytes: int | None = None
    system_memory_percent: float | None = None
    system_cpu_percent: float | None = None
    temperature_celsius: float | None = None
    throttled: bool | None = None


class SystemReader:
    """Reads samples. `sys_folder` is where sysfs is mounted."""

    def __init__(self, sys_folder: Path = SYS) -> None:
        self._sys = sys_folder
        self._process = _or_none(psutil.Process)
        self.read()  # shares of the processor are since the reading before: the first one would say 0

    def read(self) -> SystemSample:
        """The present state; takes about a millisecond."""
        process: Any = self._process
        memory = _or_none(psutil.virtual_memory)
        return SystemSample(
            process_memory_bytes=_or_none(lambda: int(process.memory_info().rss)),
            process_cpu_percent=_or_none(lambda: float(process.cpu_percent(interval=None))),
            process_threads=_or_none(lambda: int(process.num_threads())),
            system_memory_available_bytes=None if memory is None else int(memory.available),
            system_memory_percent=None if memory is None else float(memory.percent),
            system_cpu_percent=_or_none(lambda: float(psutil.cpu_percent(interval=None))),
            temperature_celsius=_or_none(_highest_temperature),
            throttled=self._throttled(),
        )

    def _throttled(self) -> bool | None:
        signs = list(self._throttling_signs())
        return any(signs) if signs else None

    def _throttling_signs(self) -> Iterator[bool]:
        # Raspberry Pi, older kernels: bits 0 to 3 are under-voltage, capped, throttled, soft limit.
        for path in self._sys.glob("devices/platform/soc/soc:firmware/get_throttled"):
            yield from _signs(path, lambda text: bool(int(text, 16) & 0xF))
        # Raspberry Pi, newer kernels: the under-voltage alarm of the firmware.
        for name in self._sys.glob("class/hwmon/hwmon*/name"):
            if _or_none(name.read_text) == "rpi_volt\n":
                yield from _signs(name.parent / "in0_lcrit_alarm", lambda text: text != "0")
        # Any board whose kernel slows the processor down against heat.
        for kind in self._sys.glob("class/thermal/cooling_device*/type"):
            if "cpufreq" in (_or_none(kind.read_text) or ""):
                yield from _signs(kind.parent / "cur_state", lambda text: int(text) > 0)


def _signs(path: Path, judge: Callable[[str], bool]) -> Iterator[bool]:
    with contextlib.suppress(OSError, ValueError):
        yield judge(path.read_text(encoding="ascii").strip())


def _highest_temperature() -> float:
    low, high = PLAUSIBLE_CELSIUS
    found = [one.current for group in psutil.sensors_temperatures().values() for one in group]
    return max(float(value) for value in found if value is not None and low < value < high)


def _or_none(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except _UNREADABLE:
        return None
