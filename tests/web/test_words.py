"""How pages speak: what they say once, what they never say, and where the list of alerts begins on a phone."""

import re
from pathlib import Path

from sqlalchemy import update

from otorongo.hub import db, reasons
from otorongo.hub.web.render import TEMPLATES, whole
from otorongo.wire.codes import NoteKind
from otorongo.wire.rows import Note
from tests.web.conftest import Hub
from tests.web.seed import LAKE
from tests.web.test_deaf import told

SAW = (LAKE, "logging")


def written() -> list[Path]:
    """Everything that pages are made of."""
    web = TEMPLATES.parent
    return [path for path in web.rglob("*.*") if path.suffix in (".html", ".css", ".js", ".po", ".py")]


def section(page: str, title: str) -> list[str]:
    """The lines of a part of a page, as somebody reads them, newest first."""
    part = page[page.index(f"<h2>{title}</h2>") :].split("</section>", maxsplit=1)[0]
    return [" ".join(re.sub("<[^>]+>", " ", line).split()) for line in re.findall(r"<li.*?</li>", part, re.DOTALL)]


def test_what_was_noticed_is_told_where_it_changes(read_hub: Hub) -> None:
    """The life of an alert: what was noticed stands with a decision only if the line before told something else."""
    life = section(read_hub.login("carla").get(f"/alerts/{read_hub.code(*SAW)}").text, "Historia")
    rings = [line for line in life if line.startswith("Nadie acude: se avisa otra vez")]
    assert len(rings) == 2
    assert ["caída de árbol" in line for line in rings] == [False, True]
    assert sum("motosierra" in line and "sin derecho vigente" in line for line in life) == 4


def test_messages_that_differ_in_their_time_alone_are_one_line(read_hub: Hub) -> None:
    """With how many they were and since when; other kinds, people and fates stay lines of their own."""
    page = read_hub.login("carla").get(f"/alerts/{read_hub.code(*SAW)}").text
    sent = section(page, "Avisos")
    assert [line.split(" ")[:3] for line in sent if "maria" in line] == [["maria", "·", "aviso"]] * 2
    assert sum("2 veces desde" in line for line in sent) == 2
    assert sum("veces" in line for line in sent if line.startswith("carla")) == 0


def test_no_machine_is_said_to_be_certain(hub: Hub) -> None:
    """A network that says 100 % is shown with 99, as a belief is."""
    code = hub.code(*SAW)
    with hub.store.write() as tx:
        tx.execute(update(db.events).values(peak=100))
    maria = hub.login("maria")
    for path in (f"/alerts/{code}", "/events"):
        page = maria.get(path).text
        assert "99\u00a0%" in page, path
        assert not re.search(r"100\s%", page), path
    assert (reasons.percent(1.0), reasons.percent(0.5)) == (99, 50)


def test_no_line_ends_between_a_number_and_its_percent_sign(read_hub: Hub) -> None:
    """Wherever a page tells one; nor do texts, templates and code part them."""
    tito, carla = read_hub.login("tito"), read_hub.login("carla")
    opened = [carla.get(f"/alerts/{read_hub.code(*SAW)}"), carla.get("/events"), tito.get("/stations/K-04")]
    assert sum(len(re.findall(r"\d\u00a0%", page.text)) for page in opened) > 3
    assert [page.url.path for page in opened if re.search(r"\d %", page.text)] == []
    parted = [(path.name, one) for path in written() for one in re.findall(r".*\} %(?!\}).*", path.read_text())]
    assert parted == []


def test_a_name_is_kept_whole_and_what_is_no_name_stays_escaped() -> None:
    """Short ones only: a name that is longer than a narrow line may still break."""
    assert whole('<b>K-02</b>, "a"') == '&lt;b&gt;<span class="whole">K-02</span>&lt;/b&gt;, &#34;a&#34;'
    assert whole("R-000-2026 y -12.5") == '<span class="whole">R-000-2026</span> y -12.5'
    assert whole("cocha-larga-del-norte") == "cocha-larga-del-norte"


def test_no_sign_asks_for_a_font_that_a_phone_may_lack() -> None:
    """A pictograph is an empty box where no font has it: what it means is a word, or drawn."""
    signs = {(path.name, one) for path in written() for one in path.read_text() if one >= "\N{ACCOUNT OF}"}
    assert signs == set()


def test_a_note_of_a_sensor_names_it(hub: Hub) -> None:
    """As the list of sensors does, and not by its section in a file."""
    _, _, station = told(hub, Note(9, NoteKind.STOPPED, "microphone", 1))
    note = section(station + "</section>", "Notas")[0]
    assert note.startswith("Se detuvo · Micrófono 1 ")
    assert "microphone" not in note


def test_alerts_come_before_the_search_for_them(read_hub: Hub) -> None:
    """The search is folded away until somebody has asked for something."""
    carla = read_hub.login("carla")
    assert '<details class="closing">' in carla.get("/alerts").text
    for query in ("state=all", "activity=mining"):
        assert '<details class="closing" open>' in carla.get(f"/alerts?{query}").text


def test_what_could_not_be_read_and_what_is_in_no_backup_is_said_in_words(read_hub: Hub) -> None:
    """A decoder's own words stand behind ours; a station of which nothing was copied yet is not "safe up to 0"."""
    page = read_hub.login("tito").get("/stations/K-04").text
    assert "No se entiende lo que llegó: not columns" in page
    assert "todavía sin sello · sin copia de respaldo todavía" in page
