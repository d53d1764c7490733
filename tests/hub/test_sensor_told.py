"""What a whole station's birth tells of one sensor, where the sensor's own never came."""

from otorongo.hub import store_stations
from otorongo.hub.belief import NO_RULES
from otorongo.hub.presence import take_birth
from otorongo.hub.store import Store
from otorongo.wire.birth import Birth, Bundle, Sensor, encode
from tests.hub.fakes import NOON_MS


def test_no_sensor_is_told_to_run_the_bundle_of_another(store: Store) -> None:
    """Ears with a second opinion, a camera with names, and one more camera: each has its own, from its place on."""
    names = ("threats", "yamnet", "boxes", "names", "boxes")
    bundles = tuple(Bundle(name, 1, "00" * 32) for name in names)
    sensors = (Sensor(1, "microphone", "alsa", 0), Sensor(2, "camera", "opencv", 2), Sensor(3, "camera", "opencv", 4))
    take_birth(store, NO_RULES, "K-02", encode(Birth(7, 1, "otorongo", bundles, sensors)), NOON_MS)
    with store.read() as tx:
        told = {
            number: store_stations.sensor_of(
                tx, {"station": "K-02", "birth": 4711, "outbox": 7, "boot": 1, "sensor": number}
            )
            for number in (1, 2, 3, 4)
        }
    assert {number: ([one["name"] for one in sensor.bundles], sensor.kind) for number, sensor in told.items()} == {
        1: (["threats", "yamnet"], "microphone"), 2: (["boxes", "names"], "camera"), 3: (["boxes"], "camera"),
        4: ([], ""),
    }  # fmt: skip
