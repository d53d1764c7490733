"""Our ears beside BirdNET and YAMNet: CPU per second of sound, and memory, each in a process of its own, on one thread.

All hear the same rendered minutes at 48 kHz and score every 1.5 s. Ours is the whole microphone process, from the ring
of samples to the event in the outbox, without the clip that is kept; its start is taken away by a short and a long run.
The peers get the sound in memory and do nothing but score it. Each figure is the least of several runs, which take
turns: a busy machine only adds. A peer whose weights are not here is left out, and says so.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from bench.child import Took, python, run
from bench.line import Line
from otorongo.models import add_yamnet, manifest
from otorongo.models.errors import BundleError
from otorongo.models.mel import Array, Spectrogram, resample
from otorongo.models.runtime import open_session
from otorongo.models.train.scenes import Source, render_soundscape

RATE = 48_000
HOP_S = 1.5
SCENE_S, LONG_S = 60.0, 300.0
TIMES = 3
QUIET_DB = -90.0
SHARED = Path(os.environ.get("OTORONGO_SHARED", Path(__file__).parents[2] / "shared"))


def measure() -> list[Line]:
    """Our path, loud and quiet, and each peer that is here."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scene = render_soundscape([Source("chainsaw", start_s=10, seconds=40)], SCENE_S, RATE, seed=4)
        for rate_hz in (16_000, RATE):
            np.save(folder / f"{rate_hz}.npy", resample(scene, RATE, rate_hz))
        ours, rss_mb = _ours(scene, folder)
        quiet, _ = _ours(scene * np.float32(10 ** (QUIET_DB / 20)), folder)
        mel_ms, net_ms = _parts("threats@5", folder)
        parts = f"mel {mel_ms:.2f}, network {net_ms:.2f} ms"
        lines = [
            Line("ears: our whole path, CPU per second of sound", f"{ours:.2f} ms", parts),
            Line("ears: our whole path, largest memory", f"{rss_mb:.0f} MB", "aim: 120 MB"),
            Line("ears: quiet that the gate stops", f"{quiet:.2f} ms", f"{quiet / ours:.0%} of the above; aim: 10 %"),
        ]  # fmt: skip
        for peer, (reference, patches) in PEERS.items():
            lines += _peer(peer, reference, patches, folder, ours)
        return lines


PEERS = {
    "BirdNET v2.4, LiteRT": ("birdnet@1", 1),
    "YAMNet INT8, LiteRT, one patch of 0.96 s each 1.5 s": ("yamnet@1", 1),
    "YAMNet INT8, LiteRT, hearing all (three patches in 3 s)": ("yamnet@1", 3),
}
"""Bundle, and patches of it in a window. One patch leaves a third of the sound unheard, and flatters YAMNet."""


def _ours(scene: Array, folder: Path) -> tuple[float, float]:
    """CPU ms per second of sound and MB of `sense microphone` as fast as possible."""
    runs = [(_process(scene, SCENE_S, folder), _process(scene, LONG_S, folder)) for _ in range(TIMES)]
    short_s, long_s = (min(run[side].cpu_s for run in runs) for side in (0, 1))
    return (long_s - short_s) / (LONG_S - SCENE_S) * 1000, max(long.rss_mb for _, long in runs)


def _process(scene: Array, seconds: float, folder: Path) -> Took:
    with tempfile.TemporaryDirectory(dir=folder) as name:
        sounds = Path(name) / "sounds"
        sounds.mkdir()
        soundfile.write(sounds / "20260111_170000.wav", np.tile(scene, round(seconds / SCENE_S)), RATE, subtype="FLOAT")
        config = Path(name) / "station.toml"
        config.write_text(
            f'station = "bench"\ndata_dir = "{name}/data"\n[microphone]\ndriver = "replay"\ndevice = "{sounds}"\n'
            "clip_s = 0.0\n[microphone.replay]\nspeed = 0.0\n"
        )
        program = [sys.executable, "-m", "otorongo.station", "--config", str(config), "sense", "microphone"]
        return run(program, one_thread=True)


def _parts(reference: str, folder: Path) -> tuple[float, float]:
    """CPU ms per second of sound of front end and network alone."""
    said = _child(reference, 1, folder)
    return said["mel_ms"], said["net_ms"]


def _peer(name: str, reference: str, patches: int, folder: Path, ours: float) -> list[Line]:
    try:
        if reference != "yamnet@1" or not yamnet_file():
            manifest.load(reference)
    except BundleError:
        how = "otorongo-models add " + reference.partition("@")[0]
        return [Line(f"ears: {name}", "not here", f"not measured: {how}, or name its folder in OTORONGO_SHARED")]
    said = _child(reference, patches, folder)
    own = f"mel {said['mel_ms']:.2f}, network {said['net_ms']:.2f} ms" if said["mel_ms"] else "mel inside the network"
    whole = said["mel_ms"] + said["net_ms"]
    return [
        Line(f"ears: {name}", f"{whole:.2f} ms", f"ours {ours:.2f}: 1/{whole / ours:.1f} of it; {own}"),
        Line(f"ears: {name}, largest memory", f"{said['rss_mb']:.0f} MB"),
    ]


def _child(reference: str, patches: int, folder: Path) -> dict[str, float]:
    code = f"from bench.ears import score; score({reference!r}, {patches}, {str(folder)!r})"
    runs = [python(code, one_thread=True) for _ in range(TIMES)]
    said: list[dict[str, float]] = [json.loads(run.said.splitlines()[-1]) for run in runs]
    return min(said, key=lambda each: sum(each.values())) | {"rss_mb": max(run.rss_mb for run in runs)}


def score(reference: str, patches: int, scenes: str) -> None:
    """In the child: score the scene, and print the CPU ms per second of sound of front end and network."""
    with tempfile.TemporaryDirectory() as name:
        bundle = manifest.load(yamnet(Path(name)) if reference == "yamnet@1" else reference)
        given = bundle.manifest.sound
        assert given is not None
        session = open_session(bundle.path("model"))
    front = Spectrogram(given) if given.tensor == "log_mel" else None
    sound = np.load(Path(scenes) / f"{given.rate_hz}.npy")
    size, hop = given.window_samples, round(HOP_S * given.rate_hz)
    mel_s = net_s = 0.0
    for start in range(0, len(sound) - size + 1, hop):
        window = sound[start : start + size]
        if patches < given.patches:
            window = window[: (given.patch_frames - 1) * given.stft_hop + given.frame]
        began = time.process_time()
        tensors = [window[None]] if front is None else front.tensors(window)[:patches]
        middle = time.process_time()
        for tensor in tensors:
            session.run(tensor)
        mel_s, net_s = mel_s + middle - began, net_s + time.process_time() - middle
    heard = SCENE_S / 1000
    print(json.dumps({"mel_ms": mel_s / heard if front else 0.0, "net_ms": net_s / heard}))


def yamnet_file() -> Path | None:
    """The weights in the folder that OTORONGO_SHARED names; None: they are not there."""
    path = SHARED / "weights" / "yamnet_spectra_in.tflite"
    return path if path.is_file() else None


def yamnet(folder: Path) -> Path:
    """The bundle that was added, or one made of the weights that OTORONGO_SHARED has."""
    path = yamnet_file()
    return add_yamnet.add(path, folder) if path else manifest.load("yamnet@1").folder
