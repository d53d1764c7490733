"""What people read, in Spanish and English."""

import re
from pathlib import Path
from typing import get_args

import pytest
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from otorongo.hub import reasons, tail, texts
from otorongo.hub.alerts import Reason, Severity, What, Why
from otorongo.hub.belief import NO_RULES
from otorongo.hub.config_activities import BUILT_IN
from otorongo.hub.web.render import Page
from otorongo.hub.web.site import Site
from otorongo.wire import classes
from otorongo.wire.codes import Trend

SAW = Reason(
    code="ring", classes=(("chainsaw", 180_000),), stations=("K-02", "K-05"), right_state="none", belief=0.99999
)


def catalogue(lang: str) -> dict[str, str]:
    """Every key with its text."""
    with (texts.FOLDER / f"{lang}.po").open("rb") as source:
        return {str(one.id): str(one.string) for one in read_po(source, locale=lang) if one.id}


def test_a_reason_reads_as_a_ranger_would_say_it() -> None:
    """What, how long, where, and whether anybody may, in both languages."""
    assert reasons.render(SAW, "es") == "motosierra, 3 min, estaciones K-02 y K-05, sin derecho vigente"
    assert reasons.render(SAW, "en") == "chainsaw, 3 min, stations K-02 and K-05, no valid right"
    outside = Reason(
        code="ring",
        classes=(("gunshot", 0), ("dog", 95_000)),
        stations=("C-01",),
        right="R-1 (E)",
        right_state="outside_hours",
        late=1,
        suppressed=2,
    )
    assert reasons.sentence(outside, "es") == (
        "Se avisa: disparo, perro, 2 min, estación C-01, fuera del horario del derecho R-1 (E), "
        "1 evento llegó tarde, 2 eventos no cuentan"
    )
    assert reasons.certainty("es", SAW.belief) == "certeza 99\u00a0%"
    assert reasons.certainty("es", 0.949) == "certeza 94\u00a0%"


def test_whether_an_engine_comes_nearer_is_said_and_no_hertz() -> None:
    """47 s, rising: in words; of one that stays, of one that this version does not know, and of turns not a word."""
    saw = Reason(code="ring", classes=(("chainsaw", 47_000), ("dog", 0)), combs=(("chainsaw", 1424, Trend.RISING),))
    assert reasons.render(saw, "es") == "motosierra, 47 s, se acerca, perro"
    assert reasons.render(saw, "en") == "chainsaw, 47 s, coming nearer, dog"
    for trend in (200, Trend.STEADY, 0):
        other = replace(saw, combs=(("chainsaw", 1424, trend),))
        assert reasons.render(other, "es") == "motosierra, 47 s, perro"
    assert {f"reason.trend.{one.value}" for one in Trend if one > Trend.STEADY} <= set(catalogue("es"))


def test_shots_are_said_by_their_number() -> None:
    """Three shots are told as three; one is a shot, and other classes are not counted."""
    shots = Reason(code="ring", classes=(("gunshot", 9_000), ("boat", 60_000)), shots=3)
    assert reasons.render(shots, "es") == "3 disparos, 9 s, bote a motor, 1 min"
    assert reasons.render(shots, "en") == "3 gunshots, 9 s, motor boat, 1 min"
    assert reasons.render(replace(shots, shots=0), "es") == "disparo, 9 s, bote a motor, 1 min"


def test_what_people_did_reads_as_a_sentence() -> None:
    """Who, with whom, and when they are back, in Lima's time."""
    going = Reason(
        code="going", who="ana", detail={"party": "ana, beto", "route": "norte", "back_ms": 1_767_268_800_000}
    )
    assert reasons.headline(going, "es") == "ana acude: ana, beto; ruta norte; vuelve 1 ene 2026, 07:00"
    waits = Reason(code="pending", who="ana", detail={"what": "by_right"})
    assert "ana wants to close it (by right)" in reasons.headline(waits, "en")


def test_both_languages_say_the_same_things() -> None:
    """Each key stands in both catalogues, with the same names in braces, and none is empty."""
    es, en = catalogue("es"), catalogue("en")
    assert es.keys() == en.keys()
    for key in es:
        assert es[key], key
        assert en[key], key
        assert set(re.findall(r"\{(\w+)\}", es[key])) == set(re.findall(r"\{(\w+)\}", en[key])), key


@pytest.mark.parametrize("lang", texts.LANGUAGES)
def test_everything_has_its_word(lang: str) -> None:
    """Every class, activity, severity, decision and reason is said, not shown as a key."""
    keys = [
        *(f"class.{one.name}" for one in classes.CLASSES),
        *(f"activity.{one.name}" for one in BUILT_IN),
        *(f"severity.{one:d}" for one in Severity),
        *(
            f"reason.code.{one}"
            for one in (*get_args(What), *get_args(Why), "alone", "anew", "shared_use", "raise", "nobody")
        ),
        *(f"reason.right.{one}" for one in ("none", "covered", "outside_hours", "outside_season", "review_overdue")),
        *(f"message.{one}" for one in ("ring", "raise", "rering", "overdue", "audit", "test")),
    ]
    assert [key for key in keys if not texts.has(lang, key)] == []


@given(st.integers())
def test_any_number_reads_as_some_time(utc_ms: int) -> None:
    """Whatever a clock has told, a line and a page can be made of it."""
    page = Page(Site(None, NO_RULES, Path(), int, b""), "es", None, 1_767_268_800_000)  # type: ignore[arg-type]
    for lang in texts.LANGUAGES:
        assert texts.moment(lang, utc_ms)
        assert texts.clock(lang, utc_ms)
    assert tail.clock(utc_ms, texts.LIMA)
    assert page.moment(utc_ms)
    assert page.until(utc_ms, utc_ms)
    assert "<time datetime=" in page.when(utc_ms)
    assert page.ago(utc_ms)


def test_times_and_durations() -> None:
    """As people there say them; an unknown language is Spanish; a key without text is itself."""
    assert [texts.duration(ms) for ms in (0, 45_000, 180_000, 3_600_000, 7_800_000)] == [
        *("0 s", "45 s", "3 min", "1 h", "2 h 10 min")
    ]
    assert texts.clock("es", 1_767_268_800_000) == "07:00"
    assert texts.text("qu", "class.chainsaw") == "motosierra"
    assert texts.text("es", "no.such.key") == "no.such.key"
    assert texts.named("es", "activity", "pesca_con_dinamita") == "pesca con dinamita"
