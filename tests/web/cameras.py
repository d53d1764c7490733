"""A station's cameras on the pages: hours in which they saw, were blind, or looked elsewhere."""

from otorongo.hub.ingest import accept
from otorongo.wire.codes import CameraFlag
from otorongo.wire.rows import Seeing
from tests.hub.fakes import Card, mapping
from tests.web.conftest import Hub

HOUR_MS = 3_600_000


def hours(hub: Hub, station: str = "K-03") -> None:
    """Three hours of a camera: well, half of it covered, and behind a web and turned."""
    card, now_ms = Card(station, 78), hub.clock()
    card.put(Seeing(HOUR_MS, 2, HOUR_MS, 0, 7200, 96, 101))
    card.put(Seeing(2 * HOUR_MS, 2, HOUR_MS, 2_400_000, 7188, 61, 90, 0, 0, int(CameraFlag.BLOCKED)))
    flags = int(CameraFlag.WEB | CameraFlag.MOVED | CameraFlag.TILTED)
    card.put(Seeing(3 * HOUR_MS, 2, HOUR_MS, 0, 1, 44, 62, 52, -70, flags))
    payload = card.batch(clock=mapping(1, now_ms - 3 * HOUR_MS))
    assert accept(hub.store, hub.seeded.rules, station, payload, now_ms) is not None
