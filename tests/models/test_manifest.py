"""A manifest says what a bundle is, and what is wrong with it in words that help."""

from pathlib import Path

import pytest

from otorongo.errors import OtorongoError
from otorongo.models import manifest, shelves
from otorongo.models.__main__ import main
from otorongo.models.errors import BundleError
from tests.models import bundles


def test_the_zoo_loads_by_name_by_folder_and_by_file() -> None:
    """`threats@5`, its folder and its manifest.toml are one bundle with one digest."""
    by_name = manifest.load("threats@5")
    assert manifest.load(by_name.folder).digest == by_name.digest
    assert manifest.load(by_name.folder / "manifest.toml").digest == by_name.digest
    assert by_name.manifest.reference == "threats@5"
    assert by_name.manifest.kind == "sound"
    assert by_name.manifest.input is by_name.manifest.sound
    assert "threats@5" in shelves.zoo()


def test_every_class_of_the_zoo_has_a_wire_number() -> None:
    """Each label of each bundle in the zoo is reported as a class of the wire, and its rule can be met."""
    for reference in shelves.zoo():
        for spec in manifest.load(reference).manifest.classes:
            assert 0 < spec.wire_class < 256
            assert 1 <= spec.hits <= spec.of


def test_the_digest_covers_the_manifest(tmp_path: Path) -> None:
    """A changed threshold is another digest: the hub sees that a station runs something else."""
    folder = bundles.copy(tmp_path)
    before = manifest.load(folder).digest
    bundles.change(folder, "hits = 4", "hits = 2")
    assert manifest.load(folder).digest != before


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("rate_hz", "rate_khz", ["sound.rate_khz", "no such key", "rate_hz"]),
        (
            'wire = "chainsaw"',
            'wire = "chain_saw"',
            ["classes[0].wire", "chain_saw", "no sound class", "chainsaw, engine"],
        ),
        ('wire = "chainsaw"', 'wire = "person"', ["classes[0].wire", "no sound class"]),
        ('label = "engine"', 'label = "chainsaw"', ["classes[1].label", "twice"]),
        ("hits = 4", "hits = 9", ["classes[0].hits", "9 hits never come in 8 windows"]),
        ("hop_s = 1.5", "hop_s = 4.5", ["sound.hop_s", "would be lost", "at most window_s"]),
        ("fmax_hz = 7600.0", "fmax_hz = 9000.0", ["sound.fmax_hz", "at most half of rate_hz"]),
        ("window_s = 3.0\nhop_s = 1.5", "window_s = 0.01\nhop_s = 0.01", ["sound.window_s", "n_fft"]),
        ("prior = 0.", "prior = 1.", ["prior"]),
        ("version = 5", "version = 6", ["version", "is 6", "threats@5", "write threats@6"]),
        ('name = "threats"', 'name = "Threats!"', ["name", "a-z"]),
        ("[sound]", "[pictures]", ["pictures", "no such key"]),
        (
            "[[golden]]",
            '[[golden]]\nfile = "nowhere"\np = { chainsaw = 1.0 }\n[[golden]]',
            ["golden[0].file", "nowhere"],
        ),
        ("p = { chainsaw", "p = { chain", ["golden[0].p", "chain"]),
        ('embedding = "embedding"', 'embedding = ""\npatches = 3', ["patches", "no such key"]),
        (
            "patches = 1\npatch_frames = 0",
            "patches = 3\npatch_frames = 96",
            ["embedding", "hears a window of sound whole"],
        ),
        ("model = {", "network = {", ["files.model", "is missing"]),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, said: list[str]) -> None:
    """The error names the file, the key, the reason, and what is allowed."""
    folder = bundles.change(bundles.copy(tmp_path), old, new)
    if old == "version = 5":
        (tmp_path / "threats@5").symlink_to(folder)
        manifest.load(folder)  # a folder may hold any version
        return
    with pytest.raises(OtorongoError) as caught:
        manifest.load(folder)
    for words in ["manifest.toml", *said]:
        assert words in str(caught.value)


def test_a_damaged_network_is_refused(tmp_path: Path) -> None:
    """One flipped byte in the network, and the bundle is not used; the text says which file and what to do."""
    folder = bundles.copy(tmp_path)
    data = bytearray((folder / "model.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "model.onnx").write_bytes(data)
    with pytest.raises(BundleError, match=r"files\.model: model\.onnx has SHA-256 .* install the bundle again"):
        manifest.load(folder)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A file that the manifest names and nobody shipped is an error with its name."""
    folder = bundles.copy(tmp_path)
    (folder / "card.md").unlink()
    with pytest.raises(BundleError, match=r"files\.card: card\.md cannot be read"):
        manifest.load(folder)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", ".hidden", "a/b"])
def test_a_manifest_cannot_reach_outside_its_folder(tmp_path: Path, name: str) -> None:
    """File names are plain names: no way up and no folders."""
    folder = bundles.change(bundles.copy(tmp_path), 'name = "card.md"', f'name = "{name}"')
    with pytest.raises(OtorongoError, match=r"files"):
        manifest.load(folder)


@pytest.mark.parametrize("reference", ["nothing@1", "threats@1", "no/such/folder"])
def test_an_unknown_bundle_says_what_there_is(reference: str) -> None:
    """A wrong name, version or path is refused, and known bundles are listed or the version is told."""
    with pytest.raises(BundleError, match=r"threats@|version: is 3"):
        manifest.load(reference)


def test_both_senses_or_none_are_refused(tmp_path: Path) -> None:
    """A bundle is for sound or for pictures."""
    folder = bundles.change(bundles.copy(tmp_path), "[files]", "[picture]\nwidth = 64\nheight = 64\n\n[files]")
    with pytest.raises(BundleError, match="exactly one of the two"):
        manifest.load(folder)


def test_the_readme_explains_every_key(root: Path) -> None:
    """Each key of the manifest stands in the README beside the code."""
    text = (root / "otorongo/models/README.md").read_text()
    kinds = (
        manifest.Manifest, manifest.SoundInput, manifest.PictureInput, manifest.ClassSpec, manifest.Calibration,
        manifest.File, manifest.Golden, manifest.Source, manifest.Joint, manifest.Crop,
    )  # fmt: skip
    keys = {field for kind in kinds for field in kind.__struct_fields__}
    missing = {key for key in keys if f"`{key}`" not in text and f"[{key}]" not in text}
    assert missing == set()


def test_an_experimental_class_is_said_to_be_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`show` marks the class and `check` names it; a class is not experimental unless the manifest says so."""
    folder = bundles.change(bundles.copy(tmp_path), 'wire = "rain"\n', 'wire = "rain"\nexperimental = true\n')
    unsure = {spec.label for spec in manifest.load(folder).manifest.classes if spec.experimental}
    assert unsure - {spec.label for spec in manifest.load(bundles.THREATS).manifest.classes if spec.experimental} == {
        "rain"
    }
    assert "gunshot" in unsure
    assert "chainsaw" not in unsure
    assert main(["show", str(folder)]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert any("rain" in line and line.endswith("experimental") for line in shown)
    assert main(["check", "--quiet", str(folder)]) == 0
    assert "experimental: aircraft, gunshot, thunder, rain" in capsys.readouterr().out
