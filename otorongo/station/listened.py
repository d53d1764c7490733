"""What an hour of listening is worth: how far a saw could have been heard, and for how long none could. Pure.

Silence is safety only where somebody listened. So a window counts for nothing where the network failed on it, where a
veto suspends saws, and where the microphone is dead or clips; noise, the gate and vetoes that raise the threshold each
take a part of the reach; and an hour with something over the microphone is deaf as a whole.
"""

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from otorongo.station import listening, microphone, veto
from otorongo.station.bands import Levels
from otorongo.station.microphone import Look
from otorongo.station.samples import SILENCE_DB, Sample
from otorongo.wire.classes import BY_NAME
from otorongo.wire.codes import MicrophoneFlag
from otorongo.wire.rows import Listening

LOOK_MS: Final = 10_000
"""How often the microphone's health and reach are looked at."""
DEAF_M: Final = 100
"""Where a saw carries less far than this, the station counts as deaf."""
RAISED_DB: Final = 2.0
"""Of level over noise that a saw needs for one natural unit more of evidence. Measured with `threats@4`: 32 windows of
saws of ESC-10 over 20 of a forest, from -18 to +12 dB; for half a unit 0.8 dB, one 1.8 and two 4.4, in the median of
those 21 that pass the threshold in between."""
MUFFLED: Final = MicrophoneFlag.BLOCKED | MicrophoneFlag.WET
"""What the microphone gives then is fainter than what it is in: its noise says nothing of its reach."""

_SAW: Final = BY_NAME["chainsaw"].number
_MOST: Final = 0xFFFFFFFF


@dataclass
class Hour:
    """What is gathered for the next row."""

    full_scale_db: float = listening.FULL_SCALE_DB
    start_ms: int = -1
    end_ms: int = 0
    length_ms: int = 0
    deaf_ms: int = 0
    vetoes: dict[int, int] = field(default_factory=dict)
    vetoed: int = 0
    looks: list[Look] = field(default_factory=list)
    reaches_ms: dict[int, int] = field(default_factory=dict)
    """Reach in m to how long it was that."""
    looked_ms: int = -LOOK_MS
    _known: tuple[tuple[float, float], int] | None = None
    """What the reach of the last look was reckoned for, and the reach."""

    def looks_due(self, now_ms: int) -> bool:
        """Whether ten seconds have passed."""
        return not 0 <= now_ms - self.looked_ms < LOOK_MS

    def look(self, one: Look, now_ms: int) -> None:
        """Keep a look: what it says holds for the windows until the next one."""
        self.looked_ms = now_ms
        self.looks.append(one)
        self._known = None

    def add(
        self, sample: Sample, now: veto.Now, vetoed: int, *, failed: bool = False, needed_db: float = SILENCE_DB
    ) -> None:
        """A window came, after a look: what of it is new counts.

        `failed`: the network could not judge it; `needed_db`: the level in dB below full scale that the gate wanted.
        """
        new_ms = sample.new_ms or sample.duration_ms
        if self.start_ms < 0:
            self.start_ms = sample.end_ms - new_ms
        self.end_ms = sample.end_ms
        self.length_ms += new_ms
        self.vetoed += vetoed
        for cls in now.reasons:
            self.vetoes[cls] = self.vetoes.get(cls, 0) + new_ms
        reach = 0 if failed or _SAW in now.suspended else self._reach_m(now.raised.get(_SAW, 0.0), needed_db)
        self.reaches_ms[reach] = self.reaches_ms.get(reach, 0) + new_ms
        self.deaf_ms += new_ms if reach < DEAF_M else 0

    def row(self, sensor: int, flags: MicrophoneFlag, floor_db: Levels) -> Listening:
        """The hour as a row. Under something that muffles the microphone nothing of it is known, and it was deaf."""
        muffled = bool(flags & MUFFLED)
        return Listening(
            t_ms=self.end_ms,
            sensor=sensor,
            length_ms=min(self.length_ms, _MOST),
            reach_m=0 if muffled else self._median_m(),
            deaf_ms=min(self.length_ms if muffled else self.deaf_ms, _MOST),
            vetoes=dict(self.vetoes),
            vetoed=min(self.vetoed, _MOST),
            flags=int(flags),
            floor=bytes(255 if np.isnan(level) else max(0, min(254, round(-float(level)))) for level in floor_db),
        )

    def _reach_m(self, raised: float, needed_db: float) -> int:
        """Of the last look, with so many natural units more to reach, and this level to pass the gate."""
        asked = (raised, round(needed_db))
        if self._known is None or self._known[0] != asked:
            self._known = asked, self._reckoned_m(self.looks[-1], *asked)
        return self._known[1]

    def _reckoned_m(self, look: Look, raised: float, needed_db: float) -> int:
        if look.level_db < microphone.DEAD_DB or look.clipped > microphone.CLIPPED_SHARE:
            return 0
        lacking = 10 ** (needed_db / 10) - 10 ** (look.level_db / 10)
        least_db = 10 * math.log10(lacking) if lacking > 0 else -math.inf
        return listening.reach_m(look.bands_db, self.full_scale_db, raised_db=RAISED_DB * raised, least_dbfs=least_db)

    def _median_m(self) -> int:
        """What half of the time reached."""
        half_ms, passed_ms = sum(self.reaches_ms.values()) / 2, 0
        for reach, lasted_ms in sorted(self.reaches_ms.items()):
            passed_ms += lasted_ms
            if passed_ms >= half_ms:
                return reach
        return 0
