"""Strict TOML: what is wrong is named, with its place and what is allowed."""

import ast
import inspect
import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal

import pytest
from msgspec import Meta, Struct

from otorongo import language, toml
from otorongo.toml import ConfigError
from otorongo.toml_words import syntax
from tests.spoken import english_in


class Place(Struct, frozen=True, forbid_unknown_fields=True):
    """A place."""

    name: str
    kind: Literal["protected", "community"] = "protected"
    radius_m: Annotated[float, Meta(gt=0)] = 1500.0


class Hub(Struct, frozen=True, forbid_unknown_fields=True):
    """A hub."""

    data_dir: str
    place: tuple[Place, ...] = ()
    main: Place | None = None
    named: dict[str, Place] = {}


def test_a_good_file_becomes_values(tmp_path: Path) -> None:
    """Keys become fields, tables become values, and absent keys their defaults."""
    path = tmp_path / "hub.toml"
    path.write_text('data_dir = "/var"\n[[place]]\nname = "Cocha Larga"\n')
    assert toml.load(path, Hub) == Hub("/var", (Place("Cocha Larga"),))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('data_dir = "x"\ncolour = 1', r"colour: no such key \(allowed: data_dir, place, main, named\)"),
        ('data_dir = "x"\n[[place]]\nname = "a"\nwide = 1', r"place\[0\]\.wide: no such key \(allowed: name, kind"),
        ('data_dir = "x"\n[main]\nnam = "a"', r"main\.nam: no such key \(allowed: name, kind, radius_m\)"),
        ('data_dir = "x"\n[named.one]\nnam = "a"', r"nam: no such key \(allowed: name, kind, radius_m\)"),
        ("", "data_dir: is missing"),
        ('data_dir = "x"\n[[place]]', r"place\[0\]\.name: is missing"),
        ('data_dir = "x"\n[[place]]\nname = "a"\nkind = "open"', r"kind: invalid.*\(allowed: protected, community\)"),
        ('data_dir = "x"\n[[place]]\nname = "a"\nradius_m = -1', r"radius_m: expected a number > 0"),
        ("data_dir = 5", "data_dir: expected text in quotes, got a whole number"),
        ("data_dir = ", "not valid TOML: in its last line: this is no value"),
    ],
)
def test_a_bad_file_is_refused_by_file_key_reason_and_what_is_allowed(tmp_path: Path, text: str, said: str) -> None:
    """The error of each mistake says where it is and how to mend it."""
    path = tmp_path / "hub.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said) as caught:
        toml.load(path, Hub)
    assert str(caught.value).startswith(str(path))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A missing file, and one that is no text."""
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read: No such file"):
        toml.load(tmp_path / "none.toml", Hub)
    (tmp_path / "picture.toml").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        toml.load(tmp_path / "picture.toml", Hub)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("data_dir = 5", "data_dir: se espera un texto entre comillas, y dice un número entero"),
        ('data_dir = "x"\n[main]\nname = "a"\nradius_m = -1', "main.radius_m: se espera un número > 0"),
        ('data_dir = "x"\nplace = 1', "place: se espera una lista entre [ ], y dice un número entero"),
        ('data_dir = "x"\ncolour = 1', "colour: no existe esa clave (se permite: data_dir, place, main, named)"),
        ('data_dir = "x', "en su última línea: a un texto que empieza con comillas le faltan las del final"),
        ('data_dir = "x"\nmain = 1,5', "línea 2, columna 9: hay algo detrás del valor"),
        ('data_dir = "x"\ndata_dir = "y"\nplace = []', "línea 2, columna 15: esta clave está aquí por segunda vez"),
        ('data_dir = "x"\n[main]\n[main]', "la sección [main] está aquí por segunda vez"),
        ('data_dir = "a\nb"', "línea 1, columna 14: a un texto que empieza con comillas le faltan las del final en su"),
        ('data_dir = "\x01"', "el carácter '\\x01' no puede estar aquí"),
        ("data_dir = 2026-02-30", "no existe ese día o esa hora"),
    ],
)
def test_in_spanish_a_bad_file_is_told_in_spanish_alone(tmp_path: Path, text: str, said: str) -> None:
    """What the readers of TOML say in English reaches nobody who reads Spanish."""
    path = tmp_path / "hub.toml"
    path.write_text(text)
    language.speak("es")
    with pytest.raises(ConfigError) as caught:
        toml.load(path, Hub)
    assert said in str(caught.value)
    assert english_in(str(caught.value)) == []


def test_every_mistake_that_the_reader_of_toml_knows_has_words_of_ours() -> None:
    """What `tomllib` may say, from its own source: none of it is passed on as it is."""
    source = inspect.getsource(tomllib._parser)  # type: ignore[attr-defined]
    told = re.findall(r"""suffixed_err\(\s*src, \w+, f?("[^"]*"|"[^\n]*")""", source)
    assert len(told) > 15
    language.speak("es")
    for sentence in told:
        text = re.sub(r"\{[^}]*\}", "'x'", ast.literal_eval(sentence))
        assert english_in(syntax(f"{text} (at line 1, column 2)")) == [], text
