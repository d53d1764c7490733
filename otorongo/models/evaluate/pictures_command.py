"""`otorongo-models evaluate pictures`, and `evaluate gate` for a bundle of pictures."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from otorongo import toml
from otorongo.errors import OtorongoError
from otorongo.language import say
from otorongo.models import evidence_pictures, manifest
from otorongo.models.errors import BundleError, InputError
from otorongo.models.evaluate import (
    gate,
    pictures,
    pictures_figures,
    pictures_gate,
    pictures_rendered,
    pictures_report,
    pictures_sheet,
)
from otorongo.models.evaluate.bundle_files import sealed, toml_text, with_section
from otorongo.models.evaluate.measured import progress
from otorongo.models.evaluate.pictures_gate import Kept
from otorongo.models.evaluate.pictures_look import FLOAT, SHIPPED, Eyes, Looked, look, open_eyes
from otorongo.models.evaluate.pictures_report import Measured
from otorongo.models.evidence_pictures import BEGIN, END, PictureData, PictureEvidence, PictureFloat
from otorongo.models.shelves import FILE_NAME as MANIFEST


def evaluate(given: argparse.Namespace) -> int:
    """Measure a bundle of pictures; 1 where quantizing lost over a point. Raises BundleError, InputError."""
    eyes = open_eyes(given.bundle, given.float_models or ())
    if not given.pictures:
        raise InputError(say("nothing to look at: give --pictures FOLDER"))
    found = pictures.collect(given.pictures)
    for words in found.left_out:
        print(say("left out: {words}", words=words.spoken()), file=sys.stderr)
    measured, kept = measure(eyes, found)
    if given.into_bundle:
        put_into(measured, kept)
        evidence_pictures.check(manifest.load(eyes.bundle.folder))
        told = say("{name}, card and manifest are written", name=evidence_pictures.FILE_NAME)
        print(f"{eyes.bundle.folder}: {told}")
    out: Path = given.out
    out.mkdir(parents=True, exist_ok=True)
    title = f"# {eyes.bundle.manifest.reference}: evaluation on pictures\n\n"
    (out / "report.md").write_text(title + pictures_report.report(measured))
    (out / evidence_pictures.FILE_NAME).write_text(toml_text(measured.evidence))
    mistakes = pictures_figures.mistakes(eyes, measured.looked, SHIPPED)
    paths = pictures_sheet.sheets(eyes, mistakes, out)
    print(say("{path}: written", path=out / "report.md"))
    for path in paths:
        text = say("{path}: may show people: only you can read it (0600). Delete it when you are done.", path=path)
        print(text)
    print(evidence_pictures.aims_table(measured.evidence))
    return _failed(measured.lost)


def measure(eyes: Eyes, found: pictures.Found) -> tuple[Measured, Kept | None]:
    """Look at everything, and what is to be kept of it where float networks were beside. Raises InputError."""
    with progress(len(found.pictures), "pictures") as bar:
        looked, damaged = look(eyes, found.pictures, bar)
    if not looked:
        raise InputError(say("no picture could be read: {why}", why=damaged[0] if damaged else say("there are none")))
    with progress(pictures_rendered.count(looked), "rendered pictures") as bar:
        changed = pictures_rendered.rendered(eyes, looked, bar)
    data = pictures.digests(one.picture for one in looked)
    if FLOAT in eyes.by_name:
        kept: Kept | None = pictures_gate.keep(eyes, looked)
    elif kept := _stated(eyes, looked, data):
        looked, kept = pictures_gate.with_floats(looked, kept), pictures_gate.kept_again(looked, kept)
    lost = pictures_gate.losses(kept, kept.shipped_logit, eyes) if kept else []
    evidence = PictureEvidence(
        networks=evidence_pictures.networks(eyes.bundle),
        pictures=len(looked),
        data=data,
        aims=pictures_figures.aims(eyes, looked, SHIPPED),
        float_gate=tuple(
            PictureFloat(
                name=one.wire, places=one.recordings, pictures=one.windows, recall=round(one.float_recall, 4),
                shipped=round(one.shipped_recall, 4), low=round(one.low, 4), high=round(one.high, 4),
                verdict=one.verdict,
            )
            for one in lost
        ),
        rendered=changed,
    )  # fmt: skip
    return Measured(eyes, tuple(looked), found.left_out, tuple(damaged), evidence, tuple(lost)), kept


def _stated(eyes: Eyes, looked: Sequence[Looked], data: tuple[PictureData, ...]) -> Kept | None:
    """What the bundle keeps of its float networks, if it is of these networks and these pictures."""
    bundle = eyes.bundle
    if not {pictures_gate.ROLE, evidence_pictures.ROLE} <= bundle.manifest.files.keys():
        return None
    try:
        told = toml.load(bundle.path(evidence_pictures.ROLE), PictureEvidence)
        stated = pictures_gate.kept(bundle)
    except OtorongoError as error:
        print(say("left out: the float networks: {error}", error=error), file=sys.stderr)
        return None
    fits = (told.networks, told.data) == (evidence_pictures.networks(bundle), data)
    return stated if fits and pictures_gate.same(eyes, looked, stated) else None


def put_into(measured: Measured, kept: Kept | None) -> None:
    """Write evidence, card section and digests into the bundle's folder. Raises BundleError."""
    bundle = measured.eyes.bundle
    folder = bundle.folder
    if "card" not in bundle.manifest.files:
        raise BundleError(
            say("{folder}: files.card: is missing: the evidence belongs into a card", folder=folder / MANIFEST)
        )
    card = bundle.path("card")
    (folder / evidence_pictures.FILE_NAME).write_text(toml_text(measured.evidence))
    roles = {evidence_pictures.ROLE: folder / evidence_pictures.FILE_NAME, "card": card}
    if kept:
        kept.save(folder / pictures_gate.FILE_NAME)
        roles[pictures_gate.ROLE] = folder / pictures_gate.FILE_NAME
    card.write_text(with_section(card.read_text(), pictures_report.report(measured), BEGIN, END))
    path = folder / MANIFEST
    path.write_text(sealed(path.read_text(), roles))


def judge(given: argparse.Namespace, bundle: manifest.Bundle) -> int:
    """The networks that lie here against what the bundle says of its float ones. Raises BundleError, InputError."""
    told, name = evidence_pictures.check(bundle), bundle.manifest.reference
    if told is None or pictures_gate.ROLE not in bundle.manifest.files:
        print(f"{name}: keeps nothing of float networks, so that no loss can be shown")
        return 0
    eyes, stated = open_eyes(given.bundle), pictures_gate.kept(bundle)
    with progress(len(stated.probe_shipped), f"{name}: golden pictures") as bar:
        probed = pictures_gate.probe(eyes, stated, bar)
    print(f"{name}: golden pictures, changed (they show that these networks were measured, not how well they see)")
    for one in probed:
        print(
            f"  {one.wire:10} {one.windows:4} pictures  float {one.float_recall:.3f}  shipped {one.stated_recall:.3f}  "
            f"here {one.here_recall:.3f}  apart {one.apart:.3f}  {one.verdict}"
        )
    failed = _failed(probed)
    if not given.pictures:
        print("  no pictures: give --pictures FOLDER with those that the bundle names in its evidence-pictures.toml")
        return failed
    lost = pictures_gate.again(eyes, _same(given.pictures, eyes, told), stated)
    known = [each.wire for each in lost if _is_told(each, told)]
    print(f"{name}: recall at the working threshold, against the float networks, of {told.pictures} pictures")
    for each in lost:
        print(
            f"  {each.wire:10} {each.recordings:3} places  float {each.float_recall:.3f}  here "
            f"{each.shipped_recall:.3f}  drop {each.drop:+.3f} ({each.low:+.3f} to {each.high:+.3f})  {each.verdict}"
            + (", as its card says" if each.wire in known else "")
        )
    return max(failed, _failed([each for each in lost if each.wire not in known]))


def _is_told(here: gate.Lost, told: PictureEvidence) -> bool:
    """Whether a loss is the one that the card tells, and not over a point more."""
    drops = [one.drop for one in told.float_gate if one.name == here.wire and one.verdict == "fails"]
    return here.verdict == "fails" and bool(drops) and here.drop <= drops[0] + gate.LARGEST_DROP


def _same(folders: Sequence[Path], eyes: Eyes, told: PictureEvidence) -> list[Looked]:
    """What is seen in the pictures that the bundle was measured with. Raises BundleError where these are others."""
    found = pictures.collect(folders)
    here = {one.name: one.sha256 for one in pictures.digests(found.pictures)}
    other = [one.name for one in told.data if here.pop(one.name, "") != one.sha256] + list(here)
    if other:
        raise BundleError(
            say(
                "{role}: data: was measured with other pictures of {names} than are here; give the same "
                "ones, or evaluate again with --float",
                role=eyes.bundle.path(evidence_pictures.ROLE),
                names=", ".join(other),
            )
        )
    with progress(len(found.pictures), "pictures") as bar:
        return look(eyes, found.pictures, bar)[0]


def _failed(found: Sequence[gate.Lost | gate.Probed]) -> int:
    failed = gate.failures(found)
    if failed:
        print(f"FAILED: over one point of recall is lost: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0
