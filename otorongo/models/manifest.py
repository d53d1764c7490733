"""What one bundle is: `manifest.toml` as frozen values, and the proof that the files beside it are the ones it means.

A bundle is a folder: `manifest.toml`, `card.md`, the networks and the golden samples. `load("threats@5")` finds a
bundle of the zoo that comes with the program; `load("/srv/bundles/mine")` takes any folder. `README.md` beside this
file explains every key.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from otorongo import toml
from otorongo.language import say, why
from otorongo.models.errors import BundleError
from otorongo.models.manifest_check import complaints
from otorongo.models.shelves import FILE_NAME, added, find, zoo
from otorongo.wire import classes

_MAX_FILE_BYTES = 1 << 30
"""Of a file of a bundle: networks of others have hundreds of megabytes."""

Probability = Annotated[float, msgspec.Meta(gt=0.0, lt=1.0)]
Positive = Annotated[float, msgspec.Meta(gt=0.0)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class SoundInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How sound becomes the network's tensor, to train and to run. Terms as in librosa.feature.melspectrogram."""

    rate_hz: Annotated[int, msgspec.Meta(ge=4000, le=192_000)]
    window_s: Annotated[float, msgspec.Meta(gt=0.0, le=60.0)]
    hop_s: Positive
    """From one scored window to the next."""
    tensor: Literal["log_mel", "waveform"] = "log_mel"
    """`waveform` gives the network the samples themselves; then nothing below but `short` counts."""
    n_fft: Annotated[int, msgspec.Meta(ge=64, le=65_536)] = 1024
    frame: Annotated[int, msgspec.Meta(ge=0, le=65_536)] = 0
    """Samples under one Hann window, at most n_fft, zeros after them; 0: n_fft."""
    stft_hop: Count = 320
    n_mels: Annotated[int, msgspec.Meta(ge=8, le=512)] = 80
    fmin_hz: Annotated[float, msgspec.Meta(ge=0.0)] = 30.0
    fmax_hz: Positive = 7600.0
    mel_scale: Literal["slaney", "htk"] = "slaney"
    mel_norm: Literal["slaney", "none"] = "slaney"
    ramps: Literal["hz", "mel"] = "hz"
    """On which axis the sides of a filter are straight: `hz` as in librosa, `mel` as in TensorFlow."""
    center: bool = True
    pad_mode: Literal["constant", "reflect"] = "constant"
    """What stands before the first and after the last sample when `center` is true."""
    power: Positive = 2.0
    ref: Literal["one", "max"] = "one"
    """0 dB: a mel power of 1.0, or the loudest bin of the window."""
    amin: Positive = 1e-10
    top_db: Positive = 80.0
    """Bins quieter than the loudest by more than this are raised to it."""
    level: Literal["absolute", "window_mean"] = "absolute"
    """`window_mean` takes the window's mean level away, so that gain and microphone do not matter."""
    scale_db: Positive = 1.0
    """The tensor is decibels divided by this."""
    log: Literal["decibels", "natural"] = "decibels"
    """`natural`: ln(mel + log_offset), and neither ref, amin, top_db, level nor scale_db counts."""
    log_offset: Positive = 0.001
    layout: Literal["bands_first", "frames_first"] = "bands_first"
    """The tensor is (1, 1, n_mels, frames) or (1, frames, n_mels)."""
    patches: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    """A network that hears less than a window is run on so many pieces, evenly over the window ..."""
    patch_frames: Annotated[int, msgspec.Meta(ge=0, le=65_536)] = 0
    """... of so many frames each; the highest of its answers counts. 0: the whole window."""
    short: Literal["repeat", "silence"] = "repeat"
    """How a sample shorter than the window is filled up."""

    @property
    def window_samples(self) -> int:
        """Samples in one window at `rate_hz`."""
        return round(self.window_s * self.rate_hz)

    @property
    def frames(self) -> int:
        """Columns of the spectrogram of one window."""
        inside = self.window_samples if self.center else self.window_samples - (self.frame or self.n_fft)
        return 1 + inside // self.stft_hop

    @property
    def shape(self) -> list[int]:
        """Of the network's input."""
        if self.tensor == "waveform":
            return [1, self.window_samples]
        frames = self.patch_frames or self.frames
        return [1, frames, self.n_mels] if self.layout == "frames_first" else [1, 1, self.n_mels, frames]


class PictureInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a picture becomes the network's tensor."""

    width: Annotated[int, msgspec.Meta(ge=32, le=4096)]
    height: Annotated[int, msgspec.Meta(ge=32, le=4096)]
    color: Literal["rgb", "bgr"] = "rgb"
    layout: Literal["nchw", "nhwc"] = "nchw"
    fit: Literal["letterbox", "stretch"] = "letterbox"
    pad_value: Annotated[int, msgspec.Meta(ge=0, le=255)] = 114
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """The tensor is (value - mean) / std, per channel in the order of `color`, values 0 to 255."""
    raw: bool = False
    """True: the network takes the bytes themselves (uint8); mean and std do not count."""


class Crop(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What of a frame a network of names is given, around the box of a detector."""

    margin: Annotated[float, msgspec.Meta(ge=0.0, le=2.0)] = 0.1
    """Added on each side, as a share of the box's longer side."""
    square: bool = True
    """The shorter side grows to the longer one, as far as the frame goes; False: the box's own shape."""


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Platt scaling: calibrated p = sigmoid(slope * logit + offset), fitted on recordings never trained on."""

    slope: Positive = 1.0
    offset: float = 0.0


class ClassSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One output of the bundle."""

    label: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    wire: str
    """Name of the wire class that it is reported as."""
    threshold: Probability
    """Calibrated p at and above which a window or a box is a hit."""
    hits: Count = 1
    of: Count = 1
    """An event opens with `hits` hits in `of` windows in a row (k in n)."""
    prior: Probability
    """Share of the class in the calibration set, which evidence is measured against."""
    calibration: Calibration = Calibration()
    experimental: bool = False
    """Too few recordings stand behind it: said wherever people read of the class."""
    outputs: tuple[Annotated[int, msgspec.Meta(ge=0, le=65_535)], ...] = ()
    """Pictures: which outputs of the second network mean this class; none: what only the first network sees.
    Sound: which of the network's outputs mean this class, the highest counts; none in all classes: one each, in order.
    """

    @property
    def wire_class(self) -> int:
        """The wire class's number."""
        return classes.BY_NAME[self.wire].number


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A file of the bundle, by its name inside the folder."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    sha256: Digest


class Golden(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An input whose output is known, to show that this machine computes what the maker's did."""

    file: str
    """Key in `files` of the input: `.npy` of int8 or int16 sound at the bundle's rate, or of uint8 RGB (H, W, 3)."""
    p: dict[str, Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]]
    """Calibrated p by label; a label may be left out."""
    tolerance: Positive = 0.3
    """Largest difference in logit(p), both clipped to +-8. INT8 kernels of x86 and aarch64 differ by 0.2 to 0.3."""


class Joint(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How this bundle's opinion and another's become one: logit(p) = first * theirs + own * ours + offset.

    Both opinions are calibrated logits of the same window. One fit over both, on recordings that neither network was
    trained on, takes what they have in common only once.
    """

    bundle: Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_-]{0,31}@[0-9]{1,5}$")]
    """The bundle that always runs and whose candidates this one judges."""
    label: str
    """Of that bundle."""
    own: str
    """Label of this bundle that speaks of the same."""
    first: Annotated[float, msgspec.Meta(ge=0.0)]
    second: Annotated[float, msgspec.Meta(ge=0.0)]
    offset: float
    prior: Probability
    threshold: Probability
    candidate: Probability
    """Calibrated p of the first bundle at and above which this one is asked."""


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where weights or training material came from."""

    what: str
    licence: str
    attribution: str = ""


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole of `manifest.toml`; it has either a `[sound]` or a `[picture]` table."""

    name: str
    version: Annotated[int, msgspec.Meta(ge=1, le=65_535)]
    summary: str
    licence: str
    classes: Annotated[tuple[ClassSpec, ...], msgspec.Meta(max_length=256)] = ()
    """None are needed by a bundle of names: its outputs are those of the file `labels`."""
    files: dict[str, File]
    """By role: `model` is the network; `card` the card; the rest as the kind and the goldens need.

    A bundle of names has `labels`, one line per output, and may have `head`, an .npz with `weights` (features, n) and
    `bias` (n): then the network gives features, and its logits are features @ weights + bias.
    """
    golden: Annotated[tuple[Golden, ...], msgspec.Meta(min_length=1)]
    sources: tuple[Source, ...]
    sound: SoundInput | None = None
    picture: PictureInput | None = None
    embedding: str = ""
    """Sound: the network's output of int8 that is alike for windows that sound alike; empty: it has none."""
    joint: tuple[Joint, ...] = ()
    """Sound: with which bundles this one can give a second opinion."""
    things: PictureInput | None = None
    """Pictures: input of the second network (role `things`), which tells people and vehicles from animals."""
    detector: Literal["", "boxes", "yolox", "yolov5", "yolov8"] = ""
    """Pictures: how the network's outputs are read as boxes; empty and `boxes`: as those of boxes@1."""
    validated: bool = False
    """Names: somebody has measured them on animals of the region; else pages say that they are not validated."""
    activation: Literal["softmax", "none"] = "softmax"
    """Names: the outputs are logits, of which this makes probabilities; `none`: they are probabilities already."""
    temperature: Positive = 1.0
    """Names: logits are divided by this before the softmax (Guo et al. 2017), so that 0.8 is right 8 times in 10."""
    crop: Crop | None = None
    """Names: what of a frame the network is given; left out: a square with a margin of a tenth."""

    @property
    def kind(self) -> Literal["sound", "picture"]:
        """Which sense it is for."""
        return "sound" if self.sound is not None else "picture"

    @property
    def names(self) -> bool:
        """Whether it names animals: a picture bundle with a file `labels`."""
        return "labels" in self.files

    @property
    def input(self) -> SoundInput | PictureInput:
        """The `[sound]` or `[picture]` table."""
        found = self.sound or self.picture
        if found is None:
            raise BundleError(say("{name}: has neither a [sound] nor a [picture] table", name=self.name))
        return found

    @property
    def reference(self) -> str:
        """`name@version`, as configuration files and people write it."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True)
class Bundle:
    """A folder whose manifest was read and whose files were compared with their digests."""

    folder: Path
    manifest: Manifest
    digest: str
    """SHA-256 of `manifest.toml`, hex; it covers the other files through their digests."""

    def path(self, role: str) -> Path:
        """The file of a role. Raises BundleError when the manifest names none."""
        found = self.manifest.files.get(role)
        if found is None:
            known = ", ".join(self.manifest.files)
            raise BundleError(
                say(
                    "{value}: files.{role}: is missing (there are: {known})",
                    value=self.folder / FILE_NAME,
                    role=role,
                    known=known,
                )
            )
        return self.folder / found.name

    @cached_property
    def by_label(self) -> dict[str, ClassSpec]:
        """The classes by label."""
        return {spec.label: spec for spec in self.manifest.classes}


def load(reference: str | Path) -> Bundle:
    """Open a bundle of the zoo, or one that was added, by `name@version`; or any bundle by its folder.

    Raises BundleError or ConfigError; the text names the file, the key, the reason and the way out.
    """
    folder, version = find(str(reference))
    path = folder / FILE_NAME
    if not path.is_file():
        known = ", ".join([*zoo(), *added()]) or say("none")
        raise BundleError(
            say(
                "{path}: no such file: {reference} is not a bundle (there are: {known})",
                path=path,
                reference=reference,
                known=known,
            )
        )
    manifest = toml.load(path, Manifest)
    if version is not None and manifest.version != version:
        raise BundleError(
            say(
                "{path}: version: is {version}, but {reference} was asked for: write {reference2}",
                path=path,
                version=manifest.version,
                reference=reference,
                reference2=manifest.reference,
            )
        )
    _check_values(manifest, path)
    _check_files(manifest, folder, path)
    return Bundle(folder, manifest, hashlib.sha256(path.read_bytes()).hexdigest())


def _check_values(manifest: Manifest, path: Path) -> None:
    """What the types alone cannot say."""
    for key, reason in complaints(manifest):
        raise BundleError(f"{path}: {key}: {reason}")


def _check_files(manifest: Manifest, folder: Path, path: Path) -> None:
    for role, file in manifest.files.items():
        target = folder / file.name
        where = f"{path}: files.{role}"
        try:
            if target.stat().st_size > _MAX_FILE_BYTES:
                raise BundleError(
                    say(
                        "{where}: {name} is larger than {value} MiB",
                        where=where,
                        name=file.name,
                        value=_MAX_FILE_BYTES >> 20,
                    )
                )
            with target.open("rb") as opened:
                digest = hashlib.file_digest(opened, "sha256").hexdigest()
        except OSError as error:
            raise BundleError(
                say(
                    "{where}: {name} cannot be read: {why}: install the bundle again",
                    where=where,
                    name=file.name,
                    why=why(error),
                )
            ) from error
        if digest != file.sha256:
            raise BundleError(
                say(
                    "{where}: {name} has SHA-256 {value}..., not {value2}...: it is damaged or was "
                    "changed; install the bundle again",
                    where=where,
                    name=file.name,
                    value=digest[:12],
                    value2=file.sha256[:12],
                )
            )
