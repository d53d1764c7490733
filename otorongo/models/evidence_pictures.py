"""What a picture bundle may say of itself: `evidence-pictures.toml`, and the rule that its card says the same.

Aims stand with what was reached, and what the count still allows (95 %, by place): none of 20 empties passed still
allows that 16 % pass. A table of aims in the card that is not that of the file is refused.
"""

import math
from textwrap import fill
from typing import Annotated, Final, Literal

import msgspec

from otorongo import toml
from otorongo.language import say
from otorongo.models.class_words import named
from otorongo.models.errors import BundleError
from otorongo.models.manifest import Bundle

ROLE: Final = "evidence-pictures"
FILE_NAME: Final = "evidence-pictures.toml"
BEGIN: Final = "<!-- evidence: written by `otorongo-models evaluate pictures`, checked by `otorongo-models check` -->"
END: Final = "<!-- evidence of pictures: end -->"

_AIMS: Final = """\
On camera-trap frames only: no portraits, and nothing that the detectors are known to have learned from. *Reached* and \
*missed* are said where the whole 95 % interval (by place) is on one side of the aim; else it is *not shown*, whatever \
the share in these frames is. The last column counts places that are missing, each with a frame of its own, of cameras \
in this forest from which no network has learned."""
_PROOF: Final = """\
And, as rows of their own, people at night in infrared, in rain, and beyond 10 m: none is to be had, so that nothing \
is shown of them; what is told below as *rendered* is no evidence of it. `--pictures FOLDER` with a `labels.csv` adds \
pictures (docs/models.md)."""
_MOST_PLACES: Final = 100_000
_RENDERED: Final = """\
Nobody has pictures of people in infrared or in rain that may be used here. These are the same pictures, changed by \
simple physics: grey by a lamp whose light falls with distance and away from the middle, with noise, a hot middle and \
the blur of a step; streaks of rain; drops and a film of water on the lens; people from labelled boxes, 1.7 m high, on \
the ground of empty frames whose view is 42 degrees high; a box that the frame's edge cuts. They say what is lost of \
what was seen, not what is reached in the forest: no aim is judged by them. People are mostly those of the regression \
set, from which the detectors have learned, for want of others; frames are those that count for the aims, and those of \
a night are darkened once more. Looked at once and again where the networks doubt; a station also looks again where \
something moves."""

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
    low: float
    high: float
    """95 % interval of the share lost, by place, paired."""
    verdict: Literal["passes", "fails", "not shown"]

    @property
    def drop(self) -> float:
        """Recall lost."""
        return self.recall - self.shipped


class PictureRendered(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a change of the same pictures takes away: no figure of the field."""

    what: str
    """The change."""
    name: str
    """The class, or `anything`."""
    there: bool
    """Whether it is in the pictures; else what is counted are false alarms."""
    set: str
    tries: Count
    places: Count
    plain: Count
    """Seen in the unaltered pictures."""
    hits: Count
    """Seen in the changed ones."""
    low: Share
    high: Share
    """95 % interval of `hits` by place."""
    lost: float
    lost_low: float
    lost_high: float
    """Share that was seen before and is not after, and its 95 % interval by place, paired."""


class PictureEvidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole of `evidence-pictures.toml`."""

    networks: dict[str, Digest]
    """By role: those that were measured."""
    pictures: Count
    data: tuple[PictureData, ...]
    aims: tuple[Aim, ...]
    float_gate: tuple[PictureFloat, ...] = ()
    rendered: tuple[PictureRendered, ...] = ()


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
    if rendered_table(found) not in text[begin:end]:
        raise BundleError(f"{card}: its rendered rows are not those of {FILE_NAME}; {again}")
    if gate_table(found) not in text[begin:end]:
        raise BundleError(f"{card}: what quantizing costs is not that of {FILE_NAME}; {again}")
    return found


def networks(bundle: Bundle) -> dict[str, str]:
    """Digests of the bundle's networks by role."""
    return {role: file.sha256 for role, file in bundle.manifest.files.items() if role in ("model", "things")}


def aims_table(found: PictureEvidence) -> str:
    """The part of the card that holds the aims, as Markdown: the same evidence, the same text."""
    out = ["## Evidence: aims, and what was reached", "", fill(_AIMS, 120), ""]
    out += ["| aim | share | reached | 95 % | places | | what would show it |", "|---" * 7 + "|"]
    for one in found.aims:
        sign = "at least" if one.at_least else "at most"
        told = f"{one.hits} of {one.tries}" if one.tries else "0 pictures"
        bounds = f"{one.low:.3f} to {one.high:.3f}" if one.tries else "-"
        out.append(
            f"| {one.name} | {sign} {one.aim:.2f} | {told} | {bounds} | {one.places} | {_said(one)} | {_missing(one)} |"
        )
    return "\n".join([*out, "", fill(_PROOF, 120)]) + "\n"


def rendered_table(found: PictureEvidence) -> str:
    """The part of the card that holds the rendered rows; empty where there are none."""
    if not found.rendered:
        return ""
    out = ["### Rendered: night, rain, drops, distance, the frame's edge", "", fill(_RENDERED, 120), ""]
    out += ["| rendered | counted | pictures | places | seen as they are | seen rendered | 95 % | lost, paired |"]
    out += ["|---" * 8 + "|"]
    for one in found.rendered:
        counted = one.name if one.there else f"false: {one.name}"
        out.append(
            f"| {one.what} | {counted} | {one.set}: {one.tries} | {one.places} | {one.plain} | {one.hits} | "
            f"{one.low:.2f} to {one.high:.2f} | {one.lost:+.2f} ({one.lost_low:+.2f} to {one.lost_high:+.2f}) |"
        )
    return "\n".join(out) + "\n"


def gate_table(found: PictureEvidence) -> str:
    """The part of the card that holds what quantizing costs; empty where no float network was beside."""
    if not found.float_gate:
        return ""
    out = ["| class | places | pictures | float | shipped | drop | interval |  |", "|---" * 8 + "|"]
    out += [
        f"| {one.name} | {one.places} | {one.pictures} | {one.recall:.3f} | {one.shipped:.3f} | {one.drop:+.3f} | "
        f"{one.low:+.3f} to {one.high:+.3f} | {one.verdict} |"
        for one in found.float_gate
    ]
    return "\n".join(out) + "\n"


def _said(one: Aim) -> str:
    value = one.hits / one.tries if one.tries else 0.0
    off = one.aim - value if one.at_least else value - one.aim
    if one.verdict == "missed":
        return f"missed by {off:.3f}"
    if one.verdict == "not shown" and one.tries:
        here = f"missed by {off:.3f} in these frames" if off > 0 else "kept in these frames"
        allowed = f"it may still be {one.low:.2f}" if one.at_least else f"{100 * one.high:.0f} % are still allowed"
        return f"not shown: {here}, and {allowed}"
    return one.verdict


def _missing(one: Aim) -> str:
    """How many places more would show an aim (Wilson 1927, one frame a place) if none of them is a mistake."""
    if one.verdict != "not shown":
        return "-" if one.verdict == "reached" else "nothing: other networks are needed"
    wrong = one.tries - one.hits if one.at_least else one.hits
    for places in range(max(1, one.places), _MOST_PLACES):
        if _wilson_high(wrong, places) <= (1 - one.aim if one.at_least else one.aim):
            return f"{places - one.places} places more without a mistake" + (
                f" (after {wrong} so far)" if wrong else ""
            )
    return "more than can be counted"


def _wilson_high(hits: int, tries: int) -> float:
    """Upper end of Wilson's 95 % interval; 1 where there are fewer places than mistakes."""
    z, p = 1.96, min(1.0, hits / tries)
    return (p + z * z / (2 * tries) + z * math.sqrt(p * (1 - p) / tries + z * z / (4 * tries**2))) / (1 + z * z / tries)


def summary(found: PictureEvidence) -> str:
    """One line for `check`, in the language spoken; an aim that nobody translated is told as it was written."""
    verdicts = {"reached": say("reached"), "missed": say("missed"), "not shown": say("not shown")}
    shown = [say(one.name) + f": {verdicts[one.verdict]}" for one in found.aims]
    failed = [one.name for one in found.float_gate if one.verdict == "fails"]
    lost = ", ".join(say("anything") if name == "anything" else named(name) for name in failed)
    if lost:
        shown.append(say("eight bits lose over one point of recall: {names}", names=lost))
    return say("evidence: {count} pictures", count=found.pictures) + f"; {'; '.join(shown)}"
