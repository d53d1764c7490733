"""What the hub asks of a station, and how it is answered: evidence, log lines, the configuration, a drill."""

import logging
from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from otorongo.language import say, why
from otorongo.station.outbox import Of, Outbox
from otorongo.station.redact import without_secrets
from otorongo.station.uplink_media import MediaSender, keep_text
from otorongo.wire.classes import is_threat
from otorongo.wire.codes import CloseReason, Kind, MediaKind, NoteKind, Tag
from otorongo.wire.rows import Event, Media, Note, Row
from otorongo.wire.wants import Want, WantConfig, WantLog, WantMedia, WantTest

log = logging.getLogger(__name__)

MAX_LINES: Final = 500
DRILL_EVIDENCE: Final = 80
_DRILL_PAUSE_MS: Final = 10_000


class Answers(Struct, frozen=True):
    """What answers are made of."""

    outbox: Outbox
    media: MediaSender
    config_text: str
    log_lines: Callable[[int], Sequence[str]]


def answer(use: Answers, want: Want, now_ms: int) -> None:
    """Do what one want asks; what cannot be done is told in a note."""
    if isinstance(want, WantMedia):
        own = use.outbox.media.own(want.outbox, want.seq)
        if not own or not use.media.wanted(own, want.offset):
            text = say("evidence {seq} is not on the card any more", seq=want.seq)
            use.outbox.put([Note(now_ms, NoteKind.OTHER, text)])
    elif isinstance(want, WantLog):
        lines = use.log_lines(min(want.lines, MAX_LINES))
        _send_text(use, "log", "\n".join(lines) or "no lines", now_ms)
    elif isinstance(want, WantConfig):
        _send_text(use, "config", use.config_text or "no configuration", now_ms)
    elif isinstance(want, WantTest):
        _drill(use.outbox, want, now_ms)


def in_words(want: Want) -> str:
    """What a want asks for, as a technician reads it in the log."""
    if isinstance(want, WantMedia):
        return say("evidence {seq}, from byte {offset}", seq=want.seq, offset=want.offset)
    if isinstance(want, WantLog):
        return say("the newest lines of its log ({lines})", lines=want.lines)
    if isinstance(want, WantConfig):
        return say("its configuration")
    return say("a drill") if isinstance(want, WantTest) else type(want).__name__


def _send_text(use: Answers, name: str, text: str, now_ms: int) -> None:
    """Put a text beside the evidence, for the hub to fetch; a card that does not take it is told in a note."""
    try:
        path, size, digest = keep_text(use.outbox, name, without_secrets(text), now_ms)
    except OSError as error:
        reason = why(error)
        log.warning("uplink: the %s cannot be written for the hub: %s", name, reason)
        use.outbox.put(
            [Note(now_ms, NoteKind.OTHER, say("the {name} cannot be sent: {reason}", name=name, reason=reason))]
        )
        return
    [seq] = use.outbox.put([Of(0, Media(now_ms, 0, 0, MediaKind.LOG, size, digest), path)])
    use.media.wanted(seq, 0)


def _drill(outbox: Outbox, want: WantTest, now_ms: int) -> None:
    """An event that opens and closes at once, tagged as a drill; the same number is answered once."""
    last, _, at_ms = (outbox.cursor("drill") or "").partition(" ")
    if last == str(want.number) and (want.number or now_ms - int(at_ms if at_ms.isdecimal() else 0) < _DRILL_PAUSE_MS):
        return
    tags = Tag.DRILL | (Tag.THREAT if is_threat(want.cls) else 0)
    opening: list[Row] = [
        Event(now_ms, 0, want.cls, DRILL_EVIDENCE, tags),
        Note(now_ms, NoteKind.DRILL, str(want.number)),
    ]
    seq = outbox.put(opening, cursor=("drill", f"{want.number} {now_ms}"))[0]
    closing = Event(now_ms, 0, want.cls, DRILL_EVIDENCE, tags, Kind.CLOSE, hits=1, peak=100, reason=CloseReason.QUIET)
    outbox.put([Of(seq, closing)])
