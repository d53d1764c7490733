"""The locks install what `pyproject.toml` asks for, checked by hash, and tell nobody where it came from."""

import contextlib
import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

LOCKS = ("station", "pi", "litert", "evaluate", "hub", "train", "dev")
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;]+)(?P<marker>[^\\]*)\\?$")


def pins(root: Path, lock: str) -> dict[tuple[str, str], str]:
    """(name, marker) -> version, of one lock."""
    found: dict[tuple[str, str], str] = {}
    for line in (root / "locks" / f"{lock}.txt").read_text().splitlines():
        if match := PIN.match(line):
            found[canonicalize_name(match["name"]), match["marker"].strip()] = match["version"]
    assert found, f"{lock} names nothing"
    return found


def wanted(root: Path, lock: str) -> list[Requirement]:
    """What `pyproject.toml` asks for where this lock is installed."""
    settings = tomllib.loads((root / "pyproject.toml").read_text())
    extras = settings["project"]["optional-dependencies"]
    groups = {
        "station": extras["station"],
        "pi": extras["station"] + extras["pi"],
        "litert": extras["station"] + extras["litert"],
        "evaluate": extras["station"] + extras["evaluate"],
        "hub": extras["hub"],
        "train": extras["station"] + extras["litert"] + extras["train"],
        "dev": extras["station"] + extras["hub"] + settings["dependency-groups"]["dev"],
    }
    lines = settings["build-system"]["requires"] + settings["project"]["dependencies"] + groups[lock]
    return [Requirement(line) for line in lines if not line.startswith("otorongo")]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned(root: Path, lock: str) -> None:
    """Each requirement of an extra stands in its lock at a version that satisfies it."""
    pinned = pins(root, lock)
    for requirement in wanted(root, lock):
        versions = [version for (name, _), version in pinned.items() if name == canonicalize_name(requirement.name)]
        assert versions, f"{requirement} is not in locks/{lock}.txt: run `make lock`"
        assert all(requirement.specifier.contains(version) for version in versions), f"{requirement}: {versions}"


def test_no_pin_is_for_another_python(root: Path) -> None:
    """What is installed as pinned is for Python 3.11, also by the upper end that uv passes over and pip does not."""
    for (name, _), version in pins(root, "dev").items():
        with contextlib.suppress(metadata.PackageNotFoundError):
            told = metadata.metadata(name)
            if told["Version"] == version and "Requires-Python" in told:
                assert SpecifierSet(told["Requires-Python"]).contains("3.11.2"), f"{name}: see scripts/lock"


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_hash_and_no_address(root: Path, lock: str) -> None:
    """A lock holds only pins and their SHA-256 hashes: no registry, no folder of this machine."""
    blocks = re.split(r"\n(?=\S)", (root / "locks" / f"{lock}.txt").read_text().strip())
    for block in blocks:
        first, *hashes = block.splitlines()
        assert PIN.match(first), f"not a pin: {first}"
        assert hashes, f"no hash: {first}"
        assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line) for line in hashes), first


def test_the_locks_agree(root: Path) -> None:
    """What is tested (dev) is what a station and a hub install."""
    tested = pins(root, "dev")
    for lock in ("station", "hub"):
        differing = {key: version for key, version in pins(root, lock).items() if tested.get(key) != version}
        assert not differing, f"locks/{lock}.txt differs from locks/dev.txt: {differing}"


def test_torch_is_for_training_only(root: Path) -> None:
    """No station, hub or test run installs torch."""
    with_torch = [lock for lock in LOCKS if any(name == "torch" for name, _ in pins(root, lock))]
    assert with_torch == ["train"]
