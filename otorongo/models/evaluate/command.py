"""`otorongo-models evaluate sound`, `pictures` and `gate`: measure a bundle, write its report, keep its evidence."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from otorongo.language import say
from otorongo.models import evidence, manifest
from otorongo.models.errors import BundleError, InputError
from otorongo.models.evaluate import beside, fading, gate, measures, plots, recordings, report, scoring
from otorongo.models.evaluate.bundle_files import Written, put_into, toml_text
from otorongo.models.evaluate.measured import Measured, measure, progress
from otorongo.models.evaluate.scoring import SHIPPED


def evaluate(given: argparse.Namespace) -> int:
    """Run the command; the exit status. Raises BundleError, InputError or ConfigError."""
    if given.what == "pictures":
        from otorongo.models.evaluate import pictures_command  # loads OpenCV, which no sound needs

        return pictures_command.evaluate(given)
    return _gate(given) if given.what == "gate" else _sound(given)


def _sound(given: argparse.Namespace) -> int:
    ears = scoring.open_ears(given.bundle, given.float_model, given.second)
    if not given.recordings and not given.background:
        raise InputError(say("nothing to hear: give --recordings FOLDER, or --background FOLDER, or both"))
    if given.beside and not given.second:
        raise InputError(say("--beside needs --second BUNDLE, whose opinion it sets beside the bundle's"))
    if not 0 <= given.rendered_hours <= 1000:
        raise InputError(
            say("--rendered-hours {rendered_hours:g}: allowed is 0 to 1000", rendered_hours=given.rendered_hours)
        )
    found = recordings.collect(given.recordings, given.background, ears.bundle)
    for words in found.left_out:
        print(f"left out: {words}", file=sys.stderr)
    measured = measure(ears, found, rendered_h=given.rendered_hours, gate_windows=given.gate_windows)
    if given.into_bundle:
        put_into(ears.bundle, measured.evidence, written(measured, ears.bundle.folder))
        evidence.check(manifest.load(ears.bundle.folder))
        print(f"{ears.bundle.folder}: {evidence.FILE_NAME}, card, pictures and manifest are written")
    else:
        out: Path = given.out
        out.mkdir(parents=True, exist_ok=True)
        files = written(measured, out)
        title = f"# {ears.bundle.manifest.reference}: evaluation\n\n"
        (out / "report.md").write_text(title + files.text)
        (out / evidence.FILE_NAME).write_text(toml_text(measured.evidence))
        print(f"{out / 'report.md'}: written, with {len(files.pictures)} pictures")
    if given.beside:
        given.beside.write_text(beside.section(measured))
        print(f"{given.beside}: written")
    for line in report.told(measured):
        print(line)
    return _failed(measured.lost)


def written(measured: Measured, folder: Path) -> Written:
    """Draw the pictures into a folder, and write the text that shows them."""
    pictures: dict[str, Path] = {}
    if not plots.available():
        print("no pictures: matplotlib is missing: pip install 'otorongo[evaluate]'", file=sys.stderr)
    elif measured.classes:
        pictures = _draw(measured, folder)
    return Written(report.report(measured, pictures=set(pictures)), pictures, measured.kept)


def _draw(measured: Measured, folder: Path) -> dict[str, Path]:
    names, curves = measured.ears.names, {}
    for wire in measured.classes:
        place = measured.ears.wires.index(wire)
        truth = measured.scored.truth[:, place]
        known = truth >= 0
        curves[wire] = {
            ear: measures.roc(measured.scored.p[ear][known, place], truth[known]) for ear in measured.ears.of(wire)
        }
    said = {wire: by_ear[SHIPPED].reliability for wire, by_ear in measured.classes.items()}
    paths = {role: folder / report.picture(role) for role in report.PLOTS}
    plots.roc(curves, names, paths["roc"])
    plots.reliability(said, paths["reliability"])
    plots.confusers(*report.confusers(measured), paths["confusers"])
    if measured.levels:
        plots.fading(measured.levels, measured.distances, names, paths["fading"])
    else:
        del paths["fading"]
    return paths


def _gate(given: argparse.Namespace) -> int:
    """The network that lies here against what the bundle says of its float one."""
    bundle = manifest.load(given.bundle)
    if bundle.manifest.kind == "picture":
        from otorongo.models.evaluate import pictures_command

        return pictures_command.judge(given, bundle)
    ears = scoring.open_ears(given.bundle)
    name = ears.bundle.manifest.reference
    told = evidence.check(ears.bundle)
    if told is None or gate.ROLE not in ears.bundle.manifest.files:
        print(f"{name}: keeps nothing of a float network, so that no loss can be shown")
        return 0
    stated = gate.kept(ears.bundle)
    found = _same_recordings(given, ears, told) if given.recordings else None
    most = given.windows
    if most is not None and most < 1:
        raise InputError(say("--windows {most}: allowed is 1 or more", most=most))
    count = len(stated.probe_shipped) if most is None else min(len(stated.probe_shipped), most * len(gate.PROBES))
    with progress(count, f"{name}: rendered windows") as bar:
        probed = gate.probe(ears, stated, bar, most)
    print(f"{name}: rendered windows (they show that this network is the one that was measured, and what eight bits "
          "cost on them; not how it hears)")  # fmt: skip
    for one in probed:
        print(
            f"  {one.wire:10} {one.windows:4} windows  float {one.float_recall:.3f}  shipped {one.stated_recall:.3f}  "
            f"here {one.here_recall:.3f}  drop {one.drop:+.3f} ({one.low:+.3f} to {one.high:+.3f})  "
            f"apart {one.apart:.3f}  {one.verdict}"
        )
    failed = _failed(probed)
    if found is None:
        print("  no recordings: give --recordings FOLDER with those that the bundle names in its evidence.toml")
        return failed
    with progress(len(stated.wires) + 1, f"{name}: recordings") as bar:
        bench = fading.bench(found.recordings, ears, stated.wires)
        bar()
        lost = gate.again(ears, bench, stated, bar, most)
    print(f"{name}: recall at the working threshold, against the float network of "
          f"{sum(each.windows for each in lost)} windows")  # fmt: skip
    for each in lost:
        print(
            f"  {each.wire:10} {each.recordings:3} recordings  float {each.float_recall:.3f}  here "
            f"{each.shipped_recall:.3f}  drop {each.drop:+.3f} ({each.low:+.3f} to {each.high:+.3f})  {each.verdict}"
        )
    return max(failed, _failed(lost))


def _same_recordings(given: argparse.Namespace, ears: scoring.Ears, told: evidence.Evidence) -> recordings.Found:
    """The recordings that the bundle was measured with. Raises BundleError where these are others."""
    found = recordings.collect(given.recordings, given.background, ears.bundle)
    here = {each.name: each.sha256 for each in recordings.digests(found.recordings)}
    other = [each.name for each in told.data if here.pop(each.name, "") != each.sha256] + list(here)
    if other:
        raise BundleError(
            say(
                "{role}: data: was measured with other recordings of {names} than are here; give the same "
                "ones, or evaluate again with --float",
                role=ears.bundle.path(evidence.ROLE),
                names=", ".join(other),
            )
        )
    return found


def _failed(found: Sequence[gate.Lost | gate.Probed]) -> int:
    failed = gate.failures(found)
    if failed:
        print(f"FAILED: over one point of recall is lost: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0
