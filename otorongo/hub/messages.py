"""Pure: what a message says. Outside channels carry a code, the activity and the sector, and never more."""

import unicodedata
from collections.abc import Mapping
from typing import Final

from otorongo.hub import texts
from otorongo.hub.config_persons import ChannelConfig, PersonConfig
from otorongo.hub.places import OUTSIDE
from otorongo.hub.ports import Outgoing
from otorongo.hub.store import Found

SMS_SEPTETS: Final = 160
_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED: Final = frozenset("^{}\\[~]|€")
"""Letters of GSM 03.38 (3GPP TS 23.038, 6.2.1); the extended ones take two places."""


def sector(lang: str, place: str) -> str:
    """How a place is called; stations that stand in none have no name that may go out."""
    return texts.text(lang, "place.outside") if place.startswith(OUTSIDE) else place


def compose(delivery: Found, alert: Found | None, person: PersonConfig, channel: ChannelConfig, link: str) -> Outgoing:
    """The message of a delivery, in the person's language, with their link at its end."""
    lang = person.language
    place = sector(lang, alert["place"]) if alert else ""
    marks = [texts.text(lang, "message.drill")] if alert and alert["drill"] else []
    number = "message.repeat" if delivery["possible_repeat"] else "message.number"
    tail = [texts.text(lang, number, number=delivery["id"][:6]), *([link] if link else [])]

    def whole(place: str) -> str:
        sentence = _sentence(lang, delivery, alert, place, sms=channel.sms)
        return " ".join([*marks, f"{sentence}.".replace("..", "."), *tail])

    text = whole(place)
    if channel.sms:
        text = gsm(text)
        while septets(text) > SMS_SEPTETS and place:
            place = place[:-1]
            text = gsm(whole(f"{place.strip()}-" if place else ""))
    return Outgoing(delivery["id"], texts.text(lang, "message.title"), text)


def _sentence(lang: str, delivery: Found, alert: Found | None, place: str, *, sms: bool) -> str:
    kind = delivery["kind"]
    if kind == "health":
        news = str((delivery["data"] or {}).get("news", ""))
        return texts.text(lang, "message.health", note=texts.named(lang, "message.health", news))
    if kind == "rules":
        return texts.text(lang, "message.rules", changes=_changes(lang, delivery["data"] or {}, sms=sms))
    if alert is None:
        return texts.text(lang, f"message.{kind}")
    if alert["sealed"]:
        return texts.text(lang, "message.sealed", code=alert["id"])
    return texts.text(
        lang,
        f"message.{kind}",
        code=alert["id"],
        activity=texts.named(lang, "activity", alert["activity"]),
        place=place,
        severity=texts.text(lang, f"severity.{delivery['severity']}").upper(),
    )


def _changes(lang: str, counts: Mapping[str, int], *, sms: bool) -> str:
    """`derechos: altas 1; umbrales: cambios 2`, from counts by section and what; an SMS has room for their sum."""
    if sms:
        return texts.text(lang, "rules.sum", count=sum(counts.values()))
    told: dict[str, list[str]] = {}
    for key, count in counts.items():
        section, _, what = key.partition(".")
        told.setdefault(section, []).append(f"{texts.text(lang, f'rules.{what}')} {count}")
    return "; ".join(f"{texts.text(lang, f'rules.{section}')}: {', '.join(some)}" for section, some in told.items())


def gsm(text: str) -> str:
    """A text in the letters of an SMS: `á` becomes `a`, `ñ` stays, what has no likeness becomes `?`."""
    return "".join(one if one in _BASIC or one in _EXTENDED else _plain(one) for one in text)


def _plain(letter: str) -> str:
    base = unicodedata.normalize("NFKD", letter)[:1]
    return base if base in _BASIC else "?"


def septets(text: str) -> int:
    """How many places a text of GSM letters takes in an SMS, of which one has 160."""
    return sum(2 if one in _EXTENDED else 1 for one in text)
