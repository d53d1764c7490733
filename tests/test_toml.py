"""Strict TOML: what is wrong is named, with its place and what is allowed."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from msgspec import Meta, Struct

from otorongo import toml
from otorongo.toml import ConfigError


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
        ('data_dir = "x"\n[[place]]\nname = "a"\nradius_m = -1', r"radius_m: expected `float` > 0"),
        ("data_dir = 5", "data_dir: expected `str`, got `int`"),
        ("data_dir = ", "not valid TOML: .*at end of document"),
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
