"""Events of a period, for people who count animals: CSV, GeoJSON, or a Camtrap DP 1.0.2 package; or how they heard.

Persons, threats and everything in no_contact places are left out unless asked for; persons in a no_contact place, and
signs of them, leave the hub in no case: see `leaving`. Events dated in the future, drills and the visits of one's own
patrol are never exported.

Camtrap DP: https://camtrap-dp.tdwg.org. Every event is an observation of level `event`; what made a sound stands in its
tags, because the format has no word for it.
"""

import csv
import datetime as dt
import json
import shutil
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from otorongo.hub import (
    camtrap,
    effort,
    leaving,
    reviewed,
    shown,
    store_events,
    store_media,
    store_people,
    store_stations,
)
from otorongo.hub.errors import ExportError
from otorongo.hub.leaving import PERSONS, Gate, Wanted
from otorongo.hub.rules import Rules
from otorongo.hub.shown import Shown
from otorongo.hub.store import Found, Store, Tx
from otorongo.hub.store_stations import SensorTold
from otorongo.language import say, why
from otorongo.wire import classes, species
from otorongo.wire.codes import CloseReason, Kind, MediaKind, Tag

Format = Literal["csv", "geojson", "camtrap-dp", "listening", "seeing"]
USUAL_DAYS: Final = 30
"""Of a period that nobody names."""
EFFORTS: Final = ("listening", "seeing")
FORMATS: Final = ("csv", "geojson", "camtrap-dp", *EFFORTS)
_REASONS: Final = {int(one): one.name.lower() for one in CloseReason}
_COLUMNS: Final = (
    *("event", "station", "latitude_deg", "longitude_deg", "start", "end", "clock_bound_ms", "sense", "class"),
    *("species", "probability", "evidence", "count", "duration_s", "level_db", "floor_db", "f0_hz", "closed", "bundle"),
    *("name_by", "name_source", "name_probability", "name_standing", "kinds", "kinds_probability"),
    *("review", "reviewed_as", "reviewed_by", "reviewed_at", "alert_closed"),
)


class Exported(Struct, frozen=True):
    """What came out."""

    path: Path
    events: int
    """Or lines of effort."""
    left_out: int
    """Events of the period that were not asked for, or must not leave; of effort, stations."""
    pieces_left_out: int = 0
    """Pictures and sounds of the exported events of which the same is true."""
    coarse: bool = False
    """Places are rounded, because a sensitive animal is among the events."""


def export(store: Store, rules: Rules, wanted: Wanted, form: Format, out: Path, *, media: Path, who: str) -> Exported:
    """Write the events of a period to a file, or a folder for camtrap-dp; it is noted who had them.

    `media` is the hub's folder of evidence. Raises ExportError if `out` is there already or cannot be written.
    """
    if out.exists():
        raise ExportError(say("{out}: is there already: name another, nothing is overwritten", out=out))
    now_ms = int(dt.datetime.now(dt.UTC).timestamp() * 1000)
    with store.read() as tx:
        _refuse_unknown(wanted, {*rules.fixed, *(row["station"] for row in store_stations.stations_by_name(tx))})
        rows = store_events.events_between(tx, wanted.from_ms, wanted.to_ms)
        rows = [row for row in rows if not wanted.stations or row["station"] in wanted.stations]
        positions = _positions(tx, rules)
        gate = leaving.gate(tx, rules, wanted, positions)
        going = [row for row in rows if gate.event(row)]
        speakers = {_speaker(row): row for row in going}
        told = {key: store_stations.sensor_of(tx, row) for key, row in speakers.items()}
        said = reviewed.told(tx, going)
        coarse = not wanted.exact and form != "listening" and any(map(shown.sensitive, _named(going, said)))
        if coarse:
            positions = {name: at and (round(at[0], 1), round(at[1], 1)) for name, at in positions.items()}
        chosen = [
            {**_readable(row, positions, told[_speaker(row)]), **more} for row, more in zip(going, said, strict=True)
        ]
        done = Exported(out, len(chosen), len(rows) - len(chosen), coarse=coarse)
        try:
            if form == "csv":
                _write_csv(out, chosen)
            elif form == "geojson":
                _write_geojson(out, chosen)
            elif form in EFFORTS:
                done = _effort(tx, form, out, gate, now_ms)
            else:
                kept_back = _write_camtrap(tx, out, chosen, gate, positions, media, now_ms, coarse=coarse)
                done = replace(done, pieces_left_out=kept_back)
        except OSError as error:
            raise ExportError(say("{out}: cannot be written: {why}", out=out, why=why(error))) from error
    with store.write() as tx:
        asked = {"format": form, "from_ms": wanted.from_ms, "to_ms": wanted.to_ms, "events": done.events}
        flags = {"persons": wanted.persons, "threats": wanted.threats, "no_contact": wanted.no_contact}
        flags["exact"] = wanted.exact
        store_people.saw(tx, now_ms, who, "exported", subject=str(out), data={**asked, **flags})
    return done


def _refuse_unknown(wanted: Wanted, known: set[str]) -> None:
    """Raises ExportError for a station that there is not."""
    for name in wanted.stations:
        if name not in known:
            there = ", ".join(sorted(known)) or "-"
            raise ExportError(say("--station {name}: no such station (there are: {known})", name=name, known=there))


def _named(rows: Sequence[Found], said: Sequence[Found]) -> set[int]:
    """Every animal that these events may show: by their names, by other kinds of a visit, and by what people said."""
    frames: list[Shown | None] = [one["shown"] for one in said]
    kinds = {one.species for frame in frames if frame for one in frame.kinds}
    return {row["species"] for row in rows} | kinds | {number for one in said for number in one["named"]}


def _positions(tx: Tx, rules: Rules) -> dict[str, tuple[float, float] | None]:
    told = {
        row["station"]: None
        if row["latitude_deg"] is None or row["longitude_deg"] is None
        else (row["latitude_deg"], row["longitude_deg"])
        for row in store_stations.stations_by_name(tx)
    }
    return {**told, **rules.fixed}


def _speaker(row: Found) -> tuple[Any, ...]:
    """Whose numbers a row speaks in."""
    return tuple(row[name] for name in ("station", "birth", "outbox", "boot", "sensor"))


def _readable(row: Found, positions: Mapping[str, tuple[float, float] | None], by: SensorTold) -> Found:
    """An event with words for its numbers."""
    line = classes.BY_NUMBER.get(row["cls"])
    at = positions.get(row["station"])
    end_ms = row["end_ms"] if row["end_ms"] is not None else row["start_ms"] + row["duration_ms"]
    bundle = by.bundles[row["bundle"]] if row["bundle"] < len(by.bundles) else None
    sense = {"microphone": "sound", "camera": "picture"}.get(by.kind, line.sense if line else "")
    return {
        **row,
        "id": f"{row['station']}-{row['outbox']:08x}-{row['event']}",
        "name": classes.name_of(row["cls"]),
        "sense": sense,
        "scientific": species.name_of(row["species"]),
        "at": at,
        "stop_ms": end_ms,
        "model": f"{_plain(bundle['name'])}@{bundle['version']}" if bundle else "",
    }


def _plain(text: str) -> str:
    """What a station calls something, as no spreadsheet takes it for a formula."""
    return store_stations.clean(text).lstrip("=+-@ ")


def _line(row: Found) -> dict[str, Any]:
    at = row["at"] or ("", "")
    over = row["kind"] == Kind.CLOSE or row["closed_by"]
    return {
        "event": row["id"],
        "station": row["station"],
        "latitude_deg": at[0],
        "longitude_deg": at[1],
        "start": camtrap.iso(row["start_ms"]),
        "end": camtrap.iso(row["stop_ms"]),
        "clock_bound_ms": row["bound_ms"],
        "sense": row["sense"],
        "class": row["name"],
        "species": row["scientific"],
        "probability": row["peak"] / 100,
        "evidence": row["evidence"] / 10,
        "count": row["count"] or "",
        "duration_s": (row["stop_ms"] - row["start_ms"]) / 1000,
        "level_db": row["level_db"] or "",
        "floor_db": row["floor_db"] or "",
        "f0_hz": row["f0_dhz"] / 10 if row["f0_dhz"] else "",
        "closed": _REASONS.get(row["reason"], f"reason-{row['reason']}") if over else "open",
        "bundle": row["model"],
        **reviewed.columns(row),
        "reviewed_at": camtrap.iso(row["people"].at_ms) if row["people"].at_ms else "",
    }


def _write_csv(out: Path, rows: Iterable[Found]) -> None:
    with out.open("x", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, _COLUMNS)
        writer.writeheader()
        writer.writerows(map(_line, rows))


def _write_geojson(out: Path, rows: Iterable[Found]) -> None:
    features = []
    for row in rows:
        line = {key: value for key, value in _line(row).items() if value != "" and not key.endswith("itude_deg")}
        point = {"type": "Point", "coordinates": [row["at"][1], row["at"][0]]} if row["at"] else None
        features.append({"type": "Feature", "id": row["id"], "geometry": point, "properties": line})
    text = json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False, indent=1)
    with out.open("x", encoding="utf-8") as file:
        file.write(text + "\n")


def _effort(tx: Tx, form: Format, out: Path, gate: Gate, now_ms: int) -> Exported:
    """Hours of the stations that may be told of; no line of it says what was heard or seen."""
    columns, lines = (
        (effort.COLUMNS, effort.lines) if form == "listening" else (effort.SEEING_COLUMNS, effort.seeing_lines)
    )
    every = [row["station"] for row in store_stations.stations_by_name(tx)]
    asked = [name for name in every if not gate.wanted.stations or name in gate.wanted.stations]
    shown = [name for name in asked if gate.wanted.no_contact or not gate.land.hides(name, 0)]
    count = 0
    with out.open("x", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        for line in lines(tx, gate.wanted, shown, now_ms):
            writer.writerow(line)
            count += 1
    return Exported(out, count, len(asked) - len(shown))


def _write_camtrap(
    tx: Tx,
    out: Path,
    rows: Sequence[Found],
    gate: Gate,
    positions: Mapping[str, tuple[float, float] | None],
    media: Path,
    now_ms: int,
    *,
    coarse: bool,
) -> int:
    """A package in a folder; how many pictures and sounds stay. A station without a position is no deployment."""
    wanted = gate.wanted
    without = sorted({row["station"] for row in rows if row["at"] is None})
    if without:
        raise ExportError(
            say(
                "station {names}: has no position, which Camtrap DP needs: give it a [[station]] in hub.toml",
                names=", ".join(without),
            )
        )
    out.mkdir(parents=True)
    stations = sorted({row["station"] for row in rows})
    heights = {row["station"]: row["height_m"] for row in store_stations.stations_by_name(tx)}
    bad_clock = {row["station"] for row in rows if row["bound_ms"] > 3_600_000}
    to_ms = min(wanted.to_ms, now_ms)
    deployments = [
        camtrap.deployment(
            name,
            positions[name] or (0.0, 0.0),
            heights.get(name),
            wanted.from_ms,
            to_ms,
            timestamp_issues=name in bad_clock,
            coarse=coarse,
        )
        for name in stations
    ]
    found = [(row, piece) for row in rows for piece in _pieces(tx, row, media)]
    going = [one for one in found if gate.piece(*one)]
    pieces = [camtrap.media(row, piece, _copied(row, piece, media, out)) for row, piece in going]
    observations = [one for row in rows for one in camtrap.observations(row, _kind(row), now_ms)]
    name = f"otorongo-{uuid.uuid4().hex[:12]}"
    camtrap.write(out, deployments, pieces, observations, name=name, now_ms=now_ms, coarse=coarse)
    return len(found) - len(going)


def _pieces(tx: Tx, row: Found, media: Path) -> list[Found]:
    """Evidence of an event that is here whole; no picture of levels, which shows nothing to look at or to hear."""
    found = store_media.pieces_of(tx, (row["station"], row["outbox"], row["event"]))
    kinds = {*camtrap.MEDIATYPES, ".age"}  # what is sealed stays, and is counted
    whole = [piece for piece in found if piece["state"] == "whole" and Path(piece["path"]).suffix in kinds]
    whole = [piece for piece in whole if piece["kind"] != MediaKind.SPECTROGRAM]
    return [piece for piece in whole if (media / piece["path"]).is_file()]


def _copied(row: Found, piece: Found, media: Path, out: Path) -> str:
    """Copy a piece into the package; its path there."""
    source = media / piece["path"]
    path = f"media/{row['id']}-{piece['seq']}{source.suffix}"
    (out / path).parent.mkdir(exist_ok=True)
    shutil.copyfile(source, out / path)
    return path


def _kind(row: Found) -> str:
    """Camtrap DP's type of an observation."""
    name = row["name"]
    if row["cls"] in PERSONS or row["tags"] & Tag.PERSON:
        return "human"
    if name in ("vehicle", "boat", "excavator", "aircraft", "engine", "engine_steady"):
        return "vehicle"
    if name in ("animal", "cattle", "dog", "insects", "frogs", "birds", "howler") or row["scientific"]:
        return "animal"
    return "blank" if name == "blank" else "unknown"


def days(first: str | None, last: str | None, today: dt.date) -> tuple[str, str]:
    """The first and the last day of an export: those that were named, else the `USUAL_DAYS` up to today."""
    end = last or today.isoformat()
    try:
        return first or (dt.date.fromisoformat(end) - dt.timedelta(days=USUAL_DAYS - 1)).isoformat(), end
    except (ValueError, OverflowError):
        return first or end, end  # `period` says what is wrong with it


def period(first: str, last: str, zone: dt.tzinfo) -> tuple[int, int]:
    """From the beginning of a day to the end of another, in a time zone, as UTC ms. Raises ExportError."""
    start, end = _day("--from", first), _day("--to", last)
    if end < start:
        raise ExportError(say("the period ends ({last}) before it begins ({first})", last=last, first=first))
    moments = (dt.datetime.combine(day, dt.time(), zone) for day in (start, end + dt.timedelta(days=1)))
    from_ms, to_ms = (int(moment.timestamp() * 1000) for moment in moments)
    return from_ms, to_ms


def _day(name: str, given: str) -> dt.date:
    try:
        return dt.date.fromisoformat(given)
    except ValueError as error:
        raise ExportError(
            say("{name} {given}: is no day: write it as year-month-day, such as 2026-01-31", name=name, given=given)
        ) from error
