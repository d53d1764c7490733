"""The computer itself, as Linux tells it: boot id, clocks and what keeps them, temperature, room, battery."""

import ctypes
import logging
import os
import time
from pathlib import Path
from typing import Final

from otorongo.station.ports import ClockReading, Vitals
from otorongo.wire.codes import Clock

log = logging.getLogger(__name__)

EARLIEST_UTC_MS: Final = 1_767_225_600_000
"""2026-01-01: a clock that shows an earlier time has not been set."""
RTC_BOUND_MS: Final = 300_000
"""How wrong a battery-backed clock may be when nobody knows when it was set."""
_RTC_AGREES_S: Final = 60
_STA_UNSYNC: Final = 0x0040
_MIN_BOUND_MS: Final = 1
_SYNC_BOUND_MS: Final = 250
_DRIFT_PPM: Final = 500
"""As the kernel reckons for a clock that nobody corrects."""
_SYNC_OLD_S: Final = 7 * 86_400
_MAX_MV: Final = 0xFFFF


class _Timex(ctypes.Structure):
    """`struct timex` of <sys/timex.h> on Linux, which `adjtimex` fills in (mode 0 only reads)."""

    _fields_ = [
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 32),
    ]


class LinuxBoard:
    """A Raspberry Pi or any other Linux computer. What it cannot measure is 0."""

    def __init__(self, data_dir: str | Path, root: str | Path = "/") -> None:
        self._data_dir = Path(data_dir)
        self._root = Path(root)

    def boot_id(self) -> str:
        """The kernel's random id of this boot."""
        return (self._root / "proc/sys/kernel/random/boot_id").read_text().strip()

    def clock(self) -> ClockReading:
        """Milliseconds since boot, UTC, what keeps it and how wrong it may be.

        Network time counts where the kernel says that its clock is synchronised, or, where a service may not ask the
        kernel (`ProtectClock=`), where systemd-timesyncd says so; else a battery-backed clock that agrees with the
        system's; else the time is not known.
        """
        t_ms = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
        utc_ms = time.time_ns() // 1_000_000
        if utc_ms < EARLIEST_UTC_MS:
            return ClockReading(t_ms)
        error_ms = _kernel_error_ms()
        if error_ms is None:
            error_ms = self._timesyncd_error_ms(utc_ms)
        if error_ms is not None:
            return ClockReading(t_ms, utc_ms, Clock.NTP, max(_MIN_BOUND_MS, error_ms))
        if self._rtc_agrees(utc_ms // 1000):
            return ClockReading(t_ms, utc_ms, Clock.RTC, RTC_BOUND_MS)
        return ClockReading(t_ms)

    def vitals(self) -> Vitals:
        """Temperature of the processor, room on the data card, voltage of a battery."""
        milli = self._number("sys/class/thermal/thermal_zone0/temp")
        try:
            room = os.statvfs(self._data_dir)
            free_mb = room.f_bavail * room.f_frsize // 1_000_000
        except OSError:
            log.warning("board: %s cannot be measured", self._data_dir)
            free_mb = 0
        return Vitals(round((milli or 0) / 100), free_mb, self._battery_mv())

    def _battery_mv(self) -> int:
        for supply in sorted((self._root / "sys/class/power_supply").glob("*")):
            if self._text(supply / "type") == "Battery" and (micro := self._number(supply / "voltage_now")):
                return min(_MAX_MV, micro // 1000)
        return 0

    def _timesyncd_error_ms(self, utc_ms: int) -> int | None:
        """How wrong the clock may be by the age of timesyncd's last word; None: it has not spoken this boot."""
        try:
            told_s = (self._root / "run/systemd/timesync/synchronized").stat().st_mtime
        except OSError:
            return None
        age_s = utc_ms / 1000 - told_s
        return round(_SYNC_BOUND_MS + age_s * _DRIFT_PPM / 1000) if 0 <= age_s < _SYNC_OLD_S else None

    def _rtc_agrees(self, utc_s: int) -> bool:
        rtc_s = self._number("sys/class/rtc/rtc0/since_epoch")
        return rtc_s is not None and rtc_s * 1000 >= EARLIEST_UTC_MS and abs(rtc_s - utc_s) <= _RTC_AGREES_S

    def _text(self, path: str | Path) -> str:
        try:
            return (self._root / path).read_text().strip()
        except OSError:
            return ""

    def _number(self, path: str | Path) -> int | None:
        text = self._text(path)
        return int(text) if text.lstrip("-").isdecimal() else None


def _kernel_error_ms() -> int | None:
    """How wrong the kernel thinks its synchronised clock is at most, in ms; None if it is not synchronised."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        state = _Timex()
        if libc.adjtimex(ctypes.byref(state)) < 0 or state.status & _STA_UNSYNC:
            return None
    except (OSError, AttributeError):
        return None
    return int(state.maxerror) // 1000
