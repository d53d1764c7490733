"""The contract's text says what the code does: every field, in order, with a type and a meaning."""

import re
from pathlib import Path

import pytest
from msgspec import Struct

from otorongo.wire import batch, birth, classes, codes, media, receipt, rows, short, species, status, topics, wants

TEXT = (Path(rows.__file__).parent / "README.md").read_text()


def _section(title: str) -> str:
    """The text from a heading or a bold line on to the next one."""
    found = re.search(rf"^(?:#+ |\*\*){title}.*?\n(.*?)(?=^#+ |^\*\*\d|\Z)", TEXT, re.DOTALL | re.MULTILINE)
    assert found, f"wire/README.md has no part {title}"
    return found[1]


def _fields(section: str) -> list[str]:
    """Names in the first column, or in the second where the first counts bytes."""
    rows_ = re.findall(r"^\|([^|]*)\|([^|]*)\|", section, re.MULTILINE)
    return [name for first, second in rows_ for name in re.findall(r"`(\w+)`", first if "`" in first else second)]


def _described(kind: type[Struct]) -> list[str]:
    return [name for name in kind.__struct_fields__ if name != "extra"]


@pytest.mark.parametrize(("tag", "kind"), rows.ROW_TYPES.items(), ids=lambda x: getattr(x, "__name__", ""))
def test_every_field_of_every_row_is_described_in_order(tag: int, kind: type[Struct]) -> None:
    """A row's table has exactly the fields that travel, in the order in which they travel."""
    section = _section(rf"{tag} `{kind.__name__}`")
    assert _fields(section) == _described(kind)
    for line in re.findall(r"^\| `.*$", section, re.MULTILINE):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert len(cells) == 4
        assert cells[1], f"no type: {line}"
        assert cells[3], f"no meaning: {line}"


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("Receipt", receipt.Receipt),
        ("Birth", birth.Birth),
        ("Status", status.Status),
        ("Media chunk", media.Chunk),
        ("Short form", short.Short),
    ],
)
def test_every_field_of_every_message_is_described_in_order(title: str, kind: type[Struct]) -> None:
    """A message's table has exactly its fields."""
    assert _fields(_section(title)) == _described(kind)


@pytest.mark.parametrize("kind", [*wants.Want.__args__, birth.Bundle, birth.Sensor])
def test_every_field_of_the_smaller_values_is_named(kind: type[Struct]) -> None:
    """Wants and the parts of a birth are named with all their fields."""
    section = _section("Wants" if kind.__name__.startswith("Want") else "Birth")
    assert f"`{kind.__name__}`" in section
    for name in _described(kind):
        assert f"`{name}`" in section


def test_every_field_of_the_header_is_described() -> None:
    """The batch's table names what the header's values hold."""
    section = _section("Batch")
    for name in (*_described(batch.Header), *_described(batch.Mapping)):
        assert name == "mapping" or f"`{name}`" in section


def test_bounds_in_the_text_are_the_bounds_in_the_code() -> None:
    """Numbers of bytes and rows stand once in the code, and the text says the same."""
    for number in (batch.MAX_BYTES, batch.MAX_INFLATED, receipt.MAX_BYTES, birth.MAX_BYTES, media.MAX_BYTES):
        assert f"{number:,}" in TEXT
    assert f"{batch.MAX_ROWS} rows" in TEXT
    for leaf in topics.LEAVES:
        assert f"`ot/1/<station>/{leaf}`" in TEXT


def test_every_kind_reason_and_tag_is_named() -> None:
    """The small numbers that the text lists are those of codes.py."""
    for code in (codes.GapReason, codes.MediaKind, codes.TamperKind, codes.NoteKind):
        for member in code:
            words = member.name.lower().replace("_", " ").removesuffix(" (webp)")
            assert re.search(rf"\b{member.value} {words}", TEXT), member
    for tag in codes.Tag:
        words = tag.name.lower().replace("_", " ") if tag.name else ""
        assert re.search(rf"\b{tag.value} {words}".replace("no contact", "no-contact"), TEXT), tag


def test_the_tables_of_classes_and_species_have_one_line_a_number() -> None:
    """Numbers and names are unique and fit their bytes."""
    assert len(classes.BY_NUMBER) == len(classes.BY_NAME) == len(classes.CLASSES)
    assert all(0 < number <= 0xFF for number in classes.BY_NUMBER)
    assert all(line.sense in ("sound", "picture", "both") for line in classes.CLASSES)
    assert all(0 < number <= 0xFFFF for number in species.taxa())


def test_a_class_newer_than_the_table_counts_as_a_threat() -> None:
    """What an old hub does not know travels first and waits for the safe mark."""
    assert classes.is_threat(250)
    assert classes.name_of(250) == "class-250"
    assert classes.is_threat(1)
    assert not classes.is_threat(12)
