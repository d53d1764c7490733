"""What a picture bundle may say of itself: `evidence-pictures.toml`, and the rule that its card says the same.

Aims stand with what was reached, and what the count still allows (95 %, by place): none of 20 empties passed still
allows that 16 % pass. A table of aims in the card that is not that of the file is refused.
"""

from textwrap import fill
from typing import Annotated, Final, Literal

import msgspec

from otorongo import toml
from otorongo.models.errors import BundleError
from otorongo.models.manifest import Bundle

ROLE: Final = "evidence-pictures"
FILE_NAME: Final = "evidence-pictures.toml"
BEGIN: Final = "<!-- evidence: written by `otorongo-models evaluate pictures`, checked by `otorongo-models check` -->"
END: Final = "<!-- evidence of pictures: end -->"

_AIMS: Final = """\
On camera-trap frames only: no portraits, and nothing that the detectors are known to have learned from. *Reached* and \
*missed* are said where the whole 95 % interval (by place) is on one side of the aim; else it is *not shown*, whatever \
the share is."""
_PROOF: Final = """\
What would show it: frames of cameras in this forest that no network was trained on, each from a place of its own or \
nearly so: at least 189 that show nobody and nothing (2 % is shown by none of 189 passed), 75 with an animal, a person \
or a vehicle and 75 with a person by day (0.95 is shown by 75 of 75); and, as rows of their own, people at night in \
infrared, in rain, and beyond 10 m. `--pictures FOLDER` with a `labels.csv` adds them (docs/models.md)."""

Count = Annotated[int, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class PictureData(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One set of pictures."""

    name: str
    standing: str
    """What its figures are worth."""
    files: Count
    places: Count
    sha256: Digest
    """Of the lines "SHA-256 of a file, two spaces, its name in the set", sorted."""


class Aim(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One of the project's aims and what came of it."""

    name: str
    at_least: bool
    """The share is to be that large; else that small."""
    aim: Share
    hits: Count
    tries: Count
    places: Count
    low: Share
    high: Share
    """95 % interval by place."""

    @property
    def verdict(self) -> Literal["reached", "missed", "not shown"]:
        """Said only where the whole interval is on one side."""
        reached = self.low >= self.aim if self.at_least else self.high <= self.aim
        missed = self.high < self.aim if self.at_least else self.low > self.aim
        if not self.tries or not (reached or missed):
            return "not shown"
        return "reached" if reached else "missed"


class PictureFloat(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Recall of the float networks at the working threshold, which the shipped ones must not lose."""

    name: str
    places: Count
    pictures: Count
    recall: Share
    shipped: Share


class PictureEvidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole of `evidence-pictures.toml`."""

    networks: dict[str, Digest]
    """By role: those that were measured."""
    pictures: Count
    data: tuple[PictureData, ...]
    aims: tuple[Aim, ...]
    float_gate: tuple[PictureFloat, ...] = ()


def check(bundle: Bundle) -> PictureEvidence | None:
    """The evidence of a picture bundle, read and judged; None where it has none. Raises BundleError, ConfigError."""
    if bundle.manifest.kind != "picture" or ROLE not in bundle.manifest.files:
        return None
    again = f"measure it: otorongo-models evaluate pictures {bundle.folder} --pictures FOLDER --into-bundle"
    path = bundle.path(ROLE)
    found = toml.load(path, PictureEvidence)
    here = networks(bundle)
    if found.networks != here:
        other = ", ".join(sorted({role for role, _ in set(here.items()) ^ set(found.networks.items())}))
        raise BundleError(f"{path}: networks: others than the bundle's were measured (of {other}); {again}")
    if "card" not in bundle.manifest.files:
        raise BundleError(f"{bundle.folder / 'manifest.toml'}: files.card: is missing: the aims stand in it; {again}")
    card = bundle.path("card")
    text = card.read_text(errors="replace")
    begin, end = text.find(BEGIN), text.find(END)
    if begin < 0 or end < begin or not text[begin:end].startswith(f"{BEGIN}\n{aims_table(found)}"):
        raise BundleError(f"{card}: its aims are not those of {FILE_NAME}; {again}")
    return found


def networks(bundle: Bundle) -> dict[str, str]:
    """Digests of the bundle's networks by role."""
    return {role: file.sha256 for role, file in bundle.manifest.files.items() if role in ("model", "things")}


def aims_table(found: PictureEvidence) -> str:
    """The part of the card that holds the aims, as Markdown: the same evidence, the same text."""
    out = ["## Evidence: aims, and what was reached", "", fill(_AIMS, 120), ""]
    out += ["| aim | share | reached | 95 % | places | |", "|---" * 6 + "|"]
    for one in found.aims:
        sign = "at least" if one.at_least else "at most"
        told = f"{one.hits} of {one.tries}" if one.tries else "0 pictures"
        bounds = f"{one.low:.3f} to {one.high:.3f}" if one.tries else "-"
        out.append(f"| {one.name} | {sign} {one.aim:.2f} | {told} | {bounds} | {one.places} | {_said(one)} |")
    return "\n".join([*out, "", fill(_PROOF, 120)]) + "\n"


def _said(one: Aim) -> str:
    value = one.hits / one.tries if one.tries else 0.0
    off = one.aim - value if one.at_least else value - one.aim
    if one.verdict == "missed":
        return f"missed by {off:.3f}"
    if one.verdict == "not shown" and one.tries:
        allowed = f"may still be {one.low:.2f}" if one.at_least else f"{100 * one.high:.0f} % are still allowed"
        return f"not shown: {allowed}"
    return one.verdict


def summary(found: PictureEvidence) -> str:
    """One line for `check`."""
    shown = [f"{one.name}: {one.verdict}" for one in found.aims]
    return f"evidence: {found.pictures} pictures; {'; '.join(shown)}"
