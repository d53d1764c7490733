"""What the types of a manifest alone cannot say: each key that is wrong, and why. Pure."""

import re
from typing import TYPE_CHECKING, Final

from otorongo.wire import classes

if TYPE_CHECKING:  # the manifest asks for these checks: only their types point back
    from otorongo.models.manifest import Manifest, SoundInput

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}")


def complaints(manifest: "Manifest") -> list[tuple[str, str]]:
    """Each key that is wrong, and why."""
    found: list[tuple[str, str]] = []
    if not _NAME.fullmatch(manifest.name):
        found.append(("name", f"is {manifest.name!r} (allowed: 1 to 32 of a-z, 0-9, - and _, a letter first)"))
    if (manifest.sound is None) == (manifest.picture is None):
        found.append(("sound, picture", "exactly one of the two tables must be there"))
    if manifest.sound is not None:
        found += _sound_complaints(manifest.sound)
    if manifest.picture is not None and min(manifest.picture.std) <= 0:
        found.append(("picture.std", f"is {manifest.picture.std} (allowed: above 0)"))
    if manifest.embedding and (manifest.sound is None or manifest.sound.patches > 1):
        found.append(("embedding", "only a network that hears a window of sound whole can give one"))
    if "model" not in manifest.files:
        found.append(("files.model", "is missing"))
    found += _detector_complaints(manifest)
    return found + _name_complaints(manifest) + _class_complaints(manifest) + _golden_complaints(manifest)


def _name_complaints(manifest: "Manifest") -> list[tuple[str, str]]:
    """A bundle of names has its outputs in files.labels; what speaks of names has no meaning in another."""
    if manifest.names:
        return [] if manifest.picture else [("files.labels", "names animals in pictures: it needs a [picture] table")]
    found = []
    if not manifest.classes:
        found.append(("classes", "are missing: only a bundle of names (files.labels) needs none"))
    set_here = {
        "files.head": "head" in manifest.files,
        "crop": manifest.crop is not None,
        "temperature": manifest.temperature != 1.0,
        "activation": manifest.activation != "softmax",
        "validated": manifest.validated,
    }
    return found + [
        (key, "is for a bundle of names: files.labels is missing") for key, is_set in set_here.items() if is_set
    ]


def _detector_complaints(manifest: "Manifest") -> list[tuple[str, str]]:
    """A detector of others is one network, whose outputs each class names."""
    if manifest.detector in {"", "boxes"}:
        return []
    found = []
    if manifest.picture is None:
        found.append(("detector", "draws boxes in pictures: it needs a [picture] table"))
    if manifest.things is not None:
        found.append(("things", f"is a second network, which {manifest.detector!r} has not (allowed for: boxes)"))
    for index, spec in enumerate(manifest.classes):
        if not spec.outputs:
            found.append((f"classes[{index}].outputs", "are missing: which of the detector's classes mean this one"))
    return found


def _class_complaints(manifest: "Manifest") -> list[tuple[str, str]]:
    found = []
    labels = [spec.label for spec in manifest.classes]
    allowed = [line.name for line in classes.CLASSES if line.sense in (manifest.kind, "both")]
    for index, spec in enumerate(manifest.classes):
        key = f"classes[{index}]"
        if labels.index(spec.label) != index:
            found.append((f"{key}.label", f"{spec.label!r} is there twice"))
        if spec.wire not in allowed:
            found.append((f"{key}.wire", f"{spec.wire!r} is no {manifest.kind} class (allowed: {', '.join(allowed)})"))
        if spec.hits > spec.of:
            reason = f"{spec.hits} hits never come in {spec.of} windows (allowed: at most `of`)"
            found.append((f"{key}.hits", reason))
    return found


def _golden_complaints(manifest: "Manifest") -> list[tuple[str, str]]:
    found = []
    labels = [spec.label for spec in manifest.classes]
    for index, golden in enumerate(manifest.golden):
        key = f"golden[{index}]"
        if golden.file not in manifest.files:
            allowed = ", ".join(manifest.files)
            found.append((f"{key}.file", f"{golden.file!r} is not in files (allowed: {allowed})"))
        # The names of a bundle of names stand in a file of its own; `name_animals` compares them.
        unknown = [] if manifest.names else sorted(set(golden.p) - set(labels))
        if unknown or not golden.p:
            found.append((f"{key}.p", f"labels {unknown} are not in classes (allowed: {', '.join(labels)})"))
    return found


def _sound_complaints(sound: "SoundInput") -> list[tuple[str, str]]:
    found = []
    if sound.tensor == "log_mel" and not sound.fmin_hz < sound.fmax_hz <= sound.rate_hz / 2:
        found.append(("sound.fmax_hz", f"is {sound.fmax_hz} (allowed: above fmin_hz, at most half of rate_hz)"))
    if sound.hop_s > sound.window_s:
        reason = f"is {sound.hop_s}: sound between windows would be lost (allowed: at most window_s)"
        found.append(("sound.hop_s", reason))
    if sound.tensor == "waveform":
        return found
    if sound.frame > sound.n_fft:
        found.append(("sound.frame", f"is {sound.frame} (allowed: at most n_fft, {sound.n_fft})"))
    if sound.patches > 1 and not sound.patch_frames:
        found.append(("sound.patch_frames", f"is missing: {sound.patches} patches need their length"))
    if sound.patch_frames > sound.frames:
        reason = f"is {sound.patch_frames}, but a window has {sound.frames} frames (allowed: at most those)"
        found.append(("sound.patch_frames", reason))
    if sound.window_samples < sound.n_fft:
        reason = f"is {sound.window_s}, shorter than n_fft (allowed: at least n_fft / rate_hz)"
        found.append(("sound.window_s", reason))
    return found
