"""Events outside alerts as the pages show them: what, when and how sure, and who says so. Never where exactly."""

from collections.abc import Sequence
from typing import Any, Final

from otorongo.hub import (
    leaving,
    messages,
    reasons,
    review,
    shown,
    store_evidence,
    store_reviews,
    store_visits,
    store_web,
    texts,
)
from otorongo.hub.leaving import Gate
from otorongo.hub.review import Settled
from otorongo.hub.shown import Shown
from otorongo.hub.store import Found, Tx
from otorongo.hub.store_visits import Asked, Eyes
from otorongo.hub.users import May
from otorongo.hub.web import view_alerts, view_missing, view_stations, view_tracks
from otorongo.hub.web.render import Page
from otorongo.hub.web.site import Site
from otorongo.hub.web.viewer import Names, Viewer
from otorongo.wire import classes, species
from otorongo.wire.codes import CloseReason, MediaKind, Tag
from otorongo.wire.species import Taxon

_AHEAD: Final = 25
_BACK_MS: Final = 366 * 86_400_000
"""So many events, and so far back, are looked through for the next one to review."""
DOUBT_MS: Final = 1000
"""A clock that is surer than this is not spoken of in the list."""
BESIDE_MS: Final = 10_000
_NONE: Final = -1
"""No animal's number."""
_SENSES: Final = {"microphone": "sound", "camera": "picture"}


def eyes_of(tx: Tx, page: Page, viewer: Viewer) -> Eyes:
    """Which events a viewer may see."""
    within = view_stations.places_of(tx, page)
    mine = viewer.places or ()
    apart = leaving.stations_apart(tx, page.site.rules)
    stations = tuple(sorted(name for name, place in within.items() if place in mine))
    sight, who = view_alerts.sight_of(viewer), viewer.user.acts_as
    return Eyes(sight, sees_everywhere(viewer), stations, tuple(sorted(apart)), who)


def sees_everywhere(viewer: Viewer) -> bool:
    """Whether somebody sees the events of every place, as by the API."""
    return viewer.may(May.ALERTS) and viewer.places is None


def choices(tx: Tx, page: Page, eyes: Eyes) -> dict[str, Any]:
    """What the form of the list offers: sectors with their stations, classes, and names of animals."""
    within = view_stations.places_of(tx, page)
    every = sorted(store_evidence.positions(tx), key=str.casefold)
    mine = every if eyes.everywhere else [name for name in every if name in eyes.stations]
    places = sorted({within[name] for name in mine if name in within})
    named = [(line.name, texts.named(page.lang, "class", line.name)) for line in classes.CLASSES]
    return {
        "places": [(name, messages.sector(page.lang, name)) for name in places],
        "stations": mine,
        "classes": sorted(named, key=lambda one: one[1]),
        **taxa(page.lang),
    }


def taxa(lang: str) -> dict[str, list[tuple[int, str]]]:
    """The table of animals for a form: species by their name, and the groups above them."""
    animals = [one for one in species.taxa().values() if one.kind != "human"]
    kinds = [(one.number, name) for one in animals if one.rank == "species" for name in _of_list(one, lang)]
    groups = [(one.number, name) for one in animals if one.rank != "species" for name in _of_list(one, lang)[:1]]
    return {
        name: sorted(some, key=lambda one: one[1].casefold()) for name, some in (("kinds", kinds), ("groups", groups))
    }


def _of_list(one: Taxon, lang: str) -> list[str]:
    """How an animal stands in a list: by its name, and in Spanish under each name that people here call it by, too."""
    name = one.name(lang)
    whole = name if name == one.scientific else f"{name} ({one.scientific})"
    return [whole, *(f"{local}: {whole}" for local in one.local if lang == "es" and local != name)]


def under(number: int) -> tuple[int, ...]:
    """A taxon and all that is below it in the table; empty if there is none of that number."""
    group = species.taxon(number)
    if group is None:
        return ()
    return tuple(one.number for one in species.taxa().values() if shown.within(one, group))


def asked_of(tx: Tx, page: Page, eyes: Eyes, where: str, what: str, sense: str, days: tuple[int, int]) -> Asked:
    """What a filled-in form asks for. A name that is none of theirs finds nothing, and says nothing more."""
    stations: tuple[str, ...] | None = None
    kind, _, name = where.partition(":")
    if kind == "station":
        stations = (name,)
    elif kind == "place":
        stations = tuple(one for one, place in view_stations.places_of(tx, page).items() if place == name)
    line = classes.BY_NAME.get(what)
    numbers = under(int(what)) if what.isdecimal() and len(what) <= 5 else ()
    if what and not line and not numbers:
        numbers = (_NONE,)
    return Asked(*days, stations, (line.number,) if line else (), numbers, sense if sense in _SENSES.values() else "")


def rows(tx: Tx, page: Page, viewer: Viewer, eyes: Eyes, found: Sequence[Found]) -> list[dict[str, Any]]:
    """Lines of the list."""
    gate = leaving.near_gate(tx, page.site.rules, store_evidence.positions(tx), found)
    over = store_visits.alerts_over(tx, eyes.sight, map(key_of, found))
    said = store_reviews.of_events(tx, map(key_of, found))
    out = []
    for row in found:
        answers = [review.answer_of(one) for one in said.get(key_of(row), ())]
        frame = shown.of(tx, row)
        line = told(tx, page, row, frame, review.settled(row, answers, counted(row, frame)))
        pictures = [one for one in pieces(tx, page, viewer, row, gate, over.get(key_of(row), [])) if one["thumb"]]
        out.append({**line, "picture": pictures[0] if pictures else None, "alert": bool(over.get(key_of(row)))})
    return out


def unreviewed(tx: Tx, page: Page, viewer: Viewer, eyes: Eyes, row: Found) -> str:
    """Where this station's next older picture is of which nobody has said anything; empty if none is near."""
    asked = Asked(row["start_ms"] - _BACK_MS, row["start_ms"] + 1, (row["station"],))
    before = (row["start_ms"], row["station"], row["outbox"], row["event"])
    older = store_visits.newest(tx, eyes, asked, limit=_AHEAD, before=before)
    lines = rows(tx, page, viewer, eyes, older)
    return next((line["href"] for line in lines if line["picture"] and not line["standing"]), "")


def counted(row: Found, frame: Shown | None) -> review.Counted:
    """The several kinds of animals that a visit showed, as numbers with how many of each."""
    return frame.counted(row["species"]) if frame else ()


def told(tx: Tx, page: Page, row: Found, frame: Shown | None, people: Settled) -> dict[str, Any]:
    """One event in few words."""
    within = view_stations.places_of(tx, page)
    kinds = _kinds(page, row, frame)
    return {
        "href": _href(row),
        "station": row["station"],
        "place": messages.sector(page.lang, within.get(row["station"], "~")),
        "start_ms": row["start_ms"],
        "doubt": texts.duration(row["bound_ms"]) if row["bound_ms"] >= DOUBT_MS else "",
        "open": row["end_ms"] is None,
        "length": texts.duration(row["duration_ms"]) if row["duration_ms"] else "",
        "drill": bool(row["tags"] & Tag.DRILL),
        "scenery": bool(row["tags"] & Tag.SCENERY),
        "names": _names(page, row, people, kinds),
        "machine": _machine(page, row),
        "kinds": kinds if len(kinds) > 1 else (),
        "label": texts.listed(page.lang, [_counted(one) for one in kinds]) if len(kinds) > 1 else kinds[0]["name"],
        "p": _certainty(row, frame),
        "unvalidated": any(one["number"] for one in kinds) and not (frame and frame.validated),
        "several": row["count"] if row["count"] > 1 and row["species"] and len(kinds) == 1 else 0,
        "standing": people.standing,
    }


def _names(page: Page, row: Found, people: Settled, kinds: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What it shows, each kind by itself: as people settled it, else as the station says."""
    if people.standing == "agreed" and people.verdict == "other":
        return [_named(page, number, count) for number, count in people.said]
    if people.standing == "agreed" and people.verdict == "nothing":
        return [_plain(page.t("page.visit.nothing"))]
    if people.standing == "agreed" and people.verdict == "person":
        return [_plain(texts.named(page.lang, "class", "person"))]
    return kinds


def _kinds(page: Page, row: Found, frame: Shown | None) -> list[dict[str, Any]]:
    """What the station says that it shows: of several kinds each with how many of it were named at once."""
    several = frame.several(row["species"]) if frame else ()
    if not several:
        return [_machine(page, row)]
    return [
        {
            **_named(page, one.species, one.most),
            "percent": reasons.percent(one.p),
            "source": shown.source_of(one.source),
        }
        if one.species
        else {**_machine(page, {**row, "species": 0}), "count": one.most}
        for one in several
    ]


def _counted(one: dict[str, Any]) -> str:
    return f"{one['name']} {one['count']}" if one["count"] else str(one["name"])


def _machine(page: Page, row: Found) -> dict[str, Any]:
    if row["species"]:  # of several it is the name of one, and nobody knows whether it is that of the others
        return _named(page, row["species"], 0)
    cls = texts.named(page.lang, "class", classes.name_of(row["cls"]))
    return _plain(cls, row["count"])


def _named(page: Page, number: int, count: int) -> dict[str, Any]:
    taxon, latin = species.taxon(number), species.name_of(number)
    name = taxon.name(page.lang) if taxon else latin
    return {**_plain(name, count), "latin": "" if name == latin else latin, "number": number}


def _plain(name: str, count: int = 0) -> dict[str, Any]:
    return {"name": name, "latin": "", "count": count, "number": 0, "percent": None, "source": ""}


def _certainty(row: Found, frame: Shown | None) -> int | None:
    """Percent: of the name where there is one and it is known, of the class where it has no name; None: not known."""
    p = frame.p_of(row["species"]) if frame and row["species"] else None
    if row["species"] and frame and frame.names:
        return None if p is None else reasons.percent(p)
    return reasons.percent(row["peak"] / 100) or None


def whole(tx: Tx, page: Page, viewer: Viewer, eyes: Eyes, row: Found, names: Names) -> dict[str, Any]:
    """Everything that the page of one event shows."""
    key = key_of(row)
    gate = leaving.near_gate(tx, page.site.rules, store_evidence.positions(tx), [row])
    over = store_visits.alerts_over(tx, eyes.sight, [key]).get(key, [])
    answers = [review.answer_of(one) for one in store_reviews.of_event(tx, key)]
    frame = shown.of(tx, row)
    people = review.settled(row, answers, counted(row, frame))
    found = pieces(tx, page, viewer, row, gate, over)
    hidden = review.withdrawn(answers)
    if hidden and not any(one["whole"] for one in found) and (decides := withdrawn_gate(tx, page.site, viewer, row)):
        found = pieces(tx, page, viewer, row, decides, [])
    others = store_visits.beside(tx, eyes, row, within_ms=BESIDE_MS)
    # Who has answered looked at it then; that it was withdrawn since lets them say otherwise.
    looked = any(one["whole"] for one in found) or eyes.who in {one.who for one in answers}
    return {
        "visit": told(tx, page, row, frame, people),
        "facts": _facts(page, row, frame),
        "said": _said(page, row, frame),
        "track": view_tracks.of(tx, page, row),
        "pieces": found,
        "missing": "" if found or hidden else view_missing.why(tx, page, row, gate),
        "withdrawn": hidden and not review.is_threat(row),
        "alerts": [_alert(page, one) for one in over],
        "beside": [told(tx, page, one, shown.of(tx, one), review.NOBODY) for one in others],
        "answers": [_answer(page, names, one) for one in reversed(answers)],
        "people": [names.shown(one) for one in people.who],
        "mark": review.mark(row, counted(row, frame)),
        "may_review": looked and viewer.may(May.CLOSE),
        "nothing_to_look_at": viewer.may(May.CLOSE) and not looked,
        "threat": review.is_threat(row),
    }


def withdrawn_gate(tx: Tx, site: Site, viewer: Viewer, row: Found) -> Gate | None:
    """What those may see who look at what was withdrawn, to say whether somebody is in it; None: not this viewer.

    They are those who may have originals of people anywhere else. They see it as if nobody had said so, no more.
    """
    if not viewer.may(May.SEALED) or not viewer.may(May.CLOSE):
        return None
    if not review.withdrawn([review.answer_of(one) for one in store_reviews.of_event(tx, key_of(row))]):
        return None
    return leaving.near_gate(tx, site.rules, store_evidence.positions(tx), [row], unsaid=key_of(row))


def _said(page: Page, row: Found, frame: Shown | None) -> dict[str, Any]:
    """What named it: every name with its probability, the rule that chose, and the bundle."""
    if frame is None:
        return {"names": [], "how": "", "bundle": "", "boxes": 0}
    names = [(_named(page, one.species, 0) if one.species else None, reasons.percent(one.p)) for one in frame.names]
    how = page.t(f"page.named.{frame.source}") if row["species"] and frame.source else page.t("page.named.none")
    return {"names": names, "how": how if names else "", "bundle": frame.bundle, "boxes": len(frame.boxes)}


def _facts(page: Page, row: Found, frame: Shown | None) -> list[tuple[str, str]]:
    """Numbers of the event with what they are called."""
    ends = {int(one): one.name.lower() for one in CloseReason if one != CloseReason.NONE}
    known = row["end_ms"] is not None and row["reason"] in ends  # a newer station may know others
    given = (
        ("clock", f"± {texts.duration(row['bound_ms'])}" if row["bound_ms"] >= DOUBT_MS else "± < 1 s"),
        ("hits", str(row["hits"]) if row["hits"] else ""),
        ("most", str(row["count"]) if row["count"] and counted(row, frame) else ""),
        ("peak", texts.percent(reasons.percent(row["peak"] / 100)) if row["peak"] else ""),
        ("level", f"{row['level_db']} dBFS" if row["level_db"] else ""),
        ("f0", f"{row['f0_dhz'] / 10:.0f} Hz" if row["f0_dhz"] else ""),
        ("closed", page.t(f"page.visit.closed.{ends[row['reason']]}") if known else ""),
    )
    return [(page.t(f"page.visit.fact.{name}"), value) for name, value in given if value]


def _alert(page: Page, row: Found) -> dict[str, Any]:
    state = texts.named(page.lang, "resolution", row["resolution"]) if row["resolution"] else ""
    return {
        "id": row["id"],
        "activity": texts.named(page.lang, "activity", row["activity"]),
        "place": messages.sector(page.lang, row["place"]),
        "resolved": state,
    }


def _answer(page: Page, names: Names, one: review.Answer) -> dict[str, Any]:
    said = [_named(page, number, count) for number, count in one.said]
    listed = texts.listed(page.lang, [f"{kind['name']} {kind['count']}" for kind in said])
    return {
        "who": names.shown(one.who),
        "at_ms": one.at_ms,
        "text": page.t(f"page.review.said.{one.verdict}", kinds=listed),
    }


def pieces(tx: Tx, page: Page, viewer: Viewer, row: Found, gate: Gate, over: Sequence[Found]) -> list[dict[str, Any]]:
    """Pictures and sounds of an event that a viewer may have: as an export takes them, or under an alert of theirs.

    What is sealed is not among them: it is asked for and taken from the alert's page.
    """
    land = {one["id"]: view_alerts.land_of(tx, page.site.rules, viewer, one, [row]) for one in over}
    out = []
    for piece in store_web.pieces_to_show(tx, key_of(row)):
        if piece["tags"] & Tag.SEALED:
            continue
        base = f"{_href(row)}/media/{piece['seq']}" if gate.piece(row, piece) else ""
        for code, hides in land.items():
            if not base and (hides is None or not hides.keeps_piece(row, piece)):
                base = view_alerts.piece_in(code, piece)
        if base:
            out.append(_piece(base, piece))
    return out


def _piece(base: str, piece: Found) -> dict[str, Any]:
    shows = view_alerts.piece_of(base, piece)
    waits = piece["state"] == "told" and piece["wanted_ms"] == 0
    small = piece["kind"] in (MediaKind.THUMBNAIL, MediaKind.PREVIEW)
    # By hand come whole frames and sounds: small pictures come by themselves, under alerts everything does.
    by_hand = piece["kind"] == MediaKind.FRAME or (piece["kind"] == MediaKind.CLIP and base.startswith("/events/"))
    return {**shows, "waits": waits, "ask": waits and by_hand, "thumb": small and shows["whole"]}


def _href(row: Found) -> str:
    return f"/events/{row['station']}/{row['outbox']}/{row['event']}"


def key_of(row: Found) -> tuple[str, int, int]:
    """Station, outbox, and the seq of the opening."""
    return row["station"], row["outbox"], row["event"]
