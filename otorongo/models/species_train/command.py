"""`otorongo-models train-species`: a bundle of names from pictures that somebody reviewed."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from otorongo.language import language, say
from otorongo.models import labels, manifest, shelves
from otorongo.models.errors import BundleError, InputError
from otorongo.models.manifest import Bundle
from otorongo.models.species_train import bundle, fit, gather_camtrap, gather_folder, judge
from otorongo.models.species_train.card import Judged, card, doubts
from otorongo.models.species_train.features import Backbone, Seen, look_at
from otorongo.models.species_train.names import Class
from otorongo.models.species_train.samples import Gathered, Reason, enough, numbered
from otorongo.models.species_train.words import said

LISTED = 10


def train_species(given: argparse.Namespace) -> int:
    """Gather, look, fit, judge, write; the exit status: 1 if INT8 loses too much. Raises OtorongoError."""
    lang = language(given.lang)
    shelves.parted(given.name, bundle.OPTION)
    out: Path = given.out
    if out.exists():
        raise BundleError(
            say("{out}: is there already: name another folder with --out, nothing is overwritten", out=out)
        )
    if not given.source.is_dir():
        raise InputError(say("{source}: there is no such folder", source=given.source))
    if given.source.resolve() in out.resolve().parents:
        raise BundleError(
            say("{out}: lies among the pictures of {source}: name a folder elsewhere", out=out, source=given.source)
        )
    if given.seed < 0:
        raise InputError(say("--seed {seed}: is no whole number from 0 on", seed=given.seed))
    base = manifest.load(given.backbone)
    found = _gathered(given)
    if found.called:
        called = "; ".join(f"{word} = {name}" for word, name in found.called)
        print(said("taken", lang).format(names=called), file=sys.stderr)
    enough(found)  # before anything takes long
    journal = out.with_name(f"{out.name}.features")
    backbone = Backbone(base, base.path("model"), given.threads)
    floating = _floating(given, base, backbone) if given.floating else None
    seen = look_at(found.samples, backbone, journal, _bar(said("cut", lang)))
    kept, dropped = enough(found._replace(samples=seen.samples))
    _say(found, seen, dropped, lang, boxed=given.boxes is not None)
    names = sorted(kept.classes)
    classes = [kept.classes[name] for name in names]
    at = [number for number, one in enumerate(seen.samples) if one.name in kept.classes]
    y = np.array(numbered(kept.samples, names), np.intp)
    places = np.unique([one.place for one in kept.samples], return_inverse=True)[1].astype(np.intp)
    count = int(places.max()) + 1
    print(said("pictures", lang).format(count=len(y), classes=len(names), places=count), file=sys.stderr)
    fitted = fit.fit(seen.x[at], y, places, len(names), seed=given.seed, told=_bar(said("fit", lang)))
    gate = _gate(given, floating, seen, at, fitted, y, places) if floating else None
    told = judge.answers(fitted.p, labels.parse(one.line for one in classes), y.tolist())
    judged = Judged(
        crops=len(y),
        places=count,
        places_known=kept.places_known,
        reviewed=kept.reviewed,
        figures=judge.figures(told, y.tolist(), places, names, given.seed),
        gate=gate,
        temperature=fitted.head.temperature,
        penalty=fitted.head.penalty,
        seed=given.seed,
        left=kept.left,
        dropped=dropped,
        broken=len(seen.broken),
    )
    _write(given, base, fitted.head, classes, judged, lang)
    print(said("kept", lang).format(path=journal), file=sys.stderr)
    return 1 if gate is not None and not gate.passed else 0


def _gathered(given: argparse.Namespace) -> Gathered:
    if gather_camtrap.is_package(given.source):
        found = gather_camtrap.gather(given.source, given.boxes, unreviewed=given.unreviewed)
    else:
        found = gather_folder.gather(given.source, given.boxes)
    if not found.samples:
        told = "; ".join(f"{count}: {why.spoken()}" for why, count in found.left.items()) or say("it holds no pictures")
        raise InputError(say("{source}: holds nothing to learn from ({told})", source=given.source, told=told))
    return found


def _write(
    given: argparse.Namespace, base: Bundle, head: fit.Head, classes: list[Class], judged: Judged, lang: str
) -> None:
    against = doubts(judged)
    if given.validated and against:
        print(said("not_validated", lang).format(why="; ".join(one.spoken() for one in against)), file=sys.stderr)
    validated = given.validated and not against
    made = bundle.Made(given.name, base, head, classes, judged, given.licence, validated)
    done = bundle.write(given.out, made)
    print(card(done.manifest.reference, base.manifest.reference, judged, say))
    print(said("written", lang).format(path=given.out))
    print(said("try", lang).format(path=given.out))


def _floating(given: argparse.Namespace, base: Bundle, shipped: Backbone) -> Backbone:
    """The float network, which must give as many features. Raises BundleError, InputError."""
    if not given.floating.is_file():
        raise InputError(say("{floating}: there is no such file", floating=given.floating))
    floating = Backbone(base, given.floating, given.threads)
    if floating.size != shipped.size:
        raise BundleError(
            say(
                "{floating}: gives {size} features, {backbone} {shape}",
                floating=given.floating,
                size=floating.size,
                backbone=given.backbone,
                shape=shipped.size,
            )
        )
    return floating


def _gate(
    given: argparse.Namespace,
    floating: Backbone,
    seen: Seen,
    at: list[int],
    fitted: fit.Fitted,
    y: fit.Classes,
    places: fit.Classes,
) -> judge.Gate:
    """The same crops, parts and fits on the features of the float network. Raises InputError."""
    lang = language(given.lang)
    journal = given.out.with_name(f"{given.out.name}.features-float")
    again = look_at([seen.samples[one] for one in at], floating, journal, _bar(said("cut", lang)))
    if again.samples != tuple(seen.samples[one] for one in at):
        raise InputError(say("{source}: its pictures changed meanwhile: begin again", source=given.source))
    classes = fitted.p.shape[1]
    theirs = fit.fit(again.x, y, places, classes, seed=given.seed, told=_bar(said("fit", lang)))
    return judge.gate(fitted.p, theirs.p, y.tolist(), places, given.seed)


def _say(found: Gathered, seen: Seen, dropped: tuple[tuple[str, Reason], ...], lang: str, *, boxed: bool) -> None:
    """What somebody should know before the figures."""

    def show(key: str, **more: object) -> None:
        print(said(key, lang).format(**more), file=sys.stderr)

    if seen.resumed:
        show("resumed", count=seen.resumed)
    for why, count in sorted(found.left.items(), key=str):
        show("left", count=count, why=why.spoken())
    if seen.broken:
        show("broken", count=len(seen.broken))
        for path, reason in seen.broken[:LISTED]:
            print(f"  {path}: {reason}", file=sys.stderr)
    for name, why in dropped:
        show("dropped", name=name, why=why.spoken())
    if whole := sum(one.box is None for one in seen.samples):
        special = boxed and all(found.classes[one.name].special for one in seen.samples if one.box is None)
        show("whole_special" if special else "whole", count=whole)
    if not found.places_known:
        show("no_places")


def _bar(what: str) -> Callable[[int, int], None]:
    """A bar for somebody who watches."""

    def told(done: int, of: int) -> None:
        if sys.stderr.isatty():
            full = 30 * done // of
            line = f"\r  {what} {'█' * full}{'░' * (30 - full)} {done}/{of}"
            sys.stderr.write(line if done < of else "\r" + " " * (len(line) + 4) + "\r")
            sys.stderr.flush()

    return told
