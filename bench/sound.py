"""The sound path: what the microphone process costs for each second of sound, beside librosa and the bare network.

The process runs twice: as the service launches it, and with one thread a library from outside. The two are alike as
long as it sees to that itself: numpy's own threads can cost ten times the work. Calls that are compared take turns, so
that a busy machine is as unkind to each of them.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

import numpy as np
import soundfile

from bench.child import python, run
from bench.line import Line
from otorongo.models.manifest import load
from otorongo.models.mel import Array, Spectrogram
from otorongo.models.runtime import Session
from otorongo.models.sound import SoundClassifier
from otorongo.models.train.scenes import Source, render_soundscape

RATE = 16_000
SHORT_S, LONG_S = 60.0, 300.0
TIMES = 3
Work = Callable[[], object]


def measure() -> list[Line]:
    """CPU per second of sound, memory, and the parts of one window."""
    return [*_processes(), *_parts()]


def _processes() -> list[Line]:
    scene = render_soundscape([Source("chainsaw", start_s=20, seconds=30)], SHORT_S, RATE, seed=4)
    costs: dict[bool, list[float]] = {False: [], True: []}
    memory: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(TIMES):
        for one_thread in (False, True):
            short_s, _mb = _process(scene, SHORT_S, one_thread)
            long_s, mb = _process(scene, LONG_S, one_thread)
            costs[one_thread].append((long_s - short_s) / (LONG_S - SHORT_S) * 1000)
            memory[one_thread].append(mb)
    launched, single = median(costs[False]), median(costs[True])
    return [
        Line(
            "sound: process as launched, CPU per second of sound",
            f"{launched:.1f} ms",
            f"one thread {single:.1f} ms ({launched / single:.1f}x); after start-up, every window classified",
        ),
        Line("sound: process as launched, largest memory", f"{median(memory[False]):.0f} MB"),
    ]


def _process(scene: Array, seconds: float, one_thread: bool) -> tuple[float, float]:
    """CPU seconds and MB of `sense microphone` over a rendered recording, as fast as possible."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sounds = folder / "sounds"
        sounds.mkdir()
        soundfile.write(sounds / "20260111_170000.wav", np.tile(scene, round(seconds / SHORT_S)), RATE)
        config = folder / "station.toml"
        config.write_text(
            f'station = "bench"\ndata_dir = "{folder / "data"}"\n[microphone]\ndriver = "replay"\ndevice = "{sounds}"\n'
            "[microphone.replay]\nspeed = 0.0\n"
        )
        program = [sys.executable, "-m", "otorongo.station", "--config", str(config), "-v", "sense", "microphone"]
        took = run(program, one_thread=one_thread)
        scored, wanted = took.said.count("scored: taken in"), _windows(seconds)
        assert scored == wanted, f"{scored} of {wanted} windows were classified"
        return took.cpu_s, took.rss_mb


def _windows(seconds: float) -> int:
    given = load("threats@5").manifest.sound
    assert given is not None
    return int((seconds - given.window_s) / given.hop_s) + 1


def _parts() -> list[Line]:
    bundle = load("threats@5")
    given = bundle.manifest.sound
    assert given is not None
    window, works = log_mels()
    front, session, classifier = Spectrogram(given), Session(bundle.path("model")), SoundClassifier(bundle)
    tensor = front.tensor(window)
    works["network"] = lambda: session.run(tensor)
    works["whole"] = lambda: classifier.scores(window, given.rate_hz)
    ms = cpu_ms(works)
    script = "import json; from bench.sound import cpu_ms, log_mels; print(json.dumps(cpu_ms(log_mels()[1])))"
    alone = json.loads(python(script, one_thread=True).said.splitlines()[-1])
    return [
        _beside_librosa("in a fresh process", alone),
        _beside_librosa("between runs of the network", ms),
        Line(
            "sound: one window to calibrated scores, CPU",
            f"{ms['whole']:.2f} ms",
            f"network alone {ms['network']:.2f} ms ({ms['network'] / ms['whole']:.1f}x)",
        ),
    ]


def _beside_librosa(where: str, ms: Mapping[str, float]) -> Line:
    """Told twice, because where the allocator has the large arrays from changes who is faster."""
    ours, called, kept = ms["ours"], ms["called"], ms["kept"]
    beside = f"librosa {called:.2f} ms ({called / ours:.1f}x), its filters kept {kept:.2f} ms ({kept / ours:.1f}x)"
    return Line(f"sound: log-mel of a window, CPU, {where}", f"{ours:.2f} ms", beside)


def cpu_ms(works: Mapping[str, Work], times: int = 100) -> dict[str, float]:
    """Median CPU ms of each call; they take turns, each once before the clock runs."""
    took: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    for _ in range(times):
        for name, work in works.items():
            began = time.process_time()
            work()
            took[name].append((time.process_time() - began) * 1000)
    return {name: median(each) for name, each in took.items()}


def log_mels() -> tuple[Array, dict[str, Work]]:
    """A window, and calls that make its log-mel: ours, librosa's (filters made anew), and that with filters kept."""
    import librosa

    given = load("threats@5").manifest.sound
    assert given is not None
    window = np.random.default_rng(1).normal(0, 0.05, given.window_samples).astype(np.float32)
    front = Spectrogram(given)
    rate, n_fft, hop, mels = given.rate_hz, given.n_fft, given.stft_hop, given.n_mels
    low, high = given.fmin_hz, given.fmax_hz
    filters = librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=mels, fmin=low, fmax=high)

    def called() -> object:
        power = librosa.feature.melspectrogram(
            y=window, sr=rate, n_fft=n_fft, hop_length=hop, n_mels=mels, fmin=low, fmax=high
        )
        return librosa.power_to_db(power, top_db=given.top_db)

    def kept() -> object:
        spectrum = librosa.stft(window, n_fft=n_fft, hop_length=hop)
        return librosa.power_to_db(filters @ np.abs(spectrum) ** 2, top_db=given.top_db)

    return window, {"ours": lambda: front.decibels(window), "called": called, "kept": kept}
