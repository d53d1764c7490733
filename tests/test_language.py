"""The commands speak Spanish, and English where it is asked for; no text is forgotten in either."""

import argparse
import ast
import io
import logging
import os
import re
import string
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir, extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from otorongo.language import FOLDER, LANGUAGES, language, speak
from otorongo.logs import Spoken

LOGGED = ("warning", "error", "info", "exception")
KEYWORDS = {"say": None, "later": None, "_": None, "ngettext": (1, 2), "say_count": (1, 2)}
ENGLISH_ROOMS = (
    "wire/*", "models/train/*", "models/evaluate/*gate.py", "models/evaluate/bundle_files.py", "models/evidence*.py",
    "models/manifest_check.py", "models/tflite_file.py", "models/comb.py", "station/outbox*.py",
)  # fmt: skip
"""What only developers and makers of bundles read: the contract, how networks are made and proved, a module misused."""
FOR_DEVELOPERS = ("AssertionError", "TypeError", "ValueError", "AMQTTError", "NotImplementedError", "RuntimeError")
PROGRAMS = ("station", "hub", "models")
PLACES = re.compile(r"%(?:\(\w+\))?[rsd]")
LOG_PLACES = re.compile(r"%[-+.\d]*[a-z]")
CATALOGUE = FOLDER / "es" / "LC_MESSAGES" / "otorongo.po"


def catalogue() -> Catalog:
    """The Spanish of every text."""
    with CATALOGUE.open("rb") as source:
        return read_po(source, locale="es", abort_invalid=True)


def asked_for(root: Path) -> set[str | tuple[str, ...]]:
    """Every text that our code and argparse ask for; of plurals both forms."""
    ours = {
        message
        for room in ("otorongo", "demo")
        for _, _, message, _, _ in extract_from_dir(root / room, keywords=KEYWORDS | dict.fromkeys(LOGGED))
    }
    return ours | {message for _, message, _, _ in extract_from_file("python", argparse.__file__, keywords=KEYWORDS)}


def forms(message: Message) -> Iterator[tuple[str, str]]:
    """(English, Spanish) of each form of a text."""
    if isinstance(message.id, str):
        yield message.id, str(message.string)
    else:
        yield from zip(message.id, message.string or (), strict=True)


def places(text: str) -> set[str]:
    """What is to be filled in: `{names}`, and `%(names)s` as argparse writes them."""
    named = set(PLACES.findall(text))
    return named | {str(name) for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_text_has_its_spanish(root: Path) -> None:
    """What the code says and the catalogue are the same texts (`scripts/texts` gathers them), none without Spanish."""
    told = {message.id for message in catalogue() if message.id}
    assert len(told) > 200
    assert sorted(map(str, asked_for(root) ^ told)) == []
    assert [
        english for message in catalogue() for english, spanish in forms(message) if message.id and not spanish
    ] == []


def test_no_text_hides_where_nobody_gathers_it(root: Path) -> None:
    """Inside the braces of an f-string `scripts/texts` finds nothing: no text is said there."""
    hidden = [
        f"{path}:{node.lineno}"
        for room in ("otorongo", "demo")
        for path in (root / room).rglob("*.py")
        for braces in ast.walk(ast.parse(path.read_text()))
        if isinstance(braces, ast.JoinedStr)
        for node in ast.walk(braces)
        if isinstance(node, ast.Name) and node.id in KEYWORDS and node.id != "_"
    ]
    assert hidden == []


def sentences(source: str) -> Iterator[tuple[int, str]]:
    """(line, text) of each sentence that an error is raised with and nobody says: words outside of any call."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Raise) or not isinstance(node.exc, ast.Call) or not node.exc.args:
            continue
        text, kind = node.exc.args[0], ast.unparse(node.exc.func)
        parts = text.values if isinstance(text, ast.JoinedStr) else [text]
        plain = " ".join(str(one.value) for one in parts if isinstance(one, ast.Constant))
        if kind not in FOR_DEVELOPERS and re.search(r"[a-z]{2,} [a-z]{2,}", plain):
            yield node.lineno, plain


def test_every_error_is_said_in_the_language_that_is_spoken(root: Path) -> None:
    """A sentence that is raised as it stands reaches a technician in English alone."""
    assert list(sentences('raise ConfigError(f"{path}: is not there")')) == [(1, ": is not there")]
    room = root / "otorongo"
    found = [
        f"{path}:{line}: {text}"
        for path in room.rglob("*.py")
        if not any(path.relative_to(room).match(one) for one in ENGLISH_ROOMS)
        for line, text in sentences(path.read_text())
    ]
    assert found == []


def test_no_sentence_lacks_a_value(root: Path) -> None:
    """What a sentence fills in is given where it is said: a name that is missing there would fall over in the field."""
    lacking = [
        f"{path}:{node.lineno}: {missing}"
        for room in ("otorongo", "demo")
        for path in (root / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("say", "say_count")
        for given in [{word.arg for word in node.keywords} | ({"count"} if node.func.id == "say_count" else set())]
        for text in node.args
        if None not in given and isinstance(text, ast.Constant) and isinstance(text.value, str)
        if (given or node.func.id == "say_count" or "%(" not in text.value)
        if (missing := {one.partition(".")[0] for one in places(text.value) if not one.startswith("%")} - given)
    ]
    assert lacking == []


def test_both_languages_fill_in_the_same() -> None:
    """No value is lost or made up in translation: a sentence that lacks one would fall over when it is said."""
    odd = [
        english
        for one in catalogue()
        if one.id
        for english, spanish in forms(one)
        if places(english) != places(spanish)
    ]
    assert odd == []


def test_a_log_line_fills_in_the_same_in_the_same_order() -> None:
    """Its values have no names: Spanish that turned two of them round would say the one for the other."""
    odd = [
        english
        for one in catalogue()
        if one.id and "%(" not in str(one.id)
        for english, spanish in forms(one)
        if LOG_PLACES.findall(english) != LOG_PLACES.findall(spanish)
    ]
    assert odd == []


def test_log_lines_are_spoken_and_those_of_libraries_stay() -> None:
    """A line of ours is Spanish, with its values and its trace; a library's is as it came."""
    speak("es")
    line = Spoken("%(levelname)s %(message)s").format
    level = logging.WARNING
    ours = logging.LogRecord("otorongo.hub.app", level, "", 0, "hub: %s", ("se cayó",), None)
    theirs = logging.LogRecord("paho", level, "", 0, "hub: %s", ("fell",), None)
    assert (line(ours), line(theirs)) == ("AVISO centro: se cayó", "AVISO hub: fell")
    assert (ours.msg, ours.levelname) == ("hub: %s", "WARNING")  # other handlers get it as it was written
    speak("en")
    assert line(ours) == "WARNING hub: se cayó"


def test_the_compiled_catalogue_is_of_these_texts() -> None:
    """The file that programs read was compiled from the one that people write."""
    compiled = io.BytesIO()
    write_mo(compiled, catalogue())
    assert CATALOGUE.with_suffix(".mo").read_bytes() == compiled.getvalue(), "run scripts/texts"


@pytest.mark.parametrize(
    ("environment", "lang"),
    [
        ({}, "es"),
        ({"LANG": "C"}, "es"),
        ({"LANG": "qu_PE.UTF-8"}, "es"),
        ({"LANG": "en_US.UTF-8"}, "en"),
        ({"LANG": "es_PE", "LC_ALL": "en_US"}, "en"),
        ({"LC_ALL": "en_US", "OTORONGO_LANG": "es"}, "es"),
        ({"LANG": "es_PE", "OTORONGO_LANG": "en"}, "en"),
    ],
)
def test_the_environment_says_which(environment: dict[str, str], lang: str) -> None:
    """OTORONGO_LANG before LC_ALL before LANG; what is not English is Spanish; what is asked for wins."""
    assert language(None, environment) == lang
    assert [language(one, environment) for one in LANGUAGES] == list(LANGUAGES)


def run(program: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command as people type it, on a machine that nobody has told a language."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("LANG", "LC_", "OTORONGO_LANG"))}
    argv = [sys.executable, "-m", f"otorongo.{program}", *words]
    return subprocess.run(argv, env=bare | environment, capture_output=True, text=True)


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_and_mistakes_are_told_in_one_language(program: str) -> None:
    """`--help` and a wrong word are Spanish by themselves, and English by the switch or the environment."""
    spanish, english = run(program, "--help"), run(program, "--help", "--lang", "en")
    assert re.match("uso: .*mostrar esta ayuda", spanish.stdout, re.DOTALL)
    assert english.stdout == run(program, "--help", OTORONGO_LANG="en").stdout
    assert re.match("usage: .*show this help", english.stdout, re.DOTALL)
    assert "no existe 'nada'" in run(program, "nada").stderr
    assert "invalid choice: 'nada'" in run(program, "nada", LANG="en_GB.UTF-8").stderr


def test_a_process_passes_its_language_on() -> None:
    """What a command starts speaks as it does."""
    script = "import subprocess, sys; subprocess.run([sys.executable, '-m', 'otorongo.station', '--help'])"
    speak("es")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.startswith("uso: ")
