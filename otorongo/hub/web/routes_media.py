"""Evidence: only of an alert that the viewer sees, and it is logged who had it."""

from functools import lru_cache
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, RedirectResponse

from otorongo.hub import spectrogram, store_events, store_media, store_people, store_web
from otorongo.hub.custodians import is_sealed
from otorongo.hub.spectrogram import SpectrogramError
from otorongo.hub.store import Found, Tx
from otorongo.hub.web import site, view_alerts, view_sealed
from otorongo.hub.web.login import Me, MeByForm
from otorongo.hub.web.routes_alerts import Hidden, remember, visible
from otorongo.hub.web.site import Here, Site
from otorongo.hub.web.viewer import Viewer
from otorongo.wire.codes import MediaKind

router: Final = APIRouter(include_in_schema=False)

TYPES: Final = {
    MediaKind.THUMBNAIL: "image/webp",
    MediaKind.FRAME: "image/webp",
    MediaKind.SPECTROGRAM: "image/webp",
    MediaKind.CLIP: "audio/ogg",
    MediaKind.PREVIEW: "image/webp",
}
# The network is what is scarce in the forest; on the phone a copy stays an hour, of what is sealed none.
_KEEP: Final = "private, max-age=3600"


@router.get("/alerts/{code}/media/{station}/{outbox}/{seq}")
def raw(request: Request, here: Here, viewer: Me, code: str, station: str, outbox: int, seq: int) -> Response:
    """A piece of evidence as the station sent it; parts of it on demand, as audio players ask.

    What is sealed goes out closed, as a file to keep, to those who may handle it.
    """
    path, piece, sealed = _file(request, here, viewer, code, (station, outbox, seq), closed=True)
    if is_sealed(piece):
        name = f"{station}-{outbox}-{path.name}"
        return FileResponse(path, media_type="application/octet-stream", filename=name, headers=headers(sealed=True))
    return FileResponse(path, media_type=TYPES[MediaKind(piece["kind"])], headers=headers(sealed=sealed))


@router.get("/alerts/{code}/media/{station}/{outbox}/{seq}/spectrogram.webp")
def picture(request: Request, here: Here, viewer: Me, code: str, station: str, outbox: int, seq: int) -> Response:
    """What a clip sounds like, as a picture."""
    path, piece, sealed = _file(request, here, viewer, code, (station, outbox, seq))
    return drawn(path, piece, sealed=sealed)


@router.get("/alerts/{code}/media/{station}/{outbox}/{seq}/sound.wav")
def wav(request: Request, here: Here, viewer: Me, code: str, station: str, outbox: int, seq: int) -> Response:
    """A clip for browsers that do not play Opus."""
    path, piece, sealed = _file(request, here, viewer, code, (station, outbox, seq))
    return played(path, piece, sealed=sealed)


@router.post("/alerts/{code}/media/{station}/{outbox}/{seq}/ask")
def ask(request: Request, here: Here, viewer: MeByForm, code: str, station: str, outbox: int, seq: int) -> Response:
    """Somebody wants a sealed original or a whole frame, which does not travel by itself."""
    key = (station, outbox, seq)
    with here.store.read() as tx:
        alert, piece = _piece(tx, here, viewer, code, key)
    if not view_sealed.may_ask(viewer, alert, piece):
        raise Hidden
    what = "asked_sealed" if is_sealed(piece) else "asked_frame"
    with here.store.write() as tx:
        if store_media.ask_for(tx, key):
            name = f"{station}/{outbox}/{seq}"
            address = site.address(request)
            store_people.saw(
                tx, here.now_ms(), viewer.user.name, what, subject=code, address=address, data={"piece": name}
            )
    return RedirectResponse(f"/alerts/{code}", 303)


def drawn(path: Path, piece: Found, *, sealed: bool) -> Response:
    """The spectrogram of a clip. Raises Hidden if it is none, or cannot be heard."""
    if piece["kind"] != MediaKind.CLIP:
        raise Hidden
    return Response(_spectrogram(path, bytes(piece["sha256"])), media_type="image/webp", headers=headers(sealed=sealed))


def played(path: Path, piece: Found, *, sealed: bool) -> Response:
    """A clip as WAV. Raises Hidden if it is none, or cannot be heard."""
    if piece["kind"] != MediaKind.CLIP:
        raise Hidden
    try:
        sound = spectrogram.wav(*spectrogram.read(path))
    except SpectrogramError as error:
        raise Hidden from error
    return Response(sound, media_type="audio/wav", headers=headers(sealed=sealed))


@lru_cache(maxsize=64)
def _spectrogram(path: Path, _sha256: bytes) -> bytes:
    """Raises Hidden if the clip cannot be heard; an error is not kept."""
    try:
        return spectrogram.picture(*spectrogram.read(path))
    except SpectrogramError as error:
        raise Hidden from error


def headers(*, sealed: bool) -> dict[str, str]:
    """Of an answer with evidence."""
    return {"cache-control": "no-store" if sealed else _KEEP}


def path_of(here: Site, piece: Found) -> Path:
    """The file of a piece that is whole. Raises Hidden if it is not in the folder of evidence."""
    path = (here.media / str(piece["path"])).resolve()
    if piece["state"] != "whole" or not path.is_relative_to(here.media.resolve()) or not path.is_file():
        raise Hidden
    return path


def _piece(tx: Tx, here: Site, viewer: Viewer, code: str, key: store_media.MediaKey) -> tuple[Found, Found]:
    """An alert of the viewer's, and a piece that it covers. Raises Hidden."""
    if not 0 <= key[1] < 1 << 32 or not 0 <= key[2] < 1 << 63:
        raise Hidden
    alert = visible(tx, viewer, code)
    piece = store_media.piece(tx, key)
    if piece is None or piece["kind"] not in TYPES or piece["event"] is None:
        raise Hidden
    of = (key[0], key[1], piece["event"])
    event = store_events.event(tx, of)
    if event is None or not store_web.covers(tx, code, of):
        raise Hidden
    land = view_alerts.land_of(tx, here.rules, viewer, alert, [event])
    if land is not None and land.keeps_piece(event, piece):
        raise Hidden
    return alert, piece


def _file(
    request: Request, here: Site, viewer: Viewer, code: str, key: store_media.MediaKey, *, closed: bool = False
) -> tuple[Path, Found, bool]:
    """The file of a piece that an alert of the viewer's covers; a sealed one only to be taken along `closed`.

    Raises Hidden.
    """
    with here.store.read() as tx:
        alert, piece = _piece(tx, here, viewer, code, key)
    sealed = is_sealed(piece)
    if piece["state"] != "whole" or (sealed and not (closed and view_sealed.may_handle(viewer, alert))):
        raise Hidden
    path = path_of(here, piece)
    name = f"{key[0]}/{key[1]}/{key[2]}"
    if sealed:
        remember(here, viewer, "took_sealed", code, site.address(request), {"piece": name})
    else:
        remember(here, viewer, "saw_media", code, site.address(request))
    return path, piece, bool(alert["sealed"])
