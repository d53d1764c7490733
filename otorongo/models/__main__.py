"""`otorongo-models`: look at bundles, prove that they compute what their makers' did, and try them on sound."""

import argparse
import logging
import shutil
import sys
import textwrap
import time
from collections.abc import Sequence
from typing import Final

from otorongo import __version__, logs
from otorongo.errors import OtorongoError
from otorongo.language import LANGUAGES, say, say_count, speak
from otorongo.models import (
    add_picture,
    adding,
    evaluating,
    evidence,
    evidence_pictures,
    listen_words,
    manifest,
    runtime,
    search_words,
    see_words,
    shelves,
)
from otorongo.models.class_words import named
from otorongo.models.manifest import Bundle, Manifest
from otorongo.models.species_train import words as species_words
from otorongo.pipes import printing

STOPPED: Final = 130
"""The exit status of whoever was stopped by Ctrl-C, as shells have it."""


def parser() -> argparse.ArgumentParser:
    """The commands and their options. `--lang` may stand anywhere."""
    about = say("Bundles: look at them, prove them, and try them on sound and pictures.")
    top = argparse.ArgumentParser(prog="otorongo-models", description=about)
    _common(top)
    top.add_argument(
        "--version", action="version", version=f"otorongo {__version__}", help=say("show the version and exit")
    )
    commands = top.add_subparsers(dest="command", required=True, metavar=say("COMMAND"))
    check = commands.add_parser("check", help=say("verify digests and evidence, and run the golden samples"))
    check.add_argument(
        "bundle", metavar=say("BUNDLE"), nargs="*", help=say("name@version or a folder; without one, all there are")
    )
    check.add_argument("--quiet", action="store_true", help=say("one line per bundle"))
    commands.add_parser("list", help=say("the bundles that come with the program, and those that were added"))
    show = commands.add_parser("show", help=say("what a bundle says of itself"))
    show.add_argument("bundle", metavar=say("BUNDLE"), help=say("name@version or a folder"))
    adding.options(commands.add_parser("add", help=say("bring a bundle that does not come with the program")))
    listen_words.options(
        commands.add_parser("listen", help=say("what a station would make of a recording, to be seen"))
    )
    see_words.options(
        commands.add_parser("see", help=say("what a station would make of pictures; MegaDetector's JSON"))
    )
    species_words.options(
        commands.add_parser("train-species", help=say("a bundle of names from pictures that somebody reviewed"))
    )
    search_words.options(commands.add_parser("search", help=say("windows on a card that sound like a recording")))
    search_words.missed_options(
        commands.add_parser("missed", help=say("of sounds that people verified, how many were told"))
    )
    search_words.missed_pictures_options(
        commands.add_parser("missed-pictures", help=say("of frames that a camera rejected, how many held something"))
    )
    listen_words.adapt_options(
        commands.add_parser("adapt", help=say("thresholds for a site, of hours of its background"))
    )
    evaluating.options(
        commands.add_parser("evaluate", help=say("what a bundle reaches on labelled recordings or pictures"))
    )
    return top


def _common(to: argparse.ArgumentParser) -> None:
    to.add_argument("--lang", choices=LANGUAGES, help=say("es or en; else as OTORONGO_LANG, LC_ALL or LANG says"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when all is well, 1 when a bundle is not, 2 for a wrong call."""
    return printing(lambda: _main(arguments))


def _main(arguments: Sequence[str] | None) -> int:
    speak()
    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    _common(early)
    common, rest = early.parse_known_args(arguments)
    speak(common.lang)
    given = parser().parse_args(rest)
    logs.begin(logging.WARNING)
    given.lang = common.lang
    try:
        return _run(given)
    except OtorongoError as error:
        print(f"otorongo-models: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        told = say("stopped")
        if given.command == "train-species" or (given.command == "see" and given.json):
            told = say("stopped; what was looked at is kept, and the same command goes on from there")
        print(f"\notorongo-models: {told}", file=sys.stderr)
        return STOPPED


def _run(given: argparse.Namespace) -> int:
    if given.command == "check":
        return check_all(given.bundle or [*shelves.zoo(), *shelves.added()], quiet=given.quiet)
    if given.command == "add":
        return adding.add(given)
    if given.command == "listen":
        from otorongo.models.listen import listen

        return listen(given)
    if given.command in {"see", "train-species"}:
        return _with_pictures(given)
    if given.command == "adapt":
        from otorongo.models.listen_adapt import adapt

        return adapt(given)
    if given.command == "search":
        from otorongo.models.search import search

        return search(given)
    if given.command == "missed":
        from otorongo.models.missed import missed

        return missed(given)
    if given.command == "missed-pictures":
        from otorongo.models.missed_pictures import missed_pictures

        return missed_pictures(given)
    if given.command == "evaluate":
        from otorongo.models.evaluate.command import evaluate

        return evaluate(given)
    if given.command == "list":
        return list_all()
    return show_one(given.bundle)


def _with_pictures(given: argparse.Namespace) -> int:
    """The commands that look at pictures in folders."""
    if given.command == "see":
        from otorongo.models.see import see

        return see(given)
    from otorongo.models.species_train.command import train_species

    return train_species(given)


def check_all(references: Sequence[str], *, quiet: bool) -> int:
    """Check each bundle and go on after one that fails. Returns the exit code."""
    if not references:
        print(say("no bundle to check: the zoo is empty"), file=sys.stderr)
        return 1
    failed = 0
    for reference in references:
        try:
            failed += not check_one(reference, quiet=quiet)
        except OtorongoError as error:
            print(f"{reference}:", say("FAILED"))
            print(f"  {error}")
            failed += 1
    return 1 if failed else 0


def check_one(reference: str, *, quiet: bool) -> bool:
    """Print the table of one bundle; True when every golden output is within its tolerance."""
    started = time.perf_counter()
    bundle = manifest.load(reference)
    told, seen = evidence.check(bundle), evidence_pictures.check(bundle)
    classifier = runtime.open_classifier(bundle)
    results = runtime.check_goldens(classifier)
    good = all(result.ok for result in results)
    size = sum(bundle.path(role).stat().st_size for role in bundle.manifest.files)
    seconds = time.perf_counter() - started
    worst = max(result.difference for result in results)
    print(f"{bundle.manifest.reference}:", say("ok") if good else say("FAILED"))
    files = say_count("{count} file", "{count} files", len(bundle.manifest.files))
    print(
        say(
            "  {files}, {size:.2f} MB, whole (digest {digest})", files=files, size=size / 1e6, digest=bundle.digest[:12]
        )
    )
    goldens = say_count("{count} golden value", "{count} golden values", len(results))
    print(
        say("  {goldens}, the worst {worst:.3f} apart; {seconds:.1f} s", goldens=goldens, worst=worst, seconds=seconds)
    )
    if told:
        print(f"  {evidence.summary(told)}")
    if unsure := [spec.label for spec in bundle.manifest.classes if spec.experimental]:
        print(say("  experimental: {names}", names=", ".join(named(one) for one in unsure)))
    if seen:
        print(f"  {evidence_pictures.summary(seen)}")
    if good and quiet:
        return True
    golden, label, expected, here, apart = say("golden"), say("label"), say("expected p"), say("here"), say("apart")
    print(f"  {golden:<18}{label:<12}{expected:>11}{here:>9}{apart:>8}")
    for result in results:
        mark = "" if result.ok else say("  too far apart")
        values = f"{result.expected_p:>11.4f}{result.p:>9.4f}{result.difference:>8.3f}"
        print(f"  {result.file:<18}{result.label:<12}{values}{mark}")
    if not good:
        print(
            say(
                "  This machine computes something else than the bundle's maker: update onnxruntime, "
                "or report its version."
            )
        )
    return good


def list_all() -> int:
    """One line per bundle; a broken one is named as such."""
    failed, broken = 0, say("broken")
    references = [*shelves.zoo(), *shelves.added()]
    wide = max(14, *(len(one) + 2 for one in references))
    for reference in references:
        try:
            about = manifest.load(reference).manifest
            kinds = {"sound": say("sound"), "picture": say("pictures")}
            what = say("names") if about.names else say_count("{count} class", "{count} classes", len(about.classes))
            print(f"{reference:<{wide}}{kinds[about.kind]:<9} {what}\n{_summary(about)}")
        except OtorongoError as error:
            print(f"{reference:<{wide}}{broken:<9} {error}")
            failed = 1
    return failed


def _summary(about: Manifest) -> str:
    """What a bundle is for, over as many lines as it takes; of those that we know, in the language that is spoken."""
    ours = {
        "boxes": say("people, vehicles, boats, dogs, cattle and animals in pictures: where they are"),
        "names": say("what ImageNet knows of the animals of Peru, mostly groups; says nothing of all others"),
        "threats": say("chainsaws, engines, aircraft and shots among rain, wind, animals, fire and voices"),
    }
    added = {
        "yamnet": say(
            "YAMNet, 13 of its 521 classes: a second opinion on chainsaws, engines, aircraft, shots and speech"
        ),
        "birdnet": say("BirdNET 2.4: species of birds, by choice and for non-commercial use"),
    }
    name = about.reference.partition("@")[0]
    unproved = say("neither calibrated nor measured in Peru")
    kinds = {kind.what: say(kind.what) for kind in add_picture.KINDS.values()}
    others = {f"{what}{add_picture.UNPROVED}": f"{told}; {unproved}" for what, told in kinds.items()}
    text = others.get(about.summary) or (ours if about.reference in shelves.zoo() else added).get(name, about.summary)
    return textwrap.fill(text, shutil.get_terminal_size().columns - 1, initial_indent="  ", subsequent_indent="  ")


def show_one(reference: str) -> int:
    """Input, classes, sources and card of one bundle."""
    bundle = manifest.load(reference)
    about = bundle.manifest
    print(f"{about.reference}\n{_summary(about)}")
    print(say("licence {licence}, digest {digest}", licence=about.licence, digest=bundle.digest[:12]))
    print("\n" + say("Input, as manifest.toml has it:"))
    for field in about.input.__struct_fields__:
        print(f"  {field:<16}{getattr(about.input, field)}")
    if about.names:
        _print_names(bundle)
    else:
        _print_classes(bundle)
    print("\n" + say("Made from:"))
    for source in about.sources:
        print(f"  {source.what} ({source.licence}) {source.attribution}".rstrip())
    _print_card(bundle)
    return 0


def _print_classes(bundle: Bundle) -> None:
    label, name, threshold, event = say("label"), say("class"), say("threshold"), say("event")
    prior, unsure = say("prior"), say("experimental")
    print(f"\n  {label:<11}{name:<20}{threshold:>9}{event:>10}{prior:>8}")
    for spec in bundle.manifest.classes:
        rule = say("{hits} of {windows}", hits=spec.hits, windows=spec.of)
        mark = f"  {unsure}" if spec.experimental else ""
        print(f"  {spec.label:<11}{named(spec.wire):<20}{spec.threshold:>9.3f}{rule:>10}{spec.prior:>8.4f}{mark}")


def _print_names(bundle: Bundle) -> None:
    """What a bundle of names can say, and what of it lives here."""
    from otorongo.models import labels, rollup

    outputs = labels.read(bundle.path("labels"))
    known = {label for label in outputs if not label.special and label.lineage != rollup.ANIMAL}
    here = sorted(label.name for label in known if rollup.allowed(label.lineage))
    about = bundle.manifest
    print("\n  " + (say("validated here") if about.validated else say("not validated on animals of the region")))
    print(
        say(
            "  {outputs} outputs, {names} names; {here} of them live in Peru:",
            outputs=len(outputs),
            names=len(known),
            here=len(here),
        )
    )
    for name in here:
        print(f"    {name}")
    print(say("  the others climb to the group that they share with what lives here"))


def _print_card(bundle: Bundle) -> None:
    if "card" in bundle.manifest.files:
        print("\n" + bundle.path("card").read_text(errors="replace"))


if __name__ == "__main__":
    sys.exit(main())
