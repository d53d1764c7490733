"""Evidence outside alerts: of an event as far as an export takes it along unasked, and frames that were rejected."""

from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, RedirectResponse

from otorongo.hub import leaving, store_evidence, store_media, store_people
from otorongo.hub.custodians import is_sealed
from otorongo.hub.store import Found, Tx
from otorongo.hub.users import May
from otorongo.hub.web import site, view_events, view_rejected, view_stations
from otorongo.hub.web.login import Me, MeByForm, need
from otorongo.hub.web.render import page
from otorongo.hub.web.routes_alerts import Hidden, remember
from otorongo.hub.web.routes_events import name_of, of_here, visible
from otorongo.hub.web.routes_media import TYPES, drawn, headers, path_of, played
from otorongo.hub.web.site import Here, Site
from otorongo.hub.web.viewer import Viewer
from otorongo.wire.codes import MediaKind

router: Final = APIRouter(include_in_schema=False)

_UNDER: Final = "/events/{station}/{outbox}/{event}/media/{seq}"
_REJECTED: Final = "/stations/{station}/rejected/{outbox}/{seq}"


@router.get(_UNDER)
def raw(request: Request, here: Here, viewer: Me, station: str, outbox: int, event: int, seq: int) -> Response:
    """A picture or sound as the station sent it."""
    path, piece = _file(request, here, viewer, (station, outbox, event), seq)
    return FileResponse(path, media_type=TYPES[MediaKind(piece["kind"])], headers=headers(sealed=False))


@router.get(f"{_UNDER}/spectrogram.webp")
def picture(request: Request, here: Here, viewer: Me, station: str, outbox: int, event: int, seq: int) -> Response:
    """What a clip sounds like, as a picture."""
    return drawn(*_file(request, here, viewer, (station, outbox, event), seq), sealed=False)


@router.get(f"{_UNDER}/sound.wav")
def wav(request: Request, here: Here, viewer: Me, station: str, outbox: int, event: int, seq: int) -> Response:
    """A clip for browsers that do not play Opus."""
    return played(*_file(request, here, viewer, (station, outbox, event), seq), sealed=False)


@router.post(f"{_UNDER}/ask")
def ask(request: Request, here: Here, viewer: MeByForm, station: str, outbox: int, event: int, seq: int) -> Response:
    """Somebody wants a sound or a whole frame, which does not travel by itself."""
    with here.store.read() as tx:
        row, piece, _ = _piece(tx, request, here, viewer, (station, outbox, event), seq)
    if piece["kind"] not in (MediaKind.CLIP, MediaKind.FRAME):
        raise Hidden
    _asked(
        request, here, viewer, piece, "asked_frame" if piece["kind"] == MediaKind.FRAME else "asked_clip", name_of(row)
    )
    return RedirectResponse(f"/events/{station}/{outbox}/{event}", 303)


@router.get(_REJECTED)
def rejected(request: Request, here: Here, viewer: Me, station: str, outbox: int, seq: int) -> Response:
    """A frame that was rejected; a sealed one closed, as a file to keep."""
    piece = _rejected(request, here, viewer, (station, outbox, seq))
    path = path_of(here, piece)
    name = f"{station}-{outbox}-{path.name}"
    closed = is_sealed(piece)
    remember(here, viewer, "took_rejected" if closed else "saw_rejected", station, site.address(request))
    if not closed and view_rejected.is_picture(path):
        return FileResponse(path, media_type="image/webp", headers=headers(sealed=False))
    return FileResponse(path, media_type="application/octet-stream", filename=name, headers=headers(sealed=closed))


@router.post(f"{_REJECTED}/ask")
def ask_rejected(request: Request, here: Here, viewer: MeByForm, station: str, outbox: int, seq: int) -> Response:
    """Somebody wants to look at a frame that was rejected."""
    piece = _rejected(request, here, viewer, (station, outbox, seq))
    _asked(request, here, viewer, piece, "asked_rejected", station)
    return RedirectResponse(f"/stations/{station}#rejected", 303)


def _piece(
    tx: Tx, request: Request, here: Site, viewer: Viewer, key: tuple[str, int, int], seq: int
) -> tuple[Found, Found, bool]:
    """An event that the viewer may see, a piece of it that may be shown beside no alert, and whether it was withdrawn.

    Raises Hidden.
    """
    if not viewer.may(May.ALERTS) or not 0 <= seq < 1 << 63:
        raise Hidden
    row = visible(tx, of_here(tx, request, here, viewer), *key)
    piece = store_media.piece(tx, (key[0], key[1], seq))
    if piece is None or piece["kind"] not in TYPES or piece["event"] != row["event"]:
        raise Hidden
    if leaving.near_gate(tx, here.rules, store_evidence.positions(tx), [row]).piece(row, piece):
        return row, piece, False
    decides = view_events.withdrawn_gate(tx, here, viewer, row)
    if decides is None or not decides.piece(row, piece):
        raise Hidden
    return row, piece, True


def _file(request: Request, here: Site, viewer: Viewer, key: tuple[str, int, int], seq: int) -> tuple[Path, Found]:
    """The file of such a piece. Raises Hidden."""
    with here.store.read() as tx:
        row, piece, withdrawn = _piece(tx, request, here, viewer, key, seq)
    path = path_of(here, piece)
    what = "saw_withdrawn" if withdrawn else "saw_event_media"
    remember(here, viewer, what, name_of(row), site.address(request))
    return path, piece


def _rejected(request: Request, here: Site, viewer: Viewer, key: tuple[str, int, int]) -> Found:
    """A rejected frame that the viewer may have. Raises Hidden and Forbidden."""
    need(viewer, May.STATIONS)
    if not 0 <= key[1] < 1 << 32 or not 0 <= key[2] < 1 << 63:
        raise Hidden
    this = page(request, here, viewer)
    with here.store.read() as tx:
        place = view_stations.places_of(tx, this).get(key[0], "")
        piece = store_media.piece(tx, key)
        if (
            piece is None
            or not viewer.sees_station(place)
            or not view_rejected.may_have(tx, this, viewer, place, piece)
        ):
            raise Hidden
    return piece


def _asked(request: Request, here: Site, viewer: Viewer, piece: Found, what: str, subject: str) -> None:
    key = (piece["station"], piece["outbox"], piece["seq"])
    with here.store.write() as tx:
        if store_media.ask_for(tx, key):
            data = {"piece": f"{key[0]}/{key[1]}/{key[2]}"}
            address = site.address(request)
            store_people.saw(tx, here.now_ms(), viewer.user.name, what, subject=subject, address=address, data=data)
