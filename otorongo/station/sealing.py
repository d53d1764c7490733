"""What becomes of originals that show people or let them be heard: decided once, by a policy for each sensor.

`keep`: as they are, where everybody agreed. `discard`: wholly; the event stays. `seal`: the untouched original goes to
those who may open it, sealed before its first byte is on the card, and only what is redacted stays open. A redacted
original is never kept: it would be neither private nor evidence.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from otorongo.station.samples import Score
from otorongo.wire.classes import BY_NAME

Policy = Literal["seal", "discard", "keep"]
ENDING: Final = ".age"
"""Of a sealed file, after the ending of what is in it."""
PERSON: Final = BY_NAME["person"].number
CARRIERS: Final = frozenset(BY_NAME[name].number for name in ("vehicle", "boat"))
"""Somebody steers them, and is seen, whether or not a network finds them."""
SIGNS: Final = CARRIERS | {BY_NAME[name].number for name in ("dog", "cattle", "smoke", "fire")}
"""In land of peoples in isolation these show where people live."""


@dataclass(frozen=True)
class Sealer:
    """Seals bytes to those who may open them."""

    seal: Callable[[bytes], bytes]
    sealed_to: bytes
    """`wire.sealed.fingerprints` of the recipients."""


@dataclass(frozen=True)
class People:
    """The policy of one camera."""

    policy: Policy = "keep"
    least_p: float = 0.05
    """From this calibrated probability of a person a picture may show people."""
    known: bool = True
    """Whether the bundle can tell people; if not, every picture may show some."""
    sealer: Sealer | None = None
    """With the policy `seal`."""
    no_contact: bool = False
    """In land of peoples in isolation: whatever shows that somebody lives there counts, and nothing stays open."""

    def shown(self, scores: Sequence[Score]) -> bool:
        """Whether a picture with these scores may show people."""
        signs = SIGNS if self.no_contact else CARRIERS
        return not self.known or any(
            (one.hit and (one.cls in signs or one.cls == PERSON)) or (one.cls == PERSON and one.p >= self.least_p)
            for one in scores
        )
