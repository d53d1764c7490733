"""A running bundle: an ONNX Runtime session, and the one call that turns a sample into calibrated scores."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime
from msgspec import Struct
from numpy.typing import NDArray

from otorongo.language import say
from otorongo.models import calibrate
from otorongo.models.errors import BundleError, InputError
from otorongo.models.manifest import Bundle, ClassSpec, Golden
from otorongo.models.rollup import Look


class ClassScore(Struct, frozen=True):
    """What the bundle says of one class in one sample."""

    wire_class: int
    p: float
    """Calibrated probability, 0 to 1."""
    evidence: float
    """logit(p) - logit(prior), capped at +-8."""
    hit: bool
    """p reached the class's threshold."""
    label: str
    """The bundle's own name for it; several labels may share a wire class."""
    looks: tuple[Look, ...] = ()
    """Of animals in a picture: what a network of names says of each that reaches the threshold, the surest first."""


@dataclass(frozen=True)
class BoxScore:
    """A thing in a picture: class, calibrated p, and its place in shares (0 to 1) of the picture, from its top left."""

    wire_class: int
    p: float
    x: float
    y: float
    w: float
    h: float


@dataclass(frozen=True)
class SpeciesScore:
    """A species that a bundle of species hears."""

    p: float
    scientific: str
    spanish: str
    english: str
    wire: str
    """Name of the wire class that it belongs to."""


@dataclass(frozen=True)
class Verdict:
    """All that a bundle says of one sample: one score per class in the manifest's order, and what it has besides."""

    scores: tuple[ClassScore, ...]
    boxes: tuple[BoxScore, ...] = ()
    """Of pictures: those that reach their thresholds."""
    faint: tuple[BoxScore, ...] = ()
    """Of pictures: every box that a network has drawn, however unsure it is; the others are among them."""
    species: tuple[SpeciesScore, ...] = ()
    """The likeliest, from bundles that know species."""
    doubted: tuple[ClassScore, ...] = ()
    """Of two opinions: what the first one alone said, where both together say something else."""
    fault: str = ""
    """What failed beside the network that always runs, in a sentence; empty: nothing."""

    def of(self, label: str) -> ClassScore:
        """The score of one label. Raises KeyError."""
        for score in self.scores:
            if score.label == label:
                return score
        raise KeyError(label)


class Classifier(Protocol):
    """A bundle ready to score samples."""

    bundle: Bundle

    def scores(self, data: NDArray[Any], rate_hz: int = 0) -> Verdict:
        """Score one sample.

        Sound: float (n,) mono in [-1, 1] at `rate_hz` (0: the bundle's), at most one window.
        Picture: uint8 RGB (H, W, 3).
        Raises InputError for anything else.
        """


class Network(Protocol):
    """One network, run one input after the other."""

    inputs: dict[str, list[Any]]
    """Shapes by name."""
    outputs: dict[str, list[Any]]

    def run(self, tensor: NDArray[Any], *names: str) -> list[NDArray[Any]]:
        """Feed the first input; the outputs of these names, else all in order."""


def open_session(path: Path, threads: int = 1, *, lean: bool = False) -> Network:
    """A session of the kind that the file's suffix asks for: `.tflite` by LiteRT, all else by ONNX Runtime.

    `lean` as `Session` has it. Raises BundleError.
    """
    if path.suffix == ".tflite":
        from otorongo.models.litert import LiteSession

        return LiteSession(path, threads)
    return Session(path, threads, lean=lean)


class Session:
    """A network in ONNX, run one input after the other on `threads` threads."""

    def __init__(self, path: Path, threads: int = 1, *, lean: bool = False) -> None:
        """`lean` gives memory back after each run: the process of a camera holds 17 MB less with boxes@1."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        # A waiting pool that spins would eat the battery between windows.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # The shape never changes, so the arena holds what one run needs and no more.
        options.enable_mem_pattern = options.enable_cpu_mem_arena = not lean
        options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's exceptions have no common base but this
            raise BundleError(
                say(
                    "{path}: onnxruntime {version} cannot load it: {error}",
                    path=path,
                    version=onnxruntime.__version__,
                    error=error,
                )
            ) from error
        self.inputs: dict[str, list[Any]] = {each.name: each.shape for each in self._session.get_inputs()}
        self.outputs: dict[str, list[Any]] = {each.name: each.shape for each in self._session.get_outputs()}

    def run(self, tensor: NDArray[Any], *names: str) -> list[NDArray[Any]]:
        """Feed the first input; the outputs of these names, else all in order.

        ONNX Runtime computes the others as well, whatever its options say: an embedding takes 2 % of `threats`.
        """
        feed = {next(iter(self.inputs)): tensor}
        result: list[NDArray[Any]] = self._session.run(list(names) or None, feed)
        return result


def open_classifier(bundle: Bundle, threads: int = 1) -> Classifier:
    """A classifier over a loaded bundle. Only the code of the bundle's own sense is imported. Raises BundleError."""
    if bundle.manifest.kind == "sound" and "species" in bundle.manifest.files:
        from otorongo.models.species import SpeciesClassifier

        return SpeciesClassifier(bundle, threads)
    if bundle.manifest.kind == "sound":
        from otorongo.models.sound import SoundClassifier

        return SoundClassifier(bundle, threads)
    if bundle.manifest.names:
        from otorongo.models.name_animals import Namer

        return Namer(bundle, threads)
    if bundle.manifest.detector not in {"", "boxes"}:
        from otorongo.models.detectors import Detector

        return Detector(bundle, threads)
    from otorongo.models.boxes import BoxClassifier

    return BoxClassifier(bundle, threads)


def class_score(spec: ClassSpec, score: float) -> ClassScore:
    """A network's raw logit of one class as calibrated p and evidence."""
    p = calibrate.sigmoid(calibrate.platt(score, spec.calibration.slope, spec.calibration.offset))
    return ClassScore(spec.wire_class, p, calibrate.evidence(p, spec.prior), p >= spec.threshold, spec.label)


def golden_input(bundle: Bundle, golden: Golden) -> NDArray[Any]:
    """A golden sample as `Classifier.scores` takes it. Raises BundleError."""
    path = bundle.path(golden.file)
    try:
        data: NDArray[Any] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise BundleError(say("{path}: is no .npy file that can be read: {error}", path=path, error=error)) from error
    if bundle.manifest.kind == "picture":
        return data
    if data.dtype not in (np.int8, np.int16):
        raise BundleError(say("{path}: holds {dtype} (allowed for sound: int8, int16)", path=path, dtype=data.dtype))
    return data.astype(np.float32) / np.float32(-float(np.iinfo(data.dtype).min))


@dataclass(frozen=True)
class GoldenResult:
    """How far this machine is from the maker's on one golden sample and label."""

    file: str
    label: str
    expected_p: float
    p: float
    difference: float
    """In logit(p), both clipped to +-8."""
    ok: bool


def check_goldens(classifier: Classifier) -> list[GoldenResult]:
    """Run every golden sample of the bundle. Raises BundleError when one cannot be read or run."""
    manifest = classifier.bundle.manifest
    rate_hz = manifest.sound.rate_hz if manifest.sound else 0
    found = []
    for golden in manifest.golden:
        try:
            verdict = classifier.scores(golden_input(classifier.bundle, golden), rate_hz)
        except InputError as error:
            raise BundleError(f"{classifier.bundle.path(golden.file)}: {error}") from error
        for label, expected in golden.p.items():
            try:
                p = verdict.of(label).p
            except KeyError as error:
                raise BundleError(
                    say(
                        "{reference}: golden {file}: has no output {label!r}",
                        reference=manifest.reference,
                        file=golden.file,
                        label=label,
                    )
                ) from error
            apart = abs(calibrate.clip(calibrate.logit(p)) - calibrate.clip(calibrate.logit(expected)))
            found.append(GoldenResult(golden.file, label, expected, p, apart, apart <= golden.tolerance))
    return found
