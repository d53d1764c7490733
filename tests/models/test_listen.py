"""`otorongo-models listen`: what a station would make of a recording, in words and as a picture."""

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile
from PIL import Image

from otorongo.language import speak
from otorongo.models import listen_picture, manifest, runtime
from otorongo.models.__main__ import main
from otorongo.models.errors import InputError
from otorongo.models.listen import summary
from otorongo.models.listen_hear import Hearing, Short, _refused, hear
from otorongo.models.listen_json import lines
from otorongo.models.listen_scores import told
from otorongo.models.listen_terminal import draw as draw_in_terminal
from otorongo.models.listen_voices import joined, unsafe_in
from otorongo.models.listen_words import clock
from otorongo.models.runtime import ClassScore, Verdict
from otorongo.models.second import SecondOpinion
from otorongo.models.train.scenes import Source, render_soundscape
from otorongo.station import veto, voices
from otorongo.station.samples import Sample
from otorongo.wire.classes import BY_NAME, CLASSES
from tests.models import bundles
from tests.spoken import english_in

RATE_HZ = 32_000


@pytest.fixture(scope="module")
def forest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of rendered forest with a near saw from 10 s to 45 s."""
    path = tmp_path_factory.mktemp("forest") / "bosque.flac"
    scene = render_soundscape([Source("chainsaw", 10, 35, 60)], 60.0, RATE_HZ, seed=8)
    soundfile.write(path, scene, RATE_HZ)
    return path


@pytest.fixture(scope="module")
def heard(forest: Path) -> Hearing:
    """What is heard of it."""
    return hear(forest, runtime.open_classifier(manifest.load("threats@5")))


def test_a_saw_becomes_an_event_at_its_time(heard: Hearing) -> None:
    """The event of the saw begins and ends where the saw does, within two windows."""
    (saw,) = [each for each in heard.events if each.name == "chainsaw"]
    assert saw.start_s == pytest.approx(10, abs=6)
    assert saw.end_s == pytest.approx(45, abs=6)
    assert saw.evidence > 2
    assert saw.hits >= 4


def test_all_of_the_sound_is_heard_once(heard: Hearing) -> None:
    """Windows overlap, the sound that is drawn does not: a minute stays a minute."""
    assert heard.seconds == pytest.approx(60, abs=0.05)
    assert heard.rate_hz == RATE_HZ
    assert heard.windows[0].start_s == 0
    assert heard.windows[-1].end_s == pytest.approx(60, abs=0.05)


def test_the_saws_speed_is_on_the_track(heard: Hearing) -> None:
    """While it cuts, most frames have a comb at a saw's speed; before it, hardly any."""
    cutting = [point.f0_hz for point in heard.track if 15_000 < point.t_ms < 44_000]
    before = [point.f0_hz for point in heard.track if point.t_ms < 9_000]
    assert np.mean([35 < hz < 240 for hz in cutting]) > 0.7
    assert np.mean([hz > 0 for hz in before]) < 0.4


def test_the_words_are_spanish_or_english(heard: Hearing) -> None:
    """The same events in both languages, with evidence and times."""
    spanish, english = summary(heard, "threats@5", "es"), summary(heard, "threats@5", "en")
    assert "motosierra" in spanish
    assert "evidencia +" in spanish
    assert "chainsaw" in english
    assert "Eventos" not in english


@pytest.mark.parametrize("lang", ["es", "en"])
def test_the_picture_shows_saw_and_scores(heard: Hearing, lang: str) -> None:
    """Light where the saw is, a row for each class, and no row brighter than the saw's while it cuts."""
    image = np.asarray(listen_picture.draw(heard, "threats@5", lang)).astype(int)
    assert image.shape[1] == listen_picture.WIDTH
    labels = listen_picture.labels_of(heard)
    assert len(labels) == 14
    assert labels[0] == "chainsaw"
    row = image.shape[0] - 46 - (len(labels) - 0) * listen_picture.ROW + 8
    at = [listen_picture.LEFT + round(second / 60 * listen_picture.PLOT) for second in (5, 30)]
    quiet, sawing = (int(image[row, x].sum()) for x in at)
    assert sawing > 2 * quiet


def test_a_tone_is_drawn_at_its_pitch() -> None:
    """The brightest line of a tone's spectrogram is where the logarithmic axis has its pitch."""
    for hz in (60.0, 440.0, 3000.0):
        tone = np.sin(2 * np.pi * hz * np.arange(48_000) / 16_000).astype(np.float32)
        pixels = listen_picture.spectrogram(tone, 16_000, 100, 400).astype(int)
        line = int(pixels.sum(axis=(1, 2)).argmax())
        assert 8000 * (30 / 8000) ** (line / 399) == pytest.approx(hz, rel=0.08)


def test_the_terminal_gets_lines_that_fit(heard: Hearing) -> None:
    """Each line holds at most as many signs as the terminal has columns."""
    lines = draw_in_terminal(heard, "es", 90).split("\n")
    shown = ["".join(part.partition("m")[2] for part in ("m" + line).split("\x1b[")) for line in lines]
    assert max(map(len, shown)) <= 90
    assert any("motosierra" in line for line in shown)


def test_the_command_draws(forest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`listen FILE --png OUT` prints the events and writes a picture."""
    assert main(["listen", str(forest), "--png", str(tmp_path / "out.png"), "--lang", "es"]) == 0
    assert "motosierra" in capsys.readouterr().out
    with Image.open(tmp_path / "out.png") as image:
        assert image.size[0] == listen_picture.WIDTH


@pytest.mark.parametrize("seconds", [0.02, 0.5, 2.0, 4.0])
def test_short_sound_is_heard_and_drawn(seconds: float, tmp_path: Path) -> None:
    """A click, and less than a window, are no errors."""
    path = tmp_path / "short.wav"
    soundfile.write(path, np.random.default_rng(3).normal(0, 0.1, round(seconds * 48_000)), 48_000)
    found = hear(path, runtime.open_classifier(manifest.load("threats@5")))
    assert len(found.windows) >= 1
    assert listen_picture.draw(found, "threats@5", "en").size[0] == listen_picture.WIDTH


def test_silence_is_gated_and_drawn(tmp_path: Path) -> None:
    """What the gate stops has no scores, and still a picture."""
    soundfile.write(tmp_path / "silence.wav", np.zeros(16_000 * 8), 16_000)
    found = hear(tmp_path / "silence.wav", runtime.open_classifier(manifest.load("threats@5")))
    assert [window.verdict for window in found.windows] == [None] * len(found.windows)
    assert found.events == ()
    assert listen_picture.draw(found, "threats@5", "en").size[0] == listen_picture.WIDTH
    assert "no event" in summary(found, "threats@5", "en")


def test_a_recording_that_breaks_off_ends_with_no_shot(tmp_path: Path) -> None:
    """Its last window is heard whole: silence after a sound that breaks off would be a step, and a step a shot."""
    soundfile.write(tmp_path / "offset.wav", np.full(44_100 * 20, 0.7), 44_100)
    found = hear(tmp_path / "offset.wav", runtime.open_classifier(manifest.load("threats@5")))
    assert [(window.start_s, window.end_s) for window in found.windows[-2:]] == [(16.5, 19.5), (17.0, 20.0)]
    assert found.events == ()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("text.wav", "no es un sonido que se pueda leer"),
        ("nothing.wav", "no es un sonido que se pueda leer: no existe tal archivo"),
    ],
)
def test_what_is_no_sound_is_told(name: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing file and a text are errors that name the file, and the exit status is 1."""
    (tmp_path / "text.wav").write_text("no sound")
    assert main(["listen", str(tmp_path / name), "--lang", "es"]) == 1
    assert f"{name}: {told}" in capsys.readouterr().err


def test_a_damaged_recording_is_heard_as_far_as_it_goes(forest: Path, tmp_path: Path) -> None:
    """Half a FLAC gives the events of its half, and says that it is damaged."""
    data = forest.read_bytes()
    (tmp_path / "half.flac").write_bytes(data[: len(data) // 2])
    found = hear(tmp_path / "half.flac", runtime.open_classifier(manifest.load("threats@5")))
    assert found.trouble
    assert 5 < found.seconds < 60


def test_an_engine_that_its_comb_tells_is_not_shown_as_refused() -> None:
    """In wind an engine's hit is refused; one that is told as a steady engine in that window is not."""
    engine, wind, steady = (BY_NAME[name].number for name in ("engine", "wind", "engine_steady"))
    verdict = runtime.Verdict((runtime.ClassScore(engine, 0.98, 4.0, True, "engine"),))
    now = veto.Now({engine: 1.0, steady: 1.0}, reasons=(wind,))
    assert _refused(verdict, now, {engine: 0.97}, frozenset()) == {"engine"}
    assert _refused(verdict, now, {engine: 0.97}, frozenset({steady})) == frozenset()


def test_a_picture_bundle_is_refused(forest: Path) -> None:
    """Listening with eyes is an error."""
    with pytest.raises(InputError, match="no bundle for sound"):
        hear(forest, runtime.open_classifier(manifest.load("boxes@1")))


def test_every_class_of_sound_has_a_word_in_both_languages() -> None:
    """No code name reaches a ranger."""
    from otorongo.models.listen_words import _WORDS

    assert {line.name for line in CLASSES if line.sense in ("sound", "both")} <= set(_WORDS)
    assert all(all(each) for each in _WORDS.values())


def test_scores_are_told_stretch_by_stretch(heard: Hearing) -> None:
    """At most twenty lines within 80 columns; the saw stands where it is, over its threshold, with both figures."""
    speak("es")
    head, *lines = told(heard).splitlines()[1:]
    assert "probabilidad / umbral" in head
    stretches = [line for line in lines if "casi:" not in line and "experimental:" not in line]
    assert 10 < len(stretches) <= 20
    assert max(map(len, stretches)) <= 80
    threshold = heard.thresholds["chainsaw"]
    loud = [line for line in stretches if "*motosierra" in line]
    assert 5 < len(loud) < len(stretches)
    assert all(f"% / {threshold:.0%}" in line for line in loud)


def test_what_was_nearly_heard_is_told(heard: Hearing) -> None:
    """A threat over half of its threshold and never at it; not what reached it, nor what is no threat."""
    peak = max(window.verdict.of("chainsaw").p for window in heard.windows if window.verdict)
    near = replace(heard, thresholds=dict.fromkeys(heard.thresholds, 9.0) | {"chainsaw": peak * 1.5})
    assert "nearly heard: chainsaw" in told(near)
    assert "nearly heard: chainsaw" not in told(heard)
    assert "nearly heard" not in told(replace(near, threats=frozenset()))


def test_two_opinions_have_one_threshold(forest: Path) -> None:
    """A window of a second opinion is told, and marked, by the threshold by which it was judged: the joint one."""
    first = runtime.open_classifier(manifest.load("threats@5"))
    (saw,) = (spec for spec in first.bundle.manifest.classes if spec.label == "chainsaw")
    joint = manifest.Joint(
        bundle="threats@5", label="chainsaw", own="chainsaw", first=0.5, second=0.5, offset=0.0, prior=saw.prior,
        threshold=0.999, candidate=0.1,
    )  # fmt: skip
    about = msgspec.structs.replace(first.bundle.manifest, name="other", joint=(joint,))
    second = runtime.open_classifier(replace(first.bundle, manifest=about))
    found = hear(forest, SecondOpinion(first, second))
    assert found.thresholds["chainsaw"] == 0.999
    assert found.thresholds["gunshot"] == hear(forest, first).thresholds["gunshot"]
    hits = {window.start_s for window in found.windows if window.verdict and window.verdict.of("chainsaw").hit}
    over = {one.start_s for one in found.windows if one.verdict and one.verdict.of("chainsaw").p >= 0.999}
    assert hits == over
    assert "/ 100%" in told(found)


def test_experimental_classes_are_marked_in_the_picture(heard: Hearing) -> None:
    """The picture is another one where a class that was heard is experimental: its event and its row say so."""
    plain = listen_picture.draw(replace(heard, experimental=frozenset()), "threats@5", "es")
    marked = listen_picture.draw(replace(heard, experimental=frozenset({"chainsaw"})), "threats@5", "es")
    changed = np.argwhere((np.asarray(plain) != np.asarray(marked)).any(axis=2))[:, 0]
    rows = set(changed.tolist())
    assert min(rows) < 96 + 30, "the event's banner"
    assert max(rows) > plain.height - 46 - 24 * 14, "the class's row"


def test_times_are_said_as_people_do() -> None:
    """Minutes and seconds."""
    assert [clock(each) for each in (0, 47.4, 725)] == ["0:00", "0:47", "12:05"]


def test_all_of_it_is_lines_of_json(forest: Path, heard: Hearing, capsys: pytest.CaptureFixture[str]) -> None:
    """Each line is an object: the recording, every window with its scores, combs, engines, and the event of the saw."""
    assert main(["listen", str(forest), "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    kinds = Counter(one["type"] for one in told)
    assert kinds["recording"] == 1
    assert kinds["window"] == len(heard.windows)
    assert kinds["comb"] > 10
    (saw,) = [one for one in told if one["type"] == "event" and one["class"] == "chainsaw"]
    assert saw["start_s"] == pytest.approx(10, abs=6)
    assert saw["end_s"] == pytest.approx(45, abs=6)
    cutting = [one for one in told if one["type"] == "window" and 20 < one["start_s"] < 30]
    assert max(one["scores"]["chainsaw"] for one in cutting) > 0.9


def test_an_event_of_an_experimental_class_says_so(forest: Path, tmp_path: Path) -> None:
    """Both languages and the lines of JSON mark it; the same event of a class that is none is not marked."""
    folder = bundles.change(bundles.copy(tmp_path), 'wire = "chainsaw"\n', 'wire = "chainsaw"\nexperimental = true\n')
    found = hear(forest, runtime.open_classifier(manifest.load(folder)))
    assert "(experimental: few recordings stand behind it)" in summary(found, "mine", "en")
    assert "(experimental: pocas grabaciones lo respaldan)" in summary(found, "mine", "es")
    events = [one for one in map(json.loads, lines(found, "mine")) if one["type"] == "event"]
    assert {one["class"]: one["experimental"] for one in events}["chainsaw"] is True
    plain = replace(found, experimental=frozenset())
    assert "experimental" not in summary(plain, "mine", "en")


def test_an_engine_that_a_comb_has_named_says_that_it_is_experimental(heard: Hearing) -> None:
    """A dredge's event is marked in words and in JSON, though no bundle has such a class; a saw's is not."""
    dredge = replace(heard.events[0], name="engine_steady")
    told = summary(replace(heard, events=(dredge,)), "mine", "en")
    assert "(experimental: few recordings stand behind it)" in told
    marked = map(json.loads, lines(replace(heard, events=(dredge, heard.events[0])), "mine"))
    assert [one["experimental"] for one in marked if one["type"] == "event"] == [True, False]


@pytest.mark.parametrize(
    ("name", "content", "spanish", "english"),
    [
        ("nada.wav", None, "no existe tal archivo o carpeta", "No such file or directory"),
        ("acta.wav", b"%PDF-1.4\n%\xe2\xe3", "no son de ningún tipo de sonido", "are of no kind of sound"),
        ("lista.wav", b"Lunes: nada.\n" * 40, "no son de ningún tipo de sonido", "are of no kind of sound"),
        ("corta.wav", b"RIFF\x24\x00\x00\x00WAVEfmt ", "está dañada, o cortada", "is damaged, or cut off"),
        ("vacía.wav", b"", "está vacío: 0 bytes", "is empty: 0 bytes"),
        (".", None, "es una carpeta", "is a folder"),
    ],
)
def test_what_is_no_recording_is_told_in_the_language_that_is_spoken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes | None, spanish: str, english: str
) -> None:
    """A missing, a foreign, a cut, an empty file and a folder: one line that names it, and no word of a library."""
    if content is not None:
        (tmp_path / name).write_bytes(content)
    for lang, said in (("es", spanish), ("en", english)):
        assert main(["listen", str(tmp_path / name), "--lang", lang]) == 1
        told = capsys.readouterr().err
        assert told.startswith(f"otorongo-models: {tmp_path / name}: ")
        assert said in told
        assert told.count("\n") == 1
        assert lang == "en" or english_in(told) == []


def test_where_somebody_may_speak_a_station_keeps_nothing_and_listen_says_so(heard: Hearing) -> None:
    """The times, joined where no piece between them is kept, and what becomes of the clip; nothing without voices."""
    speak("es")
    quiet = summary(replace(heard, voices=()), "threats@4", "es")
    told = summary(replace(heard, voices=((9.0, 15.0), (40.0, 43.0))), "threats@4", "es")
    assert "Voces, o lo que nadie juzgó: 0:09 - 0:15, 0:40 - 0:43" in told
    assert "una estación descarta todo clip que lleve algo de eso, o lo sella" in told
    assert "Voces" not in quiet
    objects = [json.loads(line) for line in lines(replace(heard, voices=((9.0, 15.0),)), "threats@4")]
    assert objects[-1] == {"type": "voices", "start_s": 9.0, "end_s": 15.0}
    spans = (voices.Span(9_000, 12_000, True), voices.Span(13_500, 15_000, False), voices.Span(40_000, 43_000, True))
    assert joined(spans) == ((9.0, 15.0), (40.0, 43.0))


def test_a_voice_is_found_by_the_station_s_own_rule() -> None:
    """From its probability of speech on, where a window was not judged, and where one of two networks heard it."""
    speech, rain = (BY_NAME[name].number for name in ("speech", "rain"))
    noise = np.random.default_rng(1).normal(0, 0.1, 48_000).astype(np.float32)
    sample = Sample(5_000, noise, duration_ms=3_000, rate_hz=16_000)

    def verdict(cls: int, p: float, doubted: float = 0.0) -> Verdict:
        said, doubt = (ClassScore(one, at, 0.0, hit=False, label="x") for one, at in ((cls, p), (speech, doubted)))
        return Verdict((said,), doubted=(doubt,))

    assert unsafe_in(sample, verdict(speech, 0.25), 0.2) == [voices.Span(5_000, 8_000, True)]
    assert unsafe_in(sample, verdict(rain, 0.9, 0.3), 0.2) == [voices.Span(5_000, 8_000, True)]
    assert unsafe_in(sample, verdict(speech, 0.15), 0.2) == []
    assert unsafe_in(sample, None, 0.2) == [voices.Span(5_000, 8_000, False)]


def test_a_picture_without_an_event_says_why(heard: Hearing) -> None:
    """As the words beside it do: what was over its threshold too seldom, else what came near."""
    short = replace(heard, events=(), short=(Short("chainsaw", 2, 4, 40),))
    (why,) = listen_picture.why_none(short, "es")
    assert why == "motosierra: sobre el umbral en 2 de las 4 ventanas (entre 40) que pide su regla"
    assert why in summary(short, "threats@4", "es")
    drawn = [np.asarray(listen_picture.draw(one, "threats@4", "es")) for one in (short, replace(short, short=()))]
    assert (drawn[0] != drawn[1]).any()


def test_what_few_recordings_stand_behind_is_marked_wherever_it_is_told(heard: Hearing) -> None:
    """An event, a class that was heard too seldom, and the scores: not the event alone."""
    heard = replace(heard, experimental=frozenset({"chainsaw"}))
    short = replace(heard, events=(), short=(Short("chainsaw", 2, 4, 40),))
    speak("es")
    for text in (summary(heard, "threats@4", "es"), summary(short, "threats@4", "es")):
        assert re.search(r"motosierra.*\(experimental: pocas grabaciones", text)
    assert told(heard).splitlines()[-1] == "  experimental: motosierra"
    assert "experimental" not in told(replace(heard, experimental=frozenset()))


@pytest.mark.parametrize(
    ("name", "said"), [("no/x.png", "no se puede escribir: no existe"), ("x.foto", "se permite: .png")]
)
def test_a_picture_that_cannot_be_written_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, said: str
) -> None:
    """A folder that is not there, and an ending of no picture: named in a line, after what was heard."""
    soundfile.write(tmp_path / "a.wav", np.zeros(16_000, np.float32), 16_000)
    assert main(["listen", str(tmp_path / "a.wav"), "--png", str(tmp_path / name), "--lang", "es"]) == 1
    err = capsys.readouterr().err
    assert said in err
    assert str(tmp_path / name) in err
    assert english_in(err) == []
