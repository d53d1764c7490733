"""What a station writes for its technician is in Spanish, unless English is asked for."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from otorongo import language
from otorongo.models.errors import InputError
from otorongo.models.image import decode
from otorongo.station import app_tail, microphone, seeing
from otorongo.station.app_tail_words import SPANISH
from otorongo.wire import codes
from otorongo.wire.rows import Row, Seeing, Tamper, Track

STATION = Path(app_tail.__file__).parent
TELLS = {"Note": 2, "Fault": 2, "Unkept": 0, "Trouble": 0, "SensorError": 0, "TransportError": 0, "_bad": 1, "_note": 1}
"""Calls that tell somebody something, and which argument is the sentence."""


def sentences() -> Iterator[tuple[str, ast.expr]]:
    """Where a station tells something, and what stands there."""
    for path in sorted(STATION.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            at = TELLS.get(name, 99)
            if at < len(node.args):
                yield f"{path.relative_to(STATION)}:{node.lineno}", node.args[at]


def english(node: ast.expr) -> bool:
    """Whether an expression holds words that nobody translates: a literal of more than one word outside of `say`."""
    if isinstance(node, ast.Call):
        return False
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and " " in node.value.strip(" :;.")
    return any(english(child) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr))


def test_no_note_is_written_in_english_alone() -> None:
    """A note, a fault and evidence that was not kept are said by `say`: found in the code, wherever it is."""
    found = list(sentences())
    assert len(found) > 50
    assert [where for where, node in found if english(node)] == []


@pytest.mark.parametrize(
    "kind",
    [
        *(codes.Counter, codes.GapReason, codes.MediaKind, codes.NoteKind, codes.TamperKind),
        *(codes.NameSource, codes.MicrophoneFlag, codes.CameraFlag),
    ],
)
def test_every_code_that_tail_tells_has_its_spanish(kind: type[codes.Counter]) -> None:
    """A counter or a flag that is added to the wire is added to the words of `tail` too."""
    assert [one.name for one in kind if (one.name or "").lower() not in SPANISH] == []


@pytest.mark.parametrize(
    ("row", "spanish", "said"),
    [
        (
            Tamper(5, codes.TamperKind.COVERED, 2),
            "manipulación: alguien la tapó, sensor 2",
            "tampering: covered, sensor 2",
        ),
        (Track(5, 1, 1, 3, 1500, b"\x0f\xf0"), "puntajes de motosierra, 4 ventanas, evento 4", "scores of chainsaw, 4"),
        (
            Seeing(5, 2, 60_000, 5_000, 9, flags=codes.CameraFlag.FOGGED),
            "vista del sensor 2 durante 60 s: 9 cuadros, ciega 5 s, empañada",
            "seeing of sensor 2 for 60 s: 9 frames, blind 5 s, fogged",
        ),
    ],
)
def test_tail_tells_every_kind_of_row_in_words(row: Row, spanish: str, said: str) -> None:
    """Tampering, scores and an hour of seeing are sentences, not the name of a type."""
    language.speak("es")
    assert app_tail._words(row, 7)[0] == spanish
    language.speak("en")
    assert app_tail._words(row, 7)[0].startswith(said)


def test_what_ails_a_sensor_is_said_in_the_station_s_language() -> None:
    """A dead microphone, a web before a lens and a broken picture are told in Spanish, in English where asked for."""

    def told() -> list[str]:
        with pytest.raises(InputError) as broken:
            decode(b"")
        return [
            *microphone.Health(codes.MicrophoneFlag.DEAD).sentences(),
            *seeing.Health(codes.CameraFlag.WEB).sentences(),
            str(broken.value),
        ]

    language.speak("es")
    spanish = told()
    assert spanish == [
        "el micrófono está mudo: revise su cable y su enchufe",
        "hilos brillantes ante el lente de noche: quite la telaraña",
        "la imagen está vacía: 0 bytes",
    ]
    language.speak("en")
    assert not set(told()) & set(spanish)
