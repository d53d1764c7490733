"""What each process of a station really loads: started as systemd starts it, and asked at its end."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyrage
import pytest
import soundfile
from PIL import Image

from otorongo.models import manifest, shelves
from otorongo.wire.codes import NoteKind
from otorongo.wire.rows import Note
from tests.station.sense_rig import open_outbox, rows_in

# Runs the command's own main and leaves, as its last act, a list of all that it loaded; Spanish texts are `texts`.
PROGRAM = """
import atexit, json, pathlib, sys
def opened(event, given):
    if event == "open" and str(given[0]).endswith(".mo"):
        sys.modules["texts"] = sys
sys.addaudithook(opened)
atexit.register(lambda: pathlib.Path(sys.argv[1]).write_text(json.dumps(sorted(sys.modules))))
from otorongo.station.__main__ import main
sys.exit(main(sys.argv[2:]))
"""
NEVER_ON_A_STATION = {
    "librosa",
    "torch",
    "numba",
    "scipy",
    "sklearn",
    "onnx",
    "sqlalchemy",
    "fastapi",
    "amqtt",
    "pytest",
}
NETWORK = {"paho", "cryptography", "otorongo.station.uplink"}
SEALING = {"pyrage", "otorongo.station.adapters.age"}
SIGHT = {"cv2", "otorongo.models.image", "otorongo.station.motion"}
SOUND = {"soundfile", "soxr", "otorongo.models.mel", "otorongo.station.loudness"}
PATIENCE_S = 60.0


def station_toml(folder: Path, sensors: str) -> Path:
    """A configuration of a station that keeps its data in `folder`."""
    uplink = '[uplink]\nbroker = "mqtt://127.0.0.1:9"\n'
    path = folder / "station.toml"
    path.write_text(f'station = "K-02"\ndata_dir = "{folder}/data"\n{sensors}\n{uplink}')
    return path


def loaded(folder: Path, config: Path, *command: str, stop_after_s: float | None = None) -> set[str]:
    """The modules of one process of the station, packages by each of their dotted names."""
    report = folder / "modules.json"
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, report, "--config", config, *command],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env={**os.environ, "OTORONGO_LANG": "es"},
    )  # fmt: skip
    if stop_after_s is not None:
        time.sleep(stop_after_s)
        process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, log
    modules = json.loads(report.read_text())
    return {".".join(name.split(".")[: depth + 1]) for name in modules for depth in range(name.count(".") + 1)}


def replay(section: str, bundle: str, folder: Path) -> str:
    """A section that replays a folder as fast as possible."""
    lines = ['driver = "replay"', f'device = "{folder}"', f'bundle = "{bundle}"', f"[{section}.replay]", "speed = 0"]
    return "\n".join([f"[{section}]", *lines])


def bundle_for(kind: str) -> str:
    """A bundle of the zoo for sound or pictures."""
    return next(name for name in shelves.zoo() if manifest.load(name).manifest.kind == kind)


def test_the_microphone_loads_no_sight_and_no_network(tmp_path: Path) -> None:
    """From recording to outbox, the microphone's process never loads OpenCV, MQTT or keys."""
    (tmp_path / "in").mkdir()
    noise = np.random.default_rng(1).normal(0, 0.1, 48_000 * 8).astype(np.float32)
    soundfile.write(tmp_path / "in" / "20261122_120000.wav", noise, 48_000)
    config = station_toml(tmp_path, replay("microphone", bundle_for("sound"), tmp_path / "in"))
    modules = loaded(tmp_path, config, "sense", "microphone")
    assert not modules & (NEVER_ON_A_STATION | NETWORK | SIGHT | SEALING)
    assert {"onnxruntime", "otorongo.models.mel"} <= modules
    last = rows_in(open_outbox(tmp_path / "data"))[-1].row
    assert (type(last), getattr(last, "kind", None)) == (Note, NoteKind.STOPPED), (
        "the hub hears that it listens no more"
    )


def test_the_camera_loads_no_sound_and_no_network(tmp_path: Path) -> None:
    """From picture to outbox, the camera's process never loads what decodes or hears sound, MQTT or private keys."""
    (tmp_path / "in").mkdir()
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 255, (480, 640, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "in" / f"20261122_12000{number}.jpg")
    config = station_toml(tmp_path, replay("camera", bundle_for("picture"), tmp_path / "in"))
    modules = loaded(tmp_path, config, "sense", "camera")
    assert not modules & (NEVER_ON_A_STATION | NETWORK | SOUND | SEALING)
    assert {"onnxruntime", "cv2"} <= modules
    keys = ", ".join(f'"{pyrage.x25519.Identity.generate().to_public()}"' for _ in range(2))
    config.write_text(
        config.read_text().replace("[camera]", f'[seal]\nrecipients = [{keys}]\n[camera]\npeople = "seal"', 1)
    )
    (tmp_path / "data" / "outbox.db").unlink()
    modules = loaded(tmp_path, config, "sense", "camera")
    assert not modules & (NEVER_ON_A_STATION | NETWORK | SOUND)
    assert modules >= SEALING, "whoever seals loads what seals"


def test_the_uplink_loads_the_network_and_nothing_that_sees_or_hears(tmp_path: Path) -> None:
    """The uplink, the one process with keys, holds no model and no decoder that a hostile file could reach."""
    config = station_toml(tmp_path, replay("microphone", bundle_for("sound"), tmp_path))
    modules = loaded(tmp_path, config, "uplink", stop_after_s=3.0)
    assert not modules & (NEVER_ON_A_STATION | SIGHT | SOUND | SEALING | {"numpy", "onnxruntime", "PIL"})
    assert "paho" in modules


def test_a_sensor_that_has_nothing_to_tell_loads_no_texts(tmp_path: Path) -> None:
    """Nobody reads the help of what a unit starts; a command that somebody types speaks."""
    (tmp_path / "in").mkdir()
    noise = np.random.default_rng(1).normal(0, 0.1, 16_000 * 4).astype(np.float32)
    soundfile.write(tmp_path / "in" / "20261122_120000.wav", noise, 16_000)
    config = station_toml(tmp_path, replay("microphone", bundle_for("sound"), tmp_path / "in"))
    assert "texts" not in loaded(tmp_path, config, "sense", "microphone")
    assert "texts" in loaded(tmp_path, config, "tail")


def test_a_sensor_starts_no_herd_of_threads(tmp_path: Path) -> None:
    """Numeric libraries get one thread in a sensor's process: theirs would spin and take many times the CPU."""
    (tmp_path / "in").mkdir()
    noise = np.random.default_rng(1).normal(0, 0.1, 16_000 * 4).astype(np.float32)
    soundfile.write(tmp_path / "in" / "20261122_120000.wav", noise, 16_000)
    script = PROGRAM.replace("json.dumps(sorted(sys.modules))", "str(len(os.listdir('/proc/self/task')))")
    script = script.replace("import atexit,", "import os, atexit,")
    counts = []
    for threads in ({}, {"OMP_NUM_THREADS": "4", "OPENBLAS_NUM_THREADS": "4"}):
        plain = {key: value for key, value in os.environ.items() if not key.endswith("_NUM_THREADS")}
        argv: list[str | Path] = [sys.executable, "-c", script, tmp_path / "count", "--config", tmp_path / "none.toml"]
        argv += ["replay", tmp_path / "in", "--bundle", bundle_for("sound")]
        subprocess.run(argv, env=plain | threads, check=True, capture_output=True, timeout=PATIENCE_S)
        counts.append(int((tmp_path / "count").read_text()))
    assert counts[0] < counts[1] or len(os.sched_getaffinity(0)) == 1


def test_large_pieces_of_memory_are_given_back_at_once() -> None:
    """After 64 MB of frames came and went the process is as small as before, in whatever order they went."""
    script = (
        "import re\n"
        "from pathlib import Path\n"
        "from otorongo.station.app_process import give_back\n"
        "give_back()\n"
        "import numpy as np\n"
        "def mb(): return int(re.search(r'VmRSS:\\s+(\\d+)', Path('/proc/self/status').read_text())[1]) / 1024\n"
        "np.ones(4_000_000, np.uint8)\n"  # from here on glibc alone would keep pieces of 4 MB
        "before = mb()\n"
        "frames = [np.ones(1_000_000, np.uint8) for _ in range(64)]\n"
        "during = mb()\n"
        "last = frames.pop()\n"
        "del frames\n"
        "print(during - before > 50, mb() - before < 8)\n"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "True True"


def test_networks_that_rest_leave_the_memory() -> None:
    """Of what detector and names took for a picture most is the system's again, once they were idle for long enough."""
    script = (
        "import re\n"
        "from pathlib import Path\n"
        "from otorongo.station.app_process import give_back\n"
        "give_back()\n"
        "import numpy as np\n"
        "from otorongo.models.manifest import load\n"
        "from otorongo.station.app import _resting\n"
        "from otorongo.station.app_eyes import eyes\n"
        "from otorongo.station.config import CameraConfig\n"
        "def mb(): return int(re.search(r'VmRSS:\\s+(\\d+)', Path('/proc/self/status').read_text())[1]) / 1024\n"
        "sensor = CameraConfig(driver='replay', species='names@1', idle_s=0.001)\n"
        "bundle = load('boxes@1')\n"
        "classifier = eyes(sensor, bundle)\n"
        "resting = _resting(sensor, classifier, {})\n"
        "picture = np.load(bundle.path('golden'))\n"
        "resting.judge(picture, 0)\n"
        "classifier.namer.candidates(picture)\n"
        "during = mb()\n"
        "while resting._used_ms is not None: resting.look()\n"
        "print(classifier.namer._network.loaded, during - mb() > 15)\n"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False True"


def test_opencv_has_one_thread_beside_the_gate() -> None:
    """OpenCV would take every core for small frames, whatever the other libraries are told."""
    script = "from otorongo.station.app_process import one_thread; one_thread(); import cv2; print(cv2.getNumThreads())"
    plain = {key: value for key, value in os.environ.items() if not key.endswith("THREADS_NUM")}
    found = subprocess.run([sys.executable, "-c", script], env=plain, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "1"


@pytest.mark.parametrize("module", ["otorongo.wire.batch", "otorongo.station.outbox"])
def test_the_core_is_light(module: str) -> None:
    """Wire and outbox load neither numpy nor anything of the network: they are in every process."""
    script = f"import sys, {module}; print('\\n'.join(sys.modules))"
    names = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not set(names) & (NEVER_ON_A_STATION | NETWORK | SIGHT | SOUND | {"numpy", "onnxruntime"})
