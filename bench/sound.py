"""The sound path: what the microphone process costs for each second of sound, beside librosa and the bare network."""

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import soundfile

from bench.child import run
from bench.line import Line
from otorongo.models.manifest import load
from otorongo.models.mel import Spectrogram
from otorongo.models.runtime import Session
from otorongo.models.sound import SoundClassifier
from otorongo.models.train.scenes import Source, render_soundscape

RATE = 16_000
SECONDS = 300.0


def _process(seconds: float) -> tuple[float, float]:
    """CPU seconds and MB of `sense microphone` over a rendered recording."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sounds = folder / "sounds"
        sounds.mkdir()
        scene = render_soundscape([Source("chainsaw", start_s=20, seconds=30)], 60.0, RATE, seed=4)
        whole = np.tile(scene, max(1, round(seconds / 60)))
        soundfile.write(sounds / "20260111_170000.flac", whole, RATE)
        (folder / "station.toml").write_text(
            f'station = "bench"\ndata_dir = "{folder / "data"}"\n[microphone]\ndriver = "replay"\ndevice = "{sounds}"\n'
            "[microphone.replay]\nspeed = 0.0\n"
        )
        took = run(
            [sys.executable, "-m", "otorongo.station", "--config", str(folder / "station.toml"), "sense", "microphone"]
        )
        return took.cpu_s, took.rss_mb


def _cpu_ms(work: object, times: int = 60) -> float:
    """Median CPU ms of a call."""
    assert callable(work)
    out = []
    for _ in range(times):
        began = time.process_time()
        work()
        out.append((time.process_time() - began) * 1000)
    return median(out)


def measure() -> list[Line]:
    """CPU per second of sound, memory, and the parts of one window."""
    short, _ = _process(60.0)
    long, rss_mb = _process(SECONDS)
    a_second = (long - short) / (SECONDS - 60.0) * 1000
    bundle = load("threats@1")
    given = bundle.manifest.sound
    assert given is not None
    window = np.random.default_rng(1).normal(0, 0.05, given.window_samples).astype(np.float32)
    front = Spectrogram(given)
    session = Session(bundle.path("model"))
    tensor = front.tensor(window)
    classifier = SoundClassifier(bundle)
    ours, network = _cpu_ms(lambda: front.tensor(window)), _cpu_ms(lambda: session.run(tensor))
    whole = _cpu_ms(lambda: classifier.scores(window, given.rate_hz))
    theirs = _librosa_ms(window, given.rate_hz, given.n_fft, given.stft_hop, given.n_mels)
    load_ = f"{a_second / 10:.2f} % of a core; windows of {given.window_s:g} s every {given.hop_s:g} s"
    return [
        Line("sound: process, CPU ms per second of sound", f"{a_second:.1f} ms", load_),
        Line("sound: process, largest memory", f"{rss_mb:.0f} MB", "one thread"),
        Line("sound: log-mel of one window", f"{ours:.2f} ms CPU", f"librosa {theirs:.2f} ms ({theirs / ours:.1f}x)"),
        Line("sound: one window, gate to scores", f"{whole:.2f} ms CPU", f"network alone {network:.2f} ms"),
    ]


def _librosa_ms(
    window: np.ndarray[tuple[int, ...], np.dtype[np.float32]], rate: int, n_fft: int, hop: int, mels: int
) -> float:
    import librosa

    def work() -> None:
        power = librosa.feature.melspectrogram(y=window, sr=rate, n_fft=n_fft, hop_length=hop, n_mels=mels)
        librosa.power_to_db(power)

    work()
    return _cpu_ms(work, 30)
