"""The docs say what there is: every key, field and command is described, and what is described exists.

The shape that this reads: in `docs/station.md` and `docs/hub.md` a heading with `[section]` (or the name of the file,
for its topmost keys) is followed by a table whose first column holds the keys; the text below a heading with a command,
such as `otorongo-station sense`, names each option of that command.
"""

import argparse
import importlib
import inspect
import pkgutil
import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from msgspec import Struct

import otorongo.wire
from otorongo.language import say, speak

ROOT = Path(__file__).parents[1]
PROGRAMS = ("station", "hub")
COMMANDS = ("station", "hub", "models")
FENCE = re.compile(r"^```toml\n(.*?)^```", re.DOTALL | re.MULTILINE)
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def doc(program: str) -> str:
    """The page of a program."""
    return (ROOT / "docs" / f"{program}.md").read_text()


def parts(text: str) -> list[tuple[str, str]]:
    """(heading, text up to the next heading) of a page."""
    found = list(HEADING.finditer(text))
    ends = [match.start() for match in found[1:]] + [len(text)]
    return [(match[1], text[match.end() : end]) for match, end in zip(found, ends, strict=True)]


# ---- configuration


def structs_in(kind: Any) -> Iterator[type[Struct]]:
    """The Structs in a type: itself, or those inside a union, a tuple, a mapping or an Annotated."""
    if inspect.isclass(kind) and issubclass(kind, Struct):
        yield kind
    for argument in get_args(kind):
        yield from structs_in(argument)


def sections(kind: type[Struct], name: str = "") -> Iterator[tuple[str, type[Struct]]]:
    """(dotted section, its type) of a configuration, the whole file first under the name ""."""
    yield name, kind
    for field in msgspec.structs.fields(kind):
        for inner in structs_in(field.type):
            yield from sections(inner, f"{name}.{field.encode_name}".lstrip("."))


@cache
def config_type(program: str) -> type[Struct]:
    """The type of a program's whole file: the strict Struct of its `config` module that is part of no other."""
    module = importlib.import_module(f"otorongo.{program}.config")
    strict = [
        kind
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, Struct) and kind.__struct_config__.forbid_unknown_fields
    ]
    inner = {kind for outer in strict for field in msgspec.structs.fields(outer) for kind in structs_in(field.type)}
    (whole,) = [kind for kind in strict if kind not in inner]
    return whole


def table_keys(text: str) -> set[str]:
    """What the first columns of a part's tables name."""
    first = re.findall(r"^\|([^|]*)\|", text, re.MULTILINE)
    return {key for cell in first for key in re.findall(r"`([a-z][a-z0-9_]*)`", cell)}


def titles(program: str, section: str) -> tuple[str, ...]:
    """What a heading may call a section."""
    return (f"`[{section}]`", f"`[[{section}]]`") if section else (f"`{program}.toml`",)


def mistakes_in_keys(program: str, text: str, kind: type[Struct]) -> list[str]:
    """Keys that are not described, and described ones that are none."""
    found = []
    for section, inner in sections(kind):
        fields = msgspec.structs.fields(inner)
        names = {field.encode_name for field in fields}
        holders = {field.encode_name for field in fields if any(structs_in(field.type))}
        described: set[str] = set()
        for heading, body in parts(text):
            if any(title in heading for title in titles(program, section)):
                described |= table_keys(body)
        found += [f"[{section}] {key}: not described" for key in sorted(names - holders - described)]
        found += [f"[{section}] {key}: described, but no such key" for key in sorted(described - names)]
    return found


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_key_is_described_and_exists(program: str) -> None:
    """The page of a program has a table row for each key of its configuration, and for no other."""
    found = mistakes_in_keys(program, doc(program), config_type(program))
    assert not found, f"docs/{program}.md:\n" + "\n".join(found)


def test_a_forgotten_key_is_caught() -> None:
    """The check can fail: a key without its row, and a row without its key."""

    class Inner(Struct, forbid_unknown_fields=True):
        wait_s: int = 0

    class Whole(Struct, forbid_unknown_fields=True):
        name: str = ""
        uplink: Inner | None = None

    good = "# `x.toml`\n| key |\n|---|\n| `name` |\n## `[uplink]`\n| `wait_s` | s |\n"
    assert mistakes_in_keys("x", good, Whole) == []
    bad = good.replace("wait_s", "weight_s")
    assert mistakes_in_keys("x", bad, Whole) == [
        "[uplink] wait_s: not described",
        "[uplink] weight_s: described, but no such key",
    ]


# ---- examples


def examples() -> list[tuple[str, str, str]]:
    """(where, program, text) of every example configuration: files, and TOML in the docs and the README."""
    found = [
        (str(path.relative_to(ROOT)), "hub" if path.stem.startswith("hub") else "station", path.read_text())
        for folder in ("deploy", "demo")
        for path in sorted((ROOT / folder).rglob("*.toml"))
    ]
    for path in [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"]:
        if not path.exists():
            continue
        for number, text in enumerate(FENCE.findall(path.read_text()), 1):
            program = "hub" if "hub.toml" in text.partition("\n")[0] or path.stem == "hub" else "station"
            found.append((f"{path.relative_to(ROOT)} example {number}", program, text))
    return found


def unknown_keys(data: dict[str, Any], kind: type[Struct], at: str = "") -> Iterator[str]:
    """Keys of a fragment that its configuration does not have."""
    fields = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
    for key, value in data.items():
        if key not in fields:
            yield f"{at}{key}"
            continue
        for inner in structs_in(fields[key]):
            for entry in value if isinstance(value, list) else [value]:
                if isinstance(entry, dict):
                    yield from unknown_keys(entry, inner, f"{at}{key}.")


@pytest.mark.parametrize(("where", "program", "text"), examples(), ids=lambda value: value if len(value) < 60 else "")
def test_every_example_loads(tmp_path: Path, where: str, program: str, text: str) -> None:
    """A whole file (its first line is a comment that names it) loads; a fragment has only keys that exist."""
    if where.endswith(".toml"):
        load(program, ROOT / where)
    elif f"{program}.toml" in text.partition("\n")[0]:
        (tmp_path / where.replace("/", " ")).write_text(text)
        load(program, tmp_path / where.replace("/", " "))
    else:
        assert list(unknown_keys(tomllib.loads(text), config_type(program))) == []


def load(program: str, path: Path) -> None:
    """Read a configuration as its program does."""
    importlib.import_module(f"otorongo.{program}.config").load(path)


def test_there_is_an_example_of_each() -> None:
    """A technician finds one file for a station and one for a hub."""
    assert {program for where, program, _ in examples() if where.startswith("deploy/examples/")} == set(PROGRAMS)


# ---- the wire


# Values in memory that hold others; they do not travel under a name of their own.
WIRE_INSIDE = {
    ("Batch", "header"),
    ("Batch", "records"),
    ("Header", "mapping"),
    ("Record", "row"),
    ("Unknown", "fields"),
    ("Unknown", "tag"),
}


def wire_structs() -> list[type[Struct]]:
    """Every value that the wire defines."""
    names = [module.name for module in pkgutil.iter_modules(otorongo.wire.__path__)]
    modules = [importlib.import_module(f"otorongo.wire.{name}") for name in names]
    return [
        kind
        for module in modules
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, Struct) and kind.__module__ == module.__name__ and not kind.__name__.startswith("_")
    ]


def test_every_wire_field_is_described() -> None:
    """The contract's text names each field of each value, whichever file it is in (tests/wire goes into detail)."""
    text = (ROOT / "otorongo/wire/README.md").read_text()
    fields = {(kind.__name__, name) for kind in wire_structs() for name in kind.__struct_fields__}
    assert len(fields) > 50
    missing = {(kind, name) for kind, name in fields if f"`{name}`" not in text} - WIRE_INSIDE
    assert not missing


# ---- commands


def commands(parser: argparse.ArgumentParser, *words: str) -> Iterator[tuple[str, set[str]]]:
    """(command, its long options) of a program, without the commands that only hold others."""
    inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not inner:
        options = {option for action in parser._actions for option in action.option_strings if option.startswith("--")}
        yield " ".join(words), options - {"--help"}
    for action in inner:
        for name, sub in action.choices.items():
            yield from commands(sub, *words, name)


def mistakes_in_commands(text: str, program: str, parser: argparse.ArgumentParser) -> list[str]:
    """Commands and options that are not described, and described commands that are none."""
    existing = dict(commands(parser, program))
    described: dict[str, str] = {}
    for heading, body in parts(text):
        for name in re.findall(rf"`({program}(?: [a-z][a-z-]*)+)[^`]*`", heading):
            described[name] = body
    found = [f"{name}: no heading" for name in sorted(existing.keys() - described.keys())]
    found += [f"{name}: described, but no such command" for name in sorted(described.keys() - existing.keys())]
    for name in sorted(existing.keys() & described.keys()):
        found += [
            f"{name} {option}: not described"
            for option in sorted(existing[name])
            if f"`{option}" not in described[name]
        ]
    return found


@pytest.mark.parametrize("program", COMMANDS)
def test_every_command_is_described_and_exists(program: str) -> None:
    """Each command has its heading, each option its word below it, and no heading speaks of a command that is none."""
    parser = importlib.import_module(f"otorongo.{program}.__main__").parser()
    found = mistakes_in_commands(doc(program), f"otorongo-{program}", parser)
    assert not found, f"docs/{program}.md:\n" + "\n".join(found)


@pytest.mark.parametrize("program", COMMANDS)
def test_the_readme_names_every_command(program: str) -> None:
    """Whoever reads only the first page knows what there is: each subcommand stands there as code."""
    parser = importlib.import_module(f"otorongo.{program}.__main__").parser()
    code = " ".join(re.findall(r"```.*?```|`[^`]+`", (ROOT / "README.md").read_text(), re.DOTALL))
    names = {command.split()[1] for command, _ in commands(parser, f"otorongo-{program}")}
    assert len(names) > 5
    assert sorted(name for name in names if not re.search(rf"(?<![\w-]){name}(?![\w-])", code)) == []


def test_a_forgotten_command_is_caught() -> None:
    """The check can fail: a command without heading, an option without word, a heading without command."""
    parser = argparse.ArgumentParser()
    actions = parser.add_subparsers().add_parser("station").add_subparsers()
    actions.add_parser("add").add_argument("--dir")
    actions.add_parser("list")
    good = "## `x station add NAME`\n`--dir DIR`: where\n## `x station list`\n"
    assert mistakes_in_commands(good, "x", parser) == []
    bad = good.replace("`--dir", "`--folder").replace("station list", "station ls")
    assert mistakes_in_commands(bad, "x", parser) == [
        "x station list: no heading",
        "x station ls: described, but no such command",
        "x station add --dir: not described",
    ]


# ---- what is typed


LINE = re.compile(r"(?:^|[ (])(otorongo-(station|hub|models) [^#|&;`\n]*)", re.MULTILINE)
BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"(?<![\w/.])((?:deploy|scripts|locks|systemd)/[\w./-]*[\w-])")
PAGES = sorted((ROOT / "docs").glob("*.md"))


def typed(text: str) -> list[tuple[str, list[str]]]:
    """(program, its arguments) of every command line in a page's blocks of shell."""
    blocks = [block for kind, block in BLOCK.findall(text) if kind in ("", "sh")]
    lines = [match for block in blocks for match in LINE.findall(block)]
    return [(program, shlex.split(line)[1:]) for line, program in lines]


def refused(program: str, words: list[str]) -> bool:
    """Whether a program does not take these arguments; those that all its commands take may stand anywhere."""
    module = importlib.import_module(f"otorongo.{program}.__main__")
    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    module._common(early)
    try:
        module.parser().parse_args(early.parse_known_args(words)[1])
    except SystemExit:
        return True
    return False


@pytest.mark.parametrize("path", [*PAGES, ROOT / "README.md"], ids=lambda path: path.name)
def test_every_command_line_of_a_page_can_be_typed(path: Path) -> None:
    """Each program takes the arguments that a page gives it, and each file of ours that a page names is there."""
    text = path.read_text()
    assert [(program, *words) for program, words in typed(text) if refused(program, words)] == []
    assert [name for name in FILE.findall(text) if not any(ROOT.glob(name + "*"))] == []


def test_technicians_have_their_commands_in_spanish() -> None:
    """Their page goes from letting a station in to shutting it out, as the log says it; the README leads to it."""
    commands_there = {(program, words[0]) for program, words in typed((ROOT / "docs/tecnicos.md").read_text())}
    wanted = {("hub", "station"), *(("station", name) for name in ("check", "tail", "tune", "replay"))}
    assert wanted <= commands_there
    speak("es")
    logged = say("uplink: connected (%s)").partition(" (")[0]
    assert f"«{logged}»" in (ROOT / "docs/tecnicos.md").read_text()
    assert "(docs/tecnicos.md)" in (ROOT / "README.md").read_text()


def test_ecologists_have_their_way_from_a_card_to_a_table_in_spanish() -> None:
    """Looking, names of their own, figures, review and export, each with its command; the README leads there."""
    page = (ROOT / "docs/ecologos.md").read_text()
    there = {(program, words[0]) for program, words in typed(page)}
    assert there >= {("models", name) for name in ("see", "train-species", "evaluate")}
    assert there >= {("hub", "station"), ("hub", "export"), ("station", "replay"), ("station", "uplink")}
    assert [words for program, words in typed(page) if refused(program, words)] == []
    assert "(docs/ecologos.md)" in (ROOT / "README.md").read_text()


def test_a_command_line_that_nobody_can_type_is_caught() -> None:
    """The check can fail: an option that is none, found behind sudo and before a comment."""
    good = "```sh\nsudo -u otorongo otorongo-hub station add K-02 --dir /media/usb   # keys\n```\n"
    ((program, words),) = typed(good)
    assert (program, refused(program, words)) == ("hub", False)
    ((program, words),) = typed(good.replace("--dir", "--folder"))
    assert refused(program, words)
