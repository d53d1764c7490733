"""A sound bundle says how many hours it was heard in, and no card says more than they allow."""

from pathlib import Path

import msgspec
import pytest

from otorongo import toml
from otorongo.errors import OtorongoError
from otorongo.models import evidence, manifest
from otorongo.models.__main__ import main
from otorongo.models.evaluate.bundle_files import sealed, toml_text, with_section
from otorongo.models.evidence import BEGIN, END, ClassEvidence, Evidence, Headline
from tests.models import bundles


@pytest.fixture(scope="module")
def shipped() -> Evidence:
    """What the bundle of the zoo says of itself."""
    found = evidence.check(manifest.load(bundles.THREATS))
    assert found is not None
    return found


def tell(folder: Path, found: Evidence) -> Path:
    """Give a copy of the bundle other evidence, and a card that says the same."""
    (folder / evidence.FILE_NAME).write_text(toml_text(found))
    card = folder / "card.md"
    card.write_text(with_section(card.read_text(), evidence.hours_table(found)))
    bundles.reseal(folder, "evidence")
    return bundles.reseal(folder, "card")


def with_hours(found: Evidence, hours: float, events: int = 0, headline: Headline | None = None) -> Evidence:
    """The same, as if so many hours had been heard."""
    classes = tuple(
        ClassEvidence(
            name=each.name,
            real_hours=hours,
            recordings=each.recordings,
            false_events=events,
            upper_per_day=evidence.upper_per_day(events, hours),
        )
        for each in found.classes
    )
    return msgspec.structs.replace(found, real_hours=hours, classes=classes, headline=headline or Headline())


def test_nothing_in_an_hour_allows_seventy_two_a_day() -> None:
    """The bound of no event in H hours is 72/H a day (exactly 71.9), and falls with the hours."""
    assert evidence.upper_per_day(0, 1.0) == pytest.approx(71.9, abs=0.05)
    assert evidence.upper_per_day(0, 24.0) == pytest.approx(3.0, abs=0.01)
    assert evidence.upper_per_day(0, 0.0) is None


def test_the_zoo_says_its_hours_and_checks(shipped: Evidence) -> None:
    """The shipped bundle names every threat that a station hears with it, its data, and no figure per day."""
    assert {"chainsaw", "engine", "gunshot", "aircraft", "boat", "engine_steady"} <= {e.name for e in shipped.classes}
    assert 0 < shipped.real_hours < evidence.DAY_HOURS
    assert shipped.headline == Headline()
    assert sum(each.files for each in shipped.data) > 300


def test_evidence_is_written_as_it_is_read(tmp_path: Path, shipped: Evidence) -> None:
    """`evidence.toml` gives back the same value."""
    path = tmp_path / "evidence.toml"
    path.write_text(toml_text(shipped))
    assert toml.load(path, Evidence) == shipped


def test_a_bundle_without_evidence_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`check` names the manifest, the key and the command that makes it."""
    folder = bundles.copy(tmp_path)
    text = (folder / "manifest.toml").read_text()
    (folder / "manifest.toml").write_text("\n".join(x for x in text.split("\n") if not x.startswith("evidence = ")))
    assert main(["check", str(folder)]) == 1
    said = capsys.readouterr().out
    for words in ("manifest.toml", "files.evidence", "is missing", "otorongo-models evaluate sound"):
        assert words in said


@pytest.mark.parametrize(
    ("hours", "headline", "refused"),
    [
        (23.9, Headline(per_station_day=3.0), "headline.per_station_day"),
        (24.0, Headline(per_station_day=3.0), None),
        (2159.0, Headline(per_station_day=0.1, per_station_month=1.0), "headline.per_station_month"),
        (2160.0, Headline(per_station_day=0.1, per_station_month=1.0), None),
    ],
)
def test_a_headline_needs_its_hours(
    tmp_path: Path, shipped: Evidence, hours: float, headline: Headline, refused: str | None
) -> None:
    """Per station-day from 24 real hours on, per station-month from 90 station-days on, and not a minute before."""
    folder = tell(bundles.copy(tmp_path), with_hours(shipped, hours, headline=headline))
    if refused is None:
        assert evidence.check(manifest.load(folder)) is not None
        return
    with pytest.raises(OtorongoError) as caught:
        evidence.check(manifest.load(folder))
    assert refused in str(caught.value)
    assert "evidence.toml" in str(caught.value)


@pytest.mark.parametrize(("per_day", "good"), [(3.0, True), (2.9, False), (5.0, True)])
def test_a_headline_is_no_lower_than_its_bound(
    tmp_path: Path, shipped: Evidence, per_day: float, *, good: bool
) -> None:
    """No event in 24 hours still allows three a day: less is refused, more is the maker's caution."""
    told = with_hours(shipped, 24.0, headline=Headline(per_station_day=per_day))
    folder = tell(bundles.copy(tmp_path), told)
    if good:
        assert evidence.check(manifest.load(folder)) is not None
        return
    with pytest.raises(OtorongoError, match=r"per_station_day: is 2\.9, but its events and hours allow 3\.00"):
        evidence.check(manifest.load(folder))


def test_a_bound_must_be_what_its_hours_allow(tmp_path: Path, shipped: Evidence) -> None:
    """A bound below the Poisson one of the count and the hours is refused, and one that is missing."""
    for bound, words in ((1.0, "allow"), (None, "is missing")):
        first = msgspec.structs.replace(shipped.classes[0], upper_per_day=bound)
        folder = tmp_path / words.replace(" ", "")
        folder.mkdir()
        copied = tell(bundles.copy(folder), msgspec.structs.replace(shipped, classes=(first, *shipped.classes[1:])))
        with pytest.raises(OtorongoError, match=words):
            evidence.check(manifest.load(copied))


def test_evidence_of_another_network_is_refused(tmp_path: Path, shipped: Evidence) -> None:
    """A new network needs a new measurement."""
    folder = tell(bundles.copy(tmp_path), msgspec.structs.replace(shipped, model_sha256="0" * 64))
    with pytest.raises(OtorongoError, match="model_sha256"):
        evidence.check(manifest.load(folder))


def test_a_threat_that_was_not_counted_is_refused(tmp_path: Path, shipped: Evidence) -> None:
    """Every threat class of the bundle has its hours."""
    without = tuple(each for each in shipped.classes if each.name != "gunshot")
    folder = tell(bundles.copy(tmp_path), msgspec.structs.replace(shipped, classes=without))
    with pytest.raises(OtorongoError, match="says nothing of gunshot"):
        evidence.check(manifest.load(folder))


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        ("At most 0.2 false alarms per station-day.", True),
        ("We measured 1 false event a month.", True),
        ("False alarms per station-day: 0.2", True),
        ("It gives one false alert per station-month.", True),
        ("It gives one false alert per station\nand month.", True),
        ("Less than one a day.", True),
        ("No false alarms daily.", True),
        ("Fewer than 2 false events every day.", True),
        ("0,2 falsas alarmas por estación-día.", True),
        ("Menos de una alerta falsa al mes.", True),
        ("Alertas falsas por estación y mes: ninguna.", True),
        ("Una alarma falsa cada día.", True),
        ("It raised 3 false events in 16 minutes.", False),
        ("Two alarms came. It rained for a day.", False),
        ("Hace sonar 3 alertas falsas en 16 minutos.", False),
    ],
)
def test_the_card_says_no_more_than_its_hours(tmp_path: Path, said: str, *, refused: bool) -> None:
    """A figure per day or month anywhere in a card without the hours is refused; a plain count is not."""
    folder = bundles.copy(tmp_path)
    card = folder / "card.md"
    card.write_text(card.read_text() + f"\n{said}\n")
    bundles.reseal(folder, "card")
    if not refused:
        assert evidence.check(manifest.load(folder)) is not None
        return
    with pytest.raises(OtorongoError, match="real hours are missing"):
        evidence.check(manifest.load(folder))


def test_a_card_with_other_hours_is_refused(tmp_path: Path, shipped: Evidence) -> None:
    """What the card says is what evidence.toml says, and a card without the section says nothing."""
    folder = bundles.copy(tmp_path)
    card = folder / "card.md"
    whole = card.read_text()
    card.write_text(whole.replace(f"{shipped.real_hours:.2f} real hours", "99.00 real hours", 1))
    bundles.reseal(folder, "card")
    with pytest.raises(OtorongoError, match=r"card\.md: its hours and bounds are not those"):
        evidence.check(manifest.load(folder))
    card.write_text(whole[: whole.index(BEGIN)])
    bundles.reseal(folder, "card")
    with pytest.raises(OtorongoError, match=r"card\.md: has no section"):
        evidence.check(manifest.load(folder))


def test_a_bundle_of_pictures_owes_no_hours() -> None:
    """Hours of sound are asked of bundles of sound."""
    assert evidence.check(manifest.load("boxes@1")) is None


def test_a_section_is_replaced_where_it_stands() -> None:
    """A second evaluation leaves what stands before and after the section as it was."""
    once = with_section("# a\n\nbefore\n", "old\n")
    twice = with_section(once + "\nafter\n", "new")
    assert twice == f"# a\n\nbefore\n\n{BEGIN}\nnew\n{END}\n\nafter\n"
    assert with_section(twice, "new") == twice


def test_digests_go_into_the_table_of_files(tmp_path: Path) -> None:
    """A known role gets its new digest, a new one its line at the end of [files], and nothing else is touched."""
    path = tmp_path / "card.md"
    path.write_text("words")
    text = 'name = "x"\n\n[files]\ncard = { name = "card.md", sha256 = "00" }\n\n[[golden]]\ncard = 1\n'
    out = sealed(text, {"card": path, "evidence": path})
    assert out.count('name = "card.md"') == 2
    assert out.index("evidence = ") < out.index("[[golden]]")
    assert out.endswith("[[golden]]\ncard = 1\n")
