"""Pure: a note for the technician in a reader's language.

The hub writes its own in both languages, because it does not know who will read them; a station writes in its own.
"""

from typing import Final

from otorongo.hub import texts
from otorongo.hub.store import Found
from otorongo.wire.codes import NoteKind, TamperKind

_TAMPERS: Final = {int(one): one.name.lower() for one in TamperKind}
_KINDS: Final = {int(one): one.name.lower() for one in NoteKind}
_BETWEEN: Final = " / "
_TOLD: Final = ("late", "silent", "back")
"""Notes that their name tells whole."""


def both(spanish: str, english: str) -> str:
    """The text of a note that the hub writes."""
    return f"{spanish}{_BETWEEN}{english}"


def half(text: str, lang: str) -> str:
    """Of what `both` made the half that a reader of `lang` reads; a text of one half whole."""
    parts = text.split(_BETWEEN)
    if len(parts) % 2:
        return text
    return _BETWEEN.join(parts[len(parts) // 2 :] if lang == "en" else parts[: len(parts) // 2])


def label(lang: str, row: Found) -> str:
    """What a note is of; kinds that only a newer station knows are called by the family of the note."""
    what, kind = row["what"], row["kind"]
    if what == "tamper" and kind in _TAMPERS:
        return texts.named(lang, "tamper", _TAMPERS[kind])
    if what == "station" and kind in _KINDS:
        return texts.named(lang, "note.kind", _KINDS[kind])
    return texts.named(lang, "note", what)


def text(lang: str, row: Found) -> str:
    """What a note says beside its label; empty: nothing more."""
    if row["what"] in _TOLD:
        return ""
    return str(row["text"]) if row["what"] == "station" else half(row["text"], lang)
