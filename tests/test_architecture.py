"""The house keeps its rooms apart: who may import whom, what a process loads, how long a file may be.

The rules are a table. A module is judged by the first row whose pattern fits its dotted name, and every import counts:
at the top, inside a function, or by name through `importlib`.
"""

import ast
import fnmatch
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ANYTHING = ("*",)
CONTRACT = ("otorongo.wire", "otorongo.wire.*", "otorongo.errors", "otorongo.language", "otorongo.toml")
BUNDLE_VALUES = ("otorongo.models.manifest", "otorongo.models.errors", "otorongo.errors")
STATION_PROGRAM = ("otorongo.station.app*", "otorongo.station.__main__", "otorongo.station.adapters*")
HUB_PROGRAM = ("otorongo.hub.app*", "otorongo.hub.__main__", "otorongo.hub.adapters*", "otorongo.hub.web*")
STORE = ("otorongo.hub.store*", "otorongo.hub.db*", "otorongo.hub.migrations*")
WEB = ("fastapi", "starlette", "pydantic", "jinja2", "markupsafe", "babel", "limits", "msgspec")


@dataclass(frozen=True)
class Rule:
    """What modules of one kind may import: rooms of ours (minus some), and libraries by their top name."""

    modules: str
    ours: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()


ROOMS = ("ports", "samples", "channels", "clipping", "errors", "shutter")
"""Of the station, that a driver may know."""


def _station_adapter(name: str, *drivers: str) -> Rule:
    """One driver, over as many files as begin with its name."""
    own = (f"otorongo.station.adapters.{name}",) if name.endswith("*") and name != "*" else ()
    return Rule(
        f"otorongo.station.adapters.{name}",
        ours=(*CONTRACT, "otorongo.native", *(f"otorongo.station.{name}" for name in ROOMS), *own),
        libraries=("numpy", *drivers),
    )


def _hub_adapter(name: str, *drivers: str) -> Rule:
    return Rule(
        f"otorongo.hub.adapters.{name}",
        ours=(*CONTRACT, "otorongo.hub.ports", "otorongo.hub.errors"),
        libraries=drivers,
    )


RULES = (
    Rule("otorongo"),
    Rule("otorongo.errors"),
    Rule("otorongo.language"),
    Rule("otorongo.native"),
    Rule("otorongo.pipes"),
    Rule("otorongo.logs", ours=("otorongo.language",)),
    Rule("otorongo.toml_words", ours=("otorongo.language",)),
    Rule(
        "otorongo.toml",
        ours=("otorongo.errors", "otorongo.language", "otorongo.toml_words"),
        libraries=("msgspec",),
    ),
    Rule("otorongo.wire*", ours=("otorongo.wire*", "otorongo.errors"), libraries=("msgspec",)),
    # models: how a bundle is made knows everything and is known by nobody.
    Rule("otorongo.models.train*", ours=ANYTHING, libraries=ANYTHING),
    Rule("otorongo.models.mel", ours=(*BUNDLE_VALUES, "otorongo.models.fourier"), libraries=("numpy",)),
    Rule(
        "otorongo.models.image",
        ours=(*BUNDLE_VALUES, "otorongo.language", "otorongo.models.image_head", "otorongo.native"),
        libraries=("numpy", "cv2"),
    ),
    Rule(
        "otorongo.models.litert",
        ours=("otorongo.language", "otorongo.models.errors", "otorongo.native"),
        libraries=("numpy", "ai_edge_litert"),
    ),
    # A person's view of what a station does: it runs the station's own parts over a recording, and draws.
    *(
        Rule(
            f"otorongo.models.{name}",
            ours=(*CONTRACT, "otorongo.native", "otorongo.models*", "otorongo.station*"),
            never=("otorongo.models.train*", "otorongo.station.__main__"),
            libraries=("numpy", "soundfile", "PIL", "msgspec"),
        )
        for name in ("listen*", "search*", "missed*")
    ),
    # What a bundle reaches: the station's own ear over recordings, and training's labels, voices and splits (no torch).
    Rule(
        "otorongo.models.evaluate*",
        ours=(*CONTRACT, "otorongo.native", "otorongo.models*", "otorongo.station*"),
        never=("otorongo.station.__main__",),
        libraries=("numpy", "soundfile", "soxr", "msgspec", "matplotlib", "PIL", "tqdm"),
    ),
    # Heads that users make: on their laptops, with what a station has and nothing of how our networks are made.
    Rule(
        "otorongo.models.species_train*",
        ours=(*CONTRACT, "otorongo.models*"),
        never=("otorongo.models.train*",),
        libraries=("numpy",),
    ),
    Rule("otorongo.models.see_draw", ours=(*CONTRACT, "otorongo.models*"), libraries=("numpy", "PIL")),
    Rule(
        "otorongo.models.__main__",
        ours=(*CONTRACT, "otorongo.models*", "otorongo.pipes", "otorongo.logs"),
        never=("otorongo.models.train*",),
    ),
    Rule(
        "otorongo.models*",
        ours=(*CONTRACT, "otorongo.models*"),
        never=("otorongo.models.train*",),
        libraries=("numpy", "onnxruntime", "msgspec"),
    ),
    # station
    _station_adapter("alsa", "soxr"),
    _station_adapter("encode_sound", "soundfile", "soxr"),
    _station_adapter("encode_picture", "cv2"),
    _station_adapter("encode_levels", "PIL"),
    _station_adapter("picamera", "picamera2"),
    _station_adapter("opencv", "cv2"),
    _station_adapter("replay*", "soundfile", "soxr", "cv2", "PIL", "pillow_heif"),
    Rule(  # a folder is read as a replay is, and goes on for ever
        "otorongo.station.adapters.folder*",
        ours=(
            *CONTRACT,
            *(
                f"otorongo.station.{name}"
                for name in ("ports", "samples", "errors", "adapters.folder*", "adapters.replay*")
            ),
        ),
    ),
    _station_adapter("gpio", "gpiozero"),
    _station_adapter("mqtt*", "paho"),
    _station_adapter("seal", "cryptography"),
    _station_adapter("age", "pyrage"),
    _station_adapter("*"),  # board, systemd: no driver
    Rule(
        "otorongo.station.app*",
        ours=ANYTHING,
        never=("otorongo.hub*", "otorongo.models.train*"),
        libraries=("msgspec",),
    ),
    Rule("otorongo.station.__main__", ours=("otorongo*",), never=("otorongo.hub*", "otorongo.models.train*")),
    *(
        Rule(
            f"otorongo.station.{name}",
            ours=("otorongo.station*", "otorongo.wire.codes", "otorongo.language"),
            never=STATION_PROGRAM,
            libraries=("numpy", "cv2", "msgspec"),
        )
        for name in ("motion*", "seeing*")
    ),
    Rule(
        "otorongo.station*",
        ours=(*CONTRACT, "otorongo.models*", "otorongo.station*"),
        never=(*STATION_PROGRAM, "otorongo.models.train*"),
        libraries=("numpy", "msgspec"),
    ),
    # hub
    _hub_adapter("mqtt", "paho"),
    _hub_adapter("broker", "amqtt"),
    _hub_adapter("apprise", "apprise", "requests"),
    _hub_adapter("*"),
    Rule("otorongo.hub.app*", ours=ANYTHING, never=("otorongo.station*", "otorongo.models*"), libraries=("uvicorn",)),
    Rule("otorongo.hub.__main__", ours=("otorongo*",), never=("otorongo.station*", "otorongo.models*")),
    Rule(
        "otorongo.hub.web*",
        ours=(*CONTRACT, "otorongo.hub*"),
        never=("otorongo.hub.app*", "otorongo.hub.__main__", "otorongo.hub.adapters*"),
        libraries=WEB,
    ),
    *(
        Rule(
            pattern,
            ours=(*CONTRACT, "otorongo.hub*"),
            never=HUB_PROGRAM,
            libraries=("sqlalchemy", "alembic", "psycopg", "msgspec"),
        )
        for pattern in STORE
    ),
    *(
        Rule(f"otorongo.hub.{name}", ours=(*CONTRACT, "otorongo.hub*"), never=HUB_PROGRAM, libraries=libraries)
        for name, libraries in (
            ("pki", ("cryptography",)),
            ("stations", ("cryptography",)),
            ("custody", ("cryptography", "msgspec")),
            ("unseal", ("pyrage",)),
            ("users", ("argon2", "zxcvbn", "msgspec")),
            ("spectrogram", ("numpy", "soundfile", "PIL")),
            ("places", ("shapely", "msgspec")),
            ("texts", ("babel",)),
        )
    ),
    Rule(
        "otorongo.hub*",
        ours=(*CONTRACT, "otorongo.hub*"),
        never=HUB_PROGRAM,
        libraries=("msgspec",),
    ),
)

# A file past 400 lines wants a second room. Each exception says why it is still one idea.
LONG_FILES: dict[str, str] = {}


def imports_of(source: str) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything that a source may import, wherever it stands."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module=module, names=names, level=0):
                # `from otorongo.hub import web` imports otorongo.hub.web: each name may be a module.
                yield from ((node.lineno, f"{module}.{alias.name}") for alias in names)
            case ast.ImportFrom():
                yield node.lineno, "a relative import"
            case ast.Call(
                func=ast.Attribute(attr="import_module") | ast.Name(id="import_module" | "__import__"),
                args=[argument, *_],
            ):
                match argument:
                    case ast.Constant(value=str(name)):
                        yield node.lineno, name
                    case _:
                        yield node.lineno, "an import whose name is computed"


def rule_for(module: str) -> Rule:
    """The first row of the table that fits."""
    return next(rule for rule in RULES if fnmatch.fnmatchcase(module, rule.modules))


def _fits(name: str, patterns: tuple[str, ...]) -> bool:
    # `otorongo.wire.rows.Event` is a name in the module `otorongo.wire.rows`: either may be what the pattern means.
    return any(fnmatch.fnmatchcase(name, p) or fnmatch.fnmatchcase(name.rpartition(".")[0], p) for p in patterns)


def breaches(module: str, source: str) -> list[str]:
    """Every import of this source that its rule does not allow, with its line."""
    rule = rule_for(module)
    found = []
    for line, name in imports_of(source):
        top = name.partition(".")[0]
        if top == "otorongo":
            # A package's own __init__ holds names only, so `from otorongo import __version__` harms nobody.
            allowed = name == "otorongo.__version__" or (_fits(name, rule.ours) and not _fits(name, rule.never))
        else:
            allowed = top in sys.stdlib_module_names or _fits(top, rule.libraries)
        if not allowed:
            found.append(f"{module}:{line} must not import {name}")
    return found


def modules(root: Path) -> list[tuple[str, Path]]:
    """(dotted name, file) of every module of the distribution."""
    found = []
    for path in sorted((root / "otorongo").rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found.append((".".join(parts[:-1] if parts[-1] == "__init__" else parts), path))
    return found


def test_every_module_imports_only_what_its_room_may(root: Path) -> None:
    """No module of the distribution imports across a wall."""
    found = [breach for module, path in modules(root) for breach in breaches(module, path.read_text())]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("otorongo.wire.rows", "import numpy"),
        ("otorongo.wire.rows", "from otorongo.hub import ingest"),
        ("otorongo.models.mel", "import cv2"),
        ("otorongo.models.runtime", "from otorongo.models.train import make"),
        ("otorongo.station.pipeline", "def late():\n    import cv2"),
        ("otorongo.station.pipeline", "from otorongo.station.adapters.alsa import Microphone"),
        ("otorongo.station.pipeline", "from otorongo.station import adapters"),
        ("otorongo.station.pipeline", "import importlib\nimportlib.import_module('paho.mqtt.client')"),
        ("otorongo.station.pipeline", "import importlib\nimportlib.import_module(name)"),
        ("otorongo.station.pipeline", "from . import outbox"),
        ("otorongo.station.outbox", "import cryptography"),
        ("otorongo.station.adapters.alsa", "from otorongo.station.outbox import Outbox"),
        ("otorongo.station.adapters.gpio", "import paho.mqtt.client"),
        ("otorongo.station.app", "from otorongo.hub import config"),
        ("otorongo.hub.alerts", "import sqlalchemy"),
        ("otorongo.hub.ingest", "from otorongo.hub.web import pages"),
        ("otorongo.hub.web.pages", "from sqlalchemy import select"),
        ("otorongo.hub.adapters.apprise", "from otorongo.hub.store import Store"),
        ("otorongo.hub.ingest", "from otorongo.station.outbox import Outbox"),
    ],
)
def test_a_breach_is_caught(module: str, source: str) -> None:
    """The check itself can fail: each of these imports crosses a wall."""
    assert len(breaches(module, source)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("otorongo.wire.rows", "import msgspec\nfrom otorongo.wire.codes import Clock"),
        ("otorongo.station.pipeline", "import json\nfrom otorongo.wire.rows import Event"),
        ("otorongo.station.app", "def run():\n    from otorongo.station.adapters.mqtt import Client"),
        ("otorongo.hub.store_alerts", "from sqlalchemy import select"),
        ("otorongo.models.train.make", "import torch\nimport librosa"),
    ],
)
def test_what_is_allowed_passes(module: str, source: str) -> None:
    """The check does not cry wolf over the imports that the design wants."""
    assert breaches(module, source) == []


def test_nobody_imports_training_but_the_evaluation_tests_demo_and_bench(root: Path) -> None:
    """Training may import anything because nothing that a station or hub runs imports it."""
    for module, path in modules(root):
        if not module.startswith(("otorongo.models.train", "otorongo.models.evaluate.")):
            assert not [name for _, name in imports_of(path.read_text()) if name.startswith("otorongo.models.train")]


def test_only_the_command_evaluate_loads_the_evaluation(root: Path) -> None:
    """The evaluation knows training's labels, so that nothing else may know the evaluation, and it only when asked."""
    for module, path in modules(root):
        if not module.startswith("otorongo.models.evaluate"):
            found = {name for _, name in imports_of(path.read_text()) if name.startswith("otorongo.models.evaluate.")}
            assert found <= (
                {"otorongo.models.evaluate.command.evaluate"} if module == "otorongo.models.__main__" else set()
            )


def test_files_are_short(root: Path) -> None:
    """No file is past 400 lines, unless its reason stands here; and no reason outlives its file."""
    folders = [root / name for name in ("otorongo", "tests", "bench", "demo")]
    lengths = {
        str(path.relative_to(root)): len(path.read_text().splitlines())
        for folder in folders
        for path in folder.rglob("*.py")
        if "migrations/versions" not in str(path)  # a migration is one step, written once and never edited
    }
    long = {name for name, lines in lengths.items() if lines > 400}
    assert long == set(LONG_FILES), {name: lengths.get(name) for name in long ^ set(LONG_FILES)}
