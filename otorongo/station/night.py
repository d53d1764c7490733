"""Day or night, from how bright the frames are: when a camera's infrared filter moves, its lamp burns, it exposes long.

A lamp makes its own day: whoever looks at brightness alone switches to and fro. So it takes a while to believe either,
and a day that turns out to be dark at once makes the next attempt wait longer.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from otorongo.station.samples import Item, Sample, Source

DARK: Final = 28.0
"""Mean grey level below which a day's frame is dark ..."""
BRIGHT: Final = 90.0
"""... and above which a night's frame may be day."""
DUSK_MS: Final = 20_000
"""It must have been dark for so long, so that whoever covers the lens for a moment makes no night ..."""
DAWN_MS: Final = 60_000
"""... and bright for so long; twice as long after each dawn that was none, ..."""
MOST_DAWN_MS: Final = 1_800_000
"""... up to this."""
FALSE_DAWN_MS: Final = 120_000
"""Dark again within so long: it was none."""


@dataclass(frozen=True, slots=True)
class Night:
    """What is believed, and since when the frames say otherwise."""

    dark: bool = False
    since_ms: int | None = None
    switched_ms: int = 0
    dawn_ms: int = DAWN_MS


def judged(state: Night, t_ms: int, brightness: float) -> Night:
    """The next state after a frame of this mean grey level (0 to 255). Times may not run backwards."""
    otherwise = brightness > BRIGHT if state.dark else brightness < DARK
    if not otherwise:
        return replace(state, since_ms=None) if state.since_ms is not None else state
    since_ms = t_ms if state.since_ms is None else state.since_ms
    if t_ms - since_ms < (state.dawn_ms if state.dark else DUSK_MS):
        return replace(state, since_ms=since_ms)
    dawn_ms = state.dawn_ms
    if not state.dark:
        no_dawn = state.switched_ms and t_ms - state.switched_ms <= FALSE_DAWN_MS
        dawn_ms = min(MOST_DAWN_MS, 2 * dawn_ms) if no_dawn else DAWN_MS
    return Night(not state.dark, None, t_ms, dawn_ms)


@dataclass
class DayAndNight:
    """A camera that is told when night falls and when day breaks."""

    camera: Source
    switch: Callable[[bool], None]
    """True: night falls."""
    state: Night = field(default_factory=Night)

    def samples(self) -> Iterator[Item]:
        """What the camera gives."""
        self.switch(self.state.dark)
        for item in self.camera.samples():
            if isinstance(item, Sample):
                before = self.state.dark
                self.state = judged(self.state, item.t_ms, float(item.data[::16, ::16].mean()))
                if self.state.dark != before:
                    self.switch(self.state.dark)
            yield item

    def close(self) -> None:
        """Let `samples` end."""
        self.camera.close()

    def hurry(self, frames: int) -> None:
        """The next frames are wanted fast."""
        if hurry := getattr(self.camera, "hurry", None):
            hurry(frames)
