"""How well combs are found and shapes told: on every recording there is, and on rendered machines whose truth is known.

    python -m otorongo.models.train.evaluate_engines --data var/train --out var/engines.md

Nobody has labelled minutes of dredges, boats or howlers. What rests on rendered sound says so; of real recordings the
table shows what was found, and a person judges.
"""

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from otorongo.models import engines, shapes
from otorongo.models.comb import Comb
from otorongo.models.engines import Point, Tracker
from otorongo.models.train import machines, nature, scenes
from otorongo.models.train.machines import Array

RATE_HZ = 16_000
HOP_MS = 1500
MACHINES = (shapes.STEADY, shapes.SAW, shapes.BOAT, shapes.TRUCK, shapes.ENGINE)
BEDS = ("forest_background", "background_natural", "birds", "wind")
"""Real backgrounds for rendered machines; those with a comb of their own (aircraft passed by) are left out."""


@dataclass(frozen=True)
class Truth:
    """A rendered machine and what it is."""

    sound: Array
    cycle_hz: float
    """Slowest comb that it truly has; 0: changes."""
    firing_hz: float
    shape: str
    within: float = 0.02
    """So far may f0 be from that: speeds wander, and Doppler moves them."""


def heard(comb: Comb, sound: Array) -> list[Point]:
    """The path of a whole recording."""
    state = Tracker()
    for at in range(0, len(sound) - comb.size + 1, comb.size):
        frame = comb.frame(sound[at : at + comb.size])
        state = engines.follow(state, at * 1000 // RATE_HZ + HOP_MS, frame)
    return engines.points(state)


def longest(path: Sequence[Point]) -> shapes.Verdict:
    """The verdict on the longest bout."""
    return shapes.judge(max(engines.bouts(path), key=len, default=[]))


def passing(sound: Array, rate_hz: int, speed_m_s: float, nearest_m: float) -> Array:
    """Sound (n,) of a source on a straight line, nearest half-way: Doppler, and its level beside that when nearest."""
    time_s = np.arange(len(sound)) / rate_hz
    distance_m = np.hypot(nearest_m, speed_m_s * (time_s - time_s[-1] / 2))
    sent_s = time_s - (distance_m - distance_m[0]) / 343.0
    return (np.interp(sent_s, time_s, sound) * nearest_m / distance_m).astype(np.float32)


def rendered(kind: str, seconds: float, seed: int) -> Truth:
    """A machine at 1 m with its truth. Raises KeyError for an unknown kind."""
    rng = np.random.default_rng(1000 + seed)
    if kind == "dredge":
        cylinders, rpm = int(rng.choice([1, 2, 3, 4, 6])), rng.uniform(1500, 2200)
        sound = machines.dredge(seconds, RATE_HZ, seed, rpm=rpm, cylinders=cylinders)
        return Truth(sound, rpm / 120, cylinders * rpm / 120, shapes.STEADY)
    if kind == "generator":
        rpm = float(rng.choice([1500.0, 1800.0, 3600.0]))
        sound = machines.diesel(seconds, RATE_HZ, seed, rpm=rpm, cylinders=1)
        return Truth(sound, rpm / 120, rpm / 120, shapes.STEADY)
    if kind == "peque_peque":
        firing_hz = float(np.random.default_rng(seed).uniform(17, 32))  # as the voice draws it
        boat = passing(machines.peque_peque(seconds, RATE_HZ, seed), RATE_HZ, rng.uniform(3, 8), 60.0)
        return Truth(boat, firing_hz, firing_hz, shapes.BOAT, 0.06)
    if kind == "saw":
        return Truth(machines.chainsaw(seconds, RATE_HZ, seed), 0.0, 0.0, shapes.SAW)
    if kind == "truck":
        return Truth(machines.lorry(seconds, RATE_HZ, seed), 0.0, 0.0, shapes.TRUCK)
    voices: dict[str, Callable[[float, int, int], Array]] = {
        "howler": nature.howler, "frogs": nature.frogs, "bee": nature.bee, "wasp": nature.wasp,
        "hummingbird": nature.hummingbird, "curassow": nature.curassow,
    }  # fmt: skip
    return Truth(voices[kind](seconds, RATE_HZ, seed), 0.0, 0.0, shapes.NONE)


def right(f0_hz: float, truth: Truth) -> str:
    """`right` near the cycle or a multiple of it that divides the firing; `octave`, or `wrong`."""
    orders = max(1, round(truth.firing_hz / truth.cycle_hz))
    for order in range(1, orders + 1):
        if orders % order == 0 and abs(f0_hz / (truth.cycle_hz * order) - 1) <= truth.within:
            return "right"
    for part in (2, 3, 4, 5):
        for hz in (truth.cycle_hz, truth.firing_hz):
            if min(abs(f0_hz / (hz * part) - 1), abs(f0_hz * part / hz - 1)) <= truth.within:
                return "octave"
    return "wrong"


def on_rendered(beds: list[Array], seeds: int) -> Iterator[str]:
    """Table of rendered machines, by distance and signal-to-noise ratio in the band of 40 to 1,200 Hz."""
    comb = Comb(RATE_HZ)
    yield "| rendered | m | dB | scenes | shape right | other shapes | frames with a comb | f0 right | octave | wrong |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for kind in (
        "dredge",
        "generator",
        "peque_peque",
        "saw",
        "truck",
        "howler",
        "frogs",
        "bee",
        "wasp",
        "hummingbird",
        "curassow",
    ):
        for distance_m, snr_db in ((50.0, 20.0), (300.0, 10.0), (300.0, 0.0), (800.0, 0.0), (800.0, -5.0)):
            found: Counter[str] = Counter()
            spacing: Counter[str] = Counter()
            frames = 0
            for seed in range(seeds):
                truth = rendered(kind, 180.0, seed)
                sound = scenes.at_distance(truth.sound, RATE_HZ, distance_m, seed)[: len(truth.sound)]
                path = heard(comb, mixed(sound, beds[seed % len(beds)], snr_db))
                found[longest(path).shape] += 1
                frames += len(path)
                for point in path:
                    if point.f0_hz:
                        spacing[right(point.f0_hz, truth) if truth.cycle_hz else "comb"] += 1
            good = sum(n for shape, n in found.items() if _fits(shape, truth.shape))
            rest = ", ".join(f"{shape} {n}" for shape, n in found.most_common() if not _fits(shape, truth.shape))
            combs = sum(spacing.values())
            parts = " | ".join(
                f"{spacing[name] / combs:.1%}" if combs and truth.cycle_hz else "-"
                for name in ("right", "octave", "wrong")
            )
            yield (
                f"| {kind} | {distance_m:.0f} | {snr_db:.0f} | {seeds} | {good} | {rest} "
                f"| {combs / max(1, frames):.0%} | {parts} |"
            )


def _fits(shape: str, wanted: str) -> bool:
    return shape == wanted or (wanted == shapes.NONE and shape not in MACHINES)


def mixed(sound: Array, bed: Array, snr_db: float) -> Array:
    """A machine over a bed (repeated), by their powers between 40 and 1,200 Hz in the machine's loudest third."""
    third = len(sound) // 3
    loud = max(_band_power(sound[at : at + third]) for at in (0, third, 2 * third))
    bed = np.resize(bed, len(sound))
    gain = np.sqrt(_band_power(bed) / max(loud, 1e-20)) * 10 ** (snr_db / 20)
    out = sound * gain + bed
    return (out * 0.3 / max(float(np.abs(out).max()), 1e-9)).astype(np.float32)


def _band_power(sound: Array) -> float:
    series = np.fft.rfft(sound)
    hz = np.fft.rfftfreq(len(sound), 1 / RATE_HZ)
    return float(np.sum(np.abs(series[(hz >= 40) & (hz <= 1200)]) ** 2) / len(sound) ** 2 + 1e-20)


def on_real(recordings: dict[tuple[str, str], Array]) -> Iterator[str]:
    """Table of real recordings, by label: what was found, and which shapes of the bouts of 18 s and more."""
    comb = Comb(RATE_HZ)
    by_label: dict[str, list[list[Point]]] = defaultdict(list)
    for (label, _), sound in recordings.items():
        if len(sound) >= 2 * comb.size:
            by_label[label].append(heard(comb, sound))
    yield "| real | recordings | minutes | frames with a comb | score | harmonicity dB | f0 10 / 50 / 90 % | bouts |"
    yield "|---|---|---|---|---|---|---|---|"
    for label, paths in sorted(by_label.items()):
        every = [point for path in paths for point in path]
        combs = [point for point in every if point.f0_hz]
        found = Counter(verdict.shape for path in paths if (verdict := longest(path)).shape != shapes.NONE)
        f0 = " / ".join(f"{hz:.0f}" for hz in np.quantile([p.f0_hz for p in combs], (0.1, 0.5, 0.9))) if combs else "-"
        strength = [
            f"{np.median([getattr(p, name) for p in combs]):.1f}" for name in ("score", "harmonicity_db") if combs
        ]
        yield (
            f"| {label} | {len(paths)} | {len(every) * HOP_MS / 60_000:.1f} | {len(combs) / max(1, len(every)):.0%} | "
            f"{' | '.join(strength or ['-', '-'])} | {f0} | {', '.join(f'{s} {n}' for s, n in found.items()) or '-'} |"
        )


def load(data: Path) -> dict[tuple[str, str], Array]:
    """What `gather` collected, by label and recording; takes of one recording are joined."""
    sounds = np.load(data / "sounds.npy", mmap_mode="r")
    joined: dict[tuple[str, str], list[Array]] = defaultdict(list)
    for each in json.loads((data / "catalogue.json").read_text()):
        piece = sounds[each["start"] : each["start"] + each["count"]].astype(np.float32) / 32768
        label = "bees" if "bee" in Path(each["file"]).stem else each["label"]
        joined[label, each["recording"]].append(piece)
    return {key: np.concatenate(pieces) for key, pieces in joined.items()}


def quiet_beds(recordings: dict[tuple[str, str], Array]) -> list[Array]:
    """Real backgrounds of 9 s and more in which the tracker hears no comb."""
    comb = Comb(RATE_HZ)
    long = [s for (label, _), s in sorted(recordings.items()) if label in BEDS and len(s) >= 9 * RATE_HZ]
    return [sound for sound in long if not any(point.f0_hz for point in heard(comb, sound))]


def main() -> None:
    """Write both tables."""
    parser = argparse.ArgumentParser(
        prog="python -m otorongo.models.train.evaluate_engines", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--data", type=Path, default=Path("var/train"), help="what gather wrote")
    parser.add_argument("--out", type=Path, help="left out: to the screen")
    parser.add_argument("--seeds", type=int, default=12, help="rendered scenes of three minutes for each line")
    given = parser.parse_args()
    recordings = load(given.data)
    beds = quiet_beds(recordings)
    lines = [*on_real(recordings), "", f"Beds: {len(beds)} real backgrounds without a comb.", ""]
    lines += on_rendered(beds, given.seeds)
    text = "\n".join(lines) + "\n"
    if given.out:
        given.out.write_text(text)
    else:
        print(text)


if __name__ == "__main__":
    main()
