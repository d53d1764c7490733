"""The list of alerts: its order, its filters, what the script asks for again, and what an empty one says."""

import re
from typing import Any
from urllib.parse import quote

from otorongo.hub import store_alerts, store_web
from tests.web.conftest import Hub
from tests.web.seed import BROOK, HEADWATERS, LAKE, PARCEL

SAW = (LAKE, "logging")


def test_the_list_answers_304_until_something_changes(hub: Hub) -> None:
    """What the script asks for again costs nothing over a bad link while nothing has happened."""
    phone = hub.login("maria")
    first = phone.get("/alerts?part=list")
    assert first.status_code == 200
    assert "<html" not in first.text
    same = phone.get("/alerts?part=list", if_none_match=first.headers["etag"])
    assert (same.status_code, same.content) == (304, b"")
    page = f"/alerts/{hub.code(*SAW)}"
    hub.login("carla").send(page, f"{page}/refuse")
    assert phone.get("/alerts?part=list", if_none_match=first.headers["etag"]).status_code == 200
    gone = hub.client().get("/alerts?part=list")
    assert gone.status_code == 401


def test_filters_and_pages_of_the_list(read_hub: Hub) -> None:
    """Place, activity and state narrow it; odd values find nothing and break nothing."""
    carla = read_hub.login("carla")

    def found(query: str) -> list[str]:
        return re.findall(r'<a href="/alerts/([A-Z0-9]+)"', carla.get(f"/alerts?{query}").text)

    everything = found("state=all")
    assert len(everything) == 7
    assert [code for code in everything if code in found("")] != found("")
    assert found("state=all&activity=mining") == [read_hub.code(LAKE, "mining")]
    assert set(found(f"state=all&place={PARCEL}")) < set(everything)
    assert found("state=all&place=Nirgends&activity='--") == []
    third = read_hub.alert(everything[2])
    assert found(f"state=all&before={third['opened_ms']}.{third['id']}") == everything[3:]
    assert found("state=all&before=x.y") == everything


def test_what_rings_stands_above_what_is_only_watched(read_hub: Hub) -> None:
    """Open alerts: the gravest first, the newest first among equals, drills last; the list goes on where it stopped."""
    carla = read_hub.login("carla")

    def found(query: str) -> list[dict[str, Any]]:
        codes = re.findall(r'<a href="/alerts/([A-Z0-9]+)"', carla.get(f"/alerts?{query}").text)
        return [read_hub.alert(code) for code in codes]

    rows = found("")
    order = [(not row["drill"], row["severity"], row["opened_ms"]) for row in rows]
    assert order == sorted(order, reverse=True)
    assert len({severity for real, severity, _ in order if real}) > 1
    for place, row in enumerate(rows):
        after = f"before={store_web.grade_of(row)}.{row['opened_ms']}.{row['id']}"
        assert [one["id"] for one in found(after)] == [one["id"] for one in rows[place + 1 :]]
    assert found("before=x.1.A") == found("before=13.A") == rows


def test_an_alert_is_found_by_the_code_that_somebody_reads_over_the_radio(hub: Hub) -> None:
    """It stands on the card; spoken with pauses, in part, of a closed or a merged alert: it is found, and leads on."""
    code = hub.code(*SAW)
    with hub.store.write() as tx:
        row = store_alerts.alert(tx, code)
        assert row is not None
        old = {**row, "id": "QXQXQXQX", "state": "resolved", "resolution": "merged", "data": {"merged_into": code}}
        store_alerts.put_alert(tx, old)
        store_alerts.set_alert(tx, code, state="resolved", resolution="false")
    maria = hub.login("maria")
    assert f'<span class="code">{code}</span>' in maria.get("/alerts?state=all").text
    for spoken in (code, code.lower(), f" {code[:4]} {code[4:]}-", code[2:]):
        page = maria.get(f"/alerts?code={quote(spoken)}").text
        assert re.findall(r'<a href="/alerts/([A-Z0-9]+)"', page) == [code], spoken
        assert f'<span class="code">{code}</span>' in page
    assert "QXQXQXQX" not in maria.get("/alerts?state=all").text
    assert 'href="/alerts/QXQXQXQX"' in maria.get("/alerts?code=qxqx").text
    assert maria.get("/alerts/QXQXQXQX").headers["location"] == f"/alerts/{code}"


def test_a_code_tells_nobody_of_an_alert_that_they_may_not_see(read_hub: Hub) -> None:
    """One that is sealed, or of another's sector, is answered as one that never was; odd ones find nothing or all."""
    sealed, other = read_hub.code(HEADWATERS, "presence"), read_hub.code(BROOK, "poaching")
    assert f'href="/alerts/{sealed}"' in read_hub.login("pilar").get(f"/alerts?code={sealed}").text
    maria = read_hub.login("maria")

    def told(code: str) -> str:
        return maria.get(f"/alerts?code={quote(code)}&part=list").text

    assert told(sealed) == told(other) == told("ZZZZ2222") == told("Z" * 5000)
    assert "Ninguna alerta coincide con el filtro." in told(sealed)
    assert "/alerts/" not in told(sealed)
    assert told("%") == told("_") == told("")
    assert len(maria.get(f"/alerts?code={'Z' * 5000}").text) < len(maria.get("/alerts?code=ZZZZ2222").text) + 100


def test_an_empty_list_says_whether_anybody_listens(read_hub: Hub) -> None:
    """No alerts means nothing where no station listens, and the page says so."""
    assert "Ninguna estación escucha en sus sectores" in read_hub.login("nadie").get("/alerts").text
    text = read_hub.login("jose").get("/alerts").text
    assert "7 estaciones escuchan, 1 se retrasa, 1 en silencio." in text
