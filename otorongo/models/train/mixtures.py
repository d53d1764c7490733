"""Training mixtures: events at a distance over a background, with what can still be heard as their labels.

    python -m otorongo.models.train.mixtures --count 24000 --teacher ../shared/weights/yamnet_spectra_in.tflite

A class is positive where its spectrogram stands above everything else in enough of the window, and unknown where it
drowns or its recording is silent: a network must not be taught to hear what is not there. Recordings are played faster
and slower, for nine saws are few. One in five stays as recorded, for that is how sets are tested. Chunks that are there
already are kept.
"""

import argparse
import io
import json
import multiprocessing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from tqdm import tqdm

from otorongo.models.manifest import SoundInput
from otorongo.models.mel import Spectrogram
from otorongo.models.train import scenes
from otorongo.models.train.draws import (
    BRIEF,
    DRAW,
    HARD,
    LOOKALIKES,
    NATURE,
    RENDERED,
    RENDERED_BEDS,
    TROPICAL,
)
from otorongo.models.train.labels import CLASSES, TRAINED_AS, meaning
from otorongo.models.train.machines import shaped_noise

INPUT = SoundInput(
    rate_hz=16_000, window_s=3.0, hop_s=1.5, n_fft=1024, stft_hop=320, n_mels=80, fmin_hz=30.0, fmax_hz=7600.0,
    level="window_mean", scale_db=20.0, short="silence",
)  # fmt: skip
RATE_HZ = INPUT.rate_hz
WINDOW = INPUT.window_samples
CHUNK = 500

FAINT_DB = 30.0
MUFFLED, CROWD = 0.07, 0.3
"""Share of windows under a wet or blocked microphone, and of voices that are many."""
PLAIN = 0.2
"""Share of windows that stay as recorded, without background or distance."""

LOWEST_DB, STEP_DB = -100.0, 0.5
"""Spectrograms are kept as u8: dB = LOWEST_DB + STEP_DB * value."""


@dataclass(frozen=True)
class Clip:
    """Sound (n,) with what is in it."""

    sound: np.ndarray
    positive: frozenset[str]
    unknown: frozenset[str]
    rendered: bool
    loudest: float = 0.0
    """Of all its windows."""
    near: bool = False
    """Sounds only at the microphone: it has no distance."""
    alike: bool = False
    """A rendered voice that is taken for a threat (LOOKALIKES)."""


class Shelf:
    """The recordings of one split, and a bank of rendered voices."""

    def __init__(self, data: Path, split: str, bank_seed: int, bank_size: int = 40) -> None:
        sounds = np.load(data / "sounds.npy", mmap_mode="r")
        index = [row for row in json.loads((data / "catalogue.json").read_text()) if row["split"] == split]
        self.real: dict[str, dict[str, list[Clip]]] = {name: {} for name in CLASSES}
        self.hard: dict[str, dict[str, list[Clip]]] = {}
        self.beds: dict[str, list[Clip]] = {}
        self.every: dict[str, list[Clip]] = {}
        for row in index:
            positive, unknown = meaning(TRAINED_AS.get(row["label"], row["label"]))
            sound = sounds[row["start"] : row["start"] + row["count"]]
            clip = Clip(sound, positive, unknown, rendered=False, loudest=_loudest(sound))
            self.every.setdefault(row["recording"], []).append(clip)
            for name in positive:
                self.real[name].setdefault(row["recording"], []).append(clip)
            if row["label"].startswith(("background_n", "background_t", "forest")) or positive & set(NATURE):
                self.beds.setdefault(row["recording"], []).append(clip)
            if row["label"] in HARD:
                self.hard.setdefault(row["label"], {}).setdefault(row["recording"], []).append(clip)
        self.tropical = [takes for label in TROPICAL for _, takes in sorted(self.hard.get(label, {}).items())]
        self.rendered: dict[str, list[Clip]] = {}
        for voice, (positive_words, unknown_words) in RENDERED.items():
            positive, unknown = frozenset(positive_words.split()), frozenset(unknown_words.split())
            for number in range(bank_size):
                seconds = 3.0 if voice == "gunshot" else 10.0
                sound = scenes.VOICES[voice](seconds, RATE_HZ, bank_seed * 100_003 + number * 101 + len(voice))
                clip = Clip(
                    sound, positive, unknown, rendered=True, near=voice in scenes.EVERYWHERE, alike=voice in LOOKALIKES
                )
                for name in (*positive, *(["lookalike"] if voice in LOOKALIKES else [])):
                    self.rendered.setdefault(name, []).append(clip)
        self.rendered_beds = [
            Clip(scenes.bed(name, 10.0, RATE_HZ, bank_seed * 1009 + number), positive, unknown, rendered=True)
            for number in range(bank_size)
            for name, (positive, unknown) in RENDERED_BEDS.items()
        ]

    def draw(self, name: str, rendered_share: float, rng: np.random.Generator) -> Clip:
        """A clip of a class: recordings are equally likely whatever their number of files."""
        recordings = self.real.get(name, {})
        if name == "hard" or (name == "lookalike" and name not in self.rendered):  # nothing rendered: second_sound
            labels = [label for label in HARD if label in self.hard]
            recordings = self.hard[labels[rng.integers(len(labels))]]
        if name in self.rendered and (not recordings or rng.random() < rendered_share):
            return self.rendered[name][rng.integers(len(self.rendered[name]))]
        takes = recordings[sorted(recordings)[rng.integers(len(recordings))]]
        return takes[rng.integers(len(takes))]

    def bed(self, rng: np.random.Generator) -> Clip:
        """A background clip; one in four is a chorus of insects or a tropical forest, one in nine rendered."""
        if self.tropical and rng.random() < 0.25:
            takes = self.tropical[rng.integers(len(self.tropical))]
        elif rng.random() < 0.15:
            takes = self.rendered_beds
        else:
            takes = self.beds[sorted(self.beds)[rng.integers(len(self.beds))]]
        return takes[rng.integers(len(takes))]


def crop(clip: Clip, rng: np.random.Generator, *, whole: bool = False) -> tuple[np.ndarray, Clip]:
    """One window of a clip, its loudest part at about unit level, and what can be said to be in it.

    Long clips: the louder of two random cuts. Short ones: at a random place in silence; `whole` repeats them instead.
    Two in three are played faster or slower. Of a cut FAINT_DB below the loudest it is not known what it holds.
    """
    speed = float(np.exp(np.clip(rng.normal(0, 0.13), -0.3, 0.3))) if rng.random() < 0.67 else 1.0
    size, sound = round(WINDOW * speed), clip.sound
    if len(sound) > size:
        starts = rng.integers(0, len(sound) - size, 2)
        cuts = [np.asarray(sound[start : start + size], np.float32) for start in starts]
        out = _at_speed(max(cuts, key=lambda cut: float(np.mean(cut**2))), speed)
    elif whole:
        out = _at_speed(np.resize(np.asarray(sound, np.float32), size), speed)
    else:
        short = _at_speed(np.asarray(sound, np.float32), speed)[:WINDOW]
        out = np.zeros(WINDOW, np.float32)
        start = int(rng.integers(0, WINDOW - len(short) + 1))
        out[start : start + len(short)] = short
    out = np.pad(out[:WINDOW], (0, max(0, WINDOW - len(out))))
    level = loudness(out)
    if level < clip.loudest * 10 ** (-FAINT_DB / 20):
        clip = replace(clip, positive=frozenset(), unknown=clip.positive | clip.unknown)
    return out / (level + 1e-9), clip


def _at_speed(sound: np.ndarray, speed: float) -> np.ndarray:
    return sound if speed == 1.0 else np.asarray(soxr.resample(sound, speed * RATE_HZ, RATE_HZ, quality="LQ"))


def _loudest(sound: np.ndarray) -> float:
    """Loudness of the loudest window of int16 samples, as `crop` cuts them."""
    starts = range(0, max(1, len(sound) - WINDOW + 1), WINDOW // 2)
    return max(loudness(np.asarray(sound[start : start + WINDOW], np.float32)) for start in starts)


def loudness(sound: np.ndarray) -> float:
    """Root mean square of the louder tenth of 30 ms blocks, at most 12 dB below the loudest block."""
    blocks = sound[: len(sound) // 480 * 480].reshape(-1, 480)
    levels = np.sqrt(np.mean(blocks**2, axis=1))
    if not len(levels):
        return float(np.abs(sound).max(initial=0.0))
    return float(max(np.quantile(levels, 0.9), 0.25 * levels.max()))


class Mixer:
    """Draws one mixture at a time, from a seed."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.front = Spectrogram(INPUT)

    def mixture(self, seed: int) -> tuple[np.ndarray, np.ndarray, bool]:
        """Sound (WINDOW,), labels (classes,) of 1, 0 and -1 for unknown, and whether a lookalike is in it."""
        rng = np.random.default_rng(seed)
        layers: list[tuple[np.ndarray, Clip]] = []
        if rng.random() < PLAIN:
            layers.append(self._plain(rng))
            floor = 10 ** (-rng.uniform(35, 65) / 20) * (rng.random() < 0.5)
        else:
            kind = rng.random()
            if kind < 0.62:
                layers.append(crop(self.shelf.bed(rng), rng, whole=True))
            elif kind < 0.80:
                layers.append(crop(self.shelf.draw(NATURE[rng.integers(len(NATURE))], 0.5, rng), rng, whole=True))
            events = rng.choice([0, 1, 2], p=[0.15, 0.63, 0.22] if layers else [0.05, 0.78, 0.17])
            layers += [self._event(rng) for _ in range(events)]
            floor = 10 ** (-rng.uniform(15, 55) / 20)
        curve: list[tuple[float, float]] = [
            (20, rng.uniform(-6, 25)),
            (80, rng.uniform(-3, 15)),
            (300, 0),
            (2000, rng.uniform(-10, 3)),
            (8000, rng.uniform(-20, 3)),
        ]
        noise = (floor * shaped_noise(WINDOW, RATE_HZ, rng, curve)).astype(np.float32)
        if rng.random() < MUFFLED:
            layers = muffled(layers, rng)
            noise *= np.float32(10 ** (rng.uniform(0, 25) / 20))
        labels = self._labels(layers, noise)
        sound = np.sum([noise, *(layer for layer, _ in layers)], axis=0)
        return _degrade(sound.astype(np.float32), rng), labels, any(clip.alike for _, clip in layers)

    def _plain(self, rng: np.random.Generator) -> tuple[np.ndarray, Clip]:
        """A recording as it is: of a class, or any recording at all."""
        if rng.random() < 0.35:
            takes = self.shelf.every[sorted(self.shelf.every)[rng.integers(len(self.shelf.every))]]
            return crop(takes[rng.integers(len(takes))], rng)
        return crop(self.shelf.draw(self._name(rng), 0.0, rng), rng)

    def _name(self, rng: np.random.Generator) -> str:
        weights = np.array([share for share, _ in DRAW.values()])
        return list(DRAW)[rng.choice(len(DRAW), p=weights / weights.sum())]

    def _event(self, rng: np.random.Generator) -> tuple[np.ndarray, Clip]:
        name = self._name(rng)
        sound, clip = crop(self.shelf.draw(name, DRAW[name][1], rng), rng)
        if name == "speech" and rng.random() < CROWD:
            sound = self._crowd(sound, rng)
        # A recording has its own distance already: most are left as they are.
        if not clip.near and rng.random() < (0.85 if clip.rendered else 0.45):
            far = scenes.at_distance(
                sound, RATE_HZ, float(np.exp(rng.uniform(np.log(10), np.log(700)))), int(rng.integers(1 << 31))
            )
            sound = far[:WINDOW] / (loudness(far[:WINDOW]) + 1e-9)
        if rng.random() < 0.2 and name in ("chainsaw", "engine", "aircraft", "hard"):
            edge = int(rng.uniform(0.1, 0.6) * WINDOW)
            sound = sound * (np.arange(WINDOW) < edge if rng.random() < 0.5 else np.arange(WINDOW) >= WINDOW - edge)
        snr_db = rng.uniform(-12, 28) if name != "gunshot" else rng.uniform(-4, 34)
        return (sound * 10 ** (snr_db / 20)).astype(np.float32), clip

    def _crowd(self, voice: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A voice (WINDOW,) among two to seven others."""
        for _ in range(rng.integers(2, 8)):
            other, _ = crop(self.shelf.draw("speech", 0.0, rng), rng)
            voice = voice + other * 10 ** (-rng.uniform(0, 12) / 20)
        return voice / (loudness(voice) + 1e-9)

    def _labels(self, layers: list[tuple[np.ndarray, Clip]], noise: np.ndarray) -> np.ndarray:
        labels = np.zeros(len(CLASSES), np.int8)
        spectra = [self._power(layer) for layer, _ in layers]
        rest = np.sum([*spectra, self._power(noise)], axis=0)
        for (_, clip), own in zip(layers, spectra, strict=True):
            above = float(np.mean(own > 1.0 * (rest - own) + 1e-12))
            for place, name in enumerate(CLASSES):
                few = 0.006 if name in BRIEF else 0.03
                if name in clip.positive and above >= few:
                    labels[place] = 1
                elif (name in clip.positive or (name in clip.unknown and above >= few / 8)) and labels[place] == 0:
                    labels[place] = -1
        return labels

    def _power(self, sound: np.ndarray) -> np.ndarray:
        # Coarse in time: a quarter of the frames is enough to say what stands out.
        frames = np.lib.stride_tricks.sliding_window_view(sound, INPUT.n_fft)[:: 2 * INPUT.stft_hop]
        spectrum = np.fft.rfft(frames * self.front._window)  # noqa: SLF001
        return (spectrum.real**2 + spectrum.imag**2) @ self.front._bank.T  # noqa: SLF001


def muffled(layers: list[tuple[np.ndarray, Clip]], rng: np.random.Generator) -> list[tuple[np.ndarray, Clip]]:
    """What a wet or blocked membrane lets through of each layer (WINDOW,): the high part is lost, its own noise stays.

    Water on the membrane is mass: it falls 6 to 12 dB an octave from 400 Hz to 3 kHz. Mud or a nest falls 12 to 24 dB
    from 120 to 900 Hz.
    """
    wet = rng.random() < 0.6
    corner_hz = np.exp(rng.uniform(*np.log((400, 3000) if wet else (120, 900))))
    fall_db = rng.uniform(6, 12) if wet else rng.uniform(12, 24)
    bins_hz = np.maximum(np.fft.rfftfreq(WINDOW, 1 / RATE_HZ), 20)
    passed = 10 ** (-fall_db * np.maximum(0, np.log2(bins_hz / corner_hz)) / 20)
    return [(np.fft.irfft(np.fft.rfft(sound) * passed, WINDOW).astype(np.float32), clip) for sound, clip in layers]


def _degrade(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Microphone, gain, clipping and codec: sets differ in them, and the network must not learn the set."""
    spectrum = np.fft.rfft(sound)
    bins_hz = np.maximum(np.fft.rfftfreq(len(sound), 1 / RATE_HZ), 20)
    points_hz = np.geomspace(20, 8000, 8)
    curve_db = np.interp(np.log(bins_hz), np.log(points_hz), rng.normal(0, 3.0, 8))
    if rng.random() < 0.35:
        curve_db -= 24 * np.maximum(0, np.log2(bins_hz / rng.uniform(2500, 7500)))
    if rng.random() < 0.3:
        curve_db -= 18 * np.maximum(0, np.log2(rng.uniform(40, 250) / bins_hz))
    sound = np.fft.irfft(spectrum * 10 ** (curve_db / 20), len(sound))
    peak = np.abs(sound).max() + 1e-9
    over = rng.uniform(1.0, 3.0) if rng.random() < 0.08 else 10 ** (-rng.uniform(0, 40) / 20)
    sound = np.clip(sound / peak * over, -1, 1).astype(np.float32)
    if rng.random() < 0.12:
        sound = _through_codec(sound, rng)
    return np.round(sound * 32767).astype(np.float32) / 32767


def _through_codec(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    memory = io.BytesIO()
    container, subtype = (("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"))[rng.integers(3)]
    soundfile.write(memory, 0.9 * sound, RATE_HZ, format=container, subtype=subtype)
    memory.seek(0)
    back, _ = soundfile.read(memory, dtype="float32")
    return np.resize(back, len(sound)) if len(back) < len(sound) else back[: len(sound)]


_worker: dict[str, Any] = {}


def _start(data: Path, split: str, teacher: Path | None) -> None:
    _worker["mixer"] = Mixer(Shelf(data, split, bank_seed={"train": 1, "calibrate": 2, "test": 3}[split]))
    _worker["teacher"] = None
    if teacher is not None:
        from otorongo.models.train.teacher import Teacher

        _worker["teacher"] = Teacher(teacher)


def _chunk(job: tuple[int, Path]) -> None:
    number, path = job
    mixer, teacher = _worker["mixer"], _worker["teacher"]
    mels, labels, alike, opinions, inner = [], [], [], [], []
    for offset in range(CHUNK):
        sound, label, like = mixer.mixture(number * CHUNK + offset)
        alike.append(like)
        decibels = mixer.front.decibels(sound)
        mels.append(np.clip(np.round((decibels - LOWEST_DB) / STEP_DB), 0, 255).astype(np.uint8))
        labels.append(label)
        if teacher is not None:
            logits, embedding = teacher.opinion(sound)
            opinions.append(logits.astype(np.float16))
            inner.append(embedding.astype(np.float16))
    part = path.with_suffix(".part.npz")
    told, inside = np.array(opinions, np.float16), np.array(inner, np.float16)
    np.savez(part, mel=np.stack(mels), label=np.stack(labels), alike=alike, teacher=told, embedding=inside)
    part.replace(path)


def missing(folder: Path, count: int) -> list[tuple[int, Path]]:
    """Number and file of each chunk of `count` mixtures that is not there; a half-written one is not."""
    jobs = [(number, folder / f"{number:05}.npz") for number in range(-(-count // CHUNK))]
    return [job for job in jobs if not job[1].exists()]


def main() -> None:
    """Write chunks of CHUNK mixtures; chunks that are there already are kept."""
    parser = argparse.ArgumentParser(
        prog="python -m otorongo.models.train.mixtures", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--data", type=Path, default=Path("var/train"))
    parser.add_argument("--split", choices=["train", "calibrate", "test"], default="train")
    parser.add_argument("--count", type=int, default=24_000)
    parser.add_argument("--teacher", type=Path, help="yamnet_spectra_in.tflite; without it nothing is imitated")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    folder = given.data / f"mixtures-{given.split}"
    folder.mkdir(parents=True, exist_ok=True)
    jobs = missing(folder, given.count)
    with multiprocessing.get_context("spawn").Pool(
        given.processes, _start, (given.data, given.split, given.teacher)
    ) as pool:
        for _ in tqdm(pool.imap_unordered(_chunk, jobs), total=len(jobs), desc=f"mix {given.split}"):
            pass


if __name__ == "__main__":
    main()
