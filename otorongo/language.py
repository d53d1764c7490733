"""In which language the commands speak: Spanish, unless English is asked for. One switch for every program.

What a command says stands in its code in English, as `say("...")`; the Spanish of it, and of argparse's own words,
stands in `locale/es/LC_MESSAGES/otorongo.po`, which `scripts/texts` compiles, and gettext finds it. Who never calls
`speak`, such as another program, gets the English.
"""

import errno
import gettext
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

LANGUAGES: Final = ("es", "en")
SWITCH: Final = "OTORONGO_LANG"
FOLDER: Final = Path(__file__).parent / "locale"
_DOMAIN: Final = "otorongo"


def language(wanted: str | None = None, environment: Mapping[str, str] = os.environ) -> str:
    """`es` or `en`: what is wanted, else what OTORONGO_LANG, LC_ALL, LC_MESSAGES or LANG says, the first that is set.

    Whatever is not English is Spanish, also the `C` of a machine that nobody has told a language.
    """
    names = (SWITCH, "LC_ALL", "LC_MESSAGES", "LANG")
    named = wanted or next((value for name in names if (value := environment.get(name))), "")
    return "en" if named.lower().startswith("en") else "es"


def speak(wanted: str | None = None) -> str:
    """From here on this process, argparse in it and the processes that it starts speak this language; returns it."""
    chosen = language(wanted)
    os.environ[SWITCH] = os.environ["LANGUAGE"] = chosen  # the second is where gettext looks first
    gettext.bindtextdomain(_DOMAIN, str(FOLDER))
    gettext.textdomain(_DOMAIN)
    return chosen


def say(text: str, /, **values: object) -> str:
    """A text in the language that was spoken last, its `{names}` filled in."""
    found = gettext.gettext(text)
    return found.format(**values) if values else found


def later(text: str) -> str:
    """Marks a text that stands apart from where it is said: it is gathered with the others, and `say` says it."""
    return text


def say_count(one: str, many: str, /, count: int, **values: object) -> str:
    """A text about one thing or about {count} things."""
    return gettext.ngettext(one, many, count).format(count=count, **values)


def either(spanish: str, english: str) -> str:
    """Of two sentences that are kept side by side for whoever reads them later, that of the language spoken here."""
    return english if language() == "en" else spanish


def why(error: Exception) -> str:
    """Why the system refused, as people say it: the system itself knows no Spanish where nobody installed any."""
    known = {
        errno.ENOENT: say("No such file or directory"),
        errno.EACCES: say("Permission denied"),
        errno.EPERM: say("Operation not permitted"),
        errno.EISDIR: say("Is a directory"),
        errno.ENOTDIR: say("Not a directory"),
        errno.EEXIST: say("File exists"),
        errno.ENOSPC: say("No space left on device"),
        errno.EROFS: say("Read-only file system"),
        errno.EIO: say("Input/output error"),
        errno.ELOOP: say("Too many levels of symbolic links"),
        errno.ENAMETOOLONG: say("File name too long"),
        errno.ECONNREFUSED: say("Connection refused"),
        errno.EHOSTUNREACH: say("No route to host"),
        errno.ENETUNREACH: say("Network is unreachable"),
        errno.ETIMEDOUT: say("No answer in time"),
        errno.EADDRINUSE: say("Address already in use: something else listens there"),
        errno.EADDRNOTAVAIL: say("This machine has no such address"),
    }
    number, text = getattr(error, "errno", None), getattr(error, "strerror", None)
    return known.get(number or 0) or text or str(error)


def why_not_connected(error: Exception) -> str:
    """Why there is no connection: as the system refused it, else by the error's own name, which developers know."""
    names = {
        -2: say("The host's name is not known"),
        -3: say("The host's name cannot be asked for: is there a network?"),
    }
    number = error.errno if isinstance(error, OSError) and type(error).__module__ != "ssl" else None
    # By their numbers and names, because loading `socket` and `ssl` would cost every sensor some megabytes.
    if type(error).__name__ == "gaierror" and number in names:
        return names[number]
    return why(error) if number else f"{type(error).__name__}: {error}"


def why_refused(reason: object) -> str:
    """Why a broker let somebody out, by MQTT's own name of it, which stands behind."""
    known = {
        "Not authorized": say("it does not know this certificate, or this user and password"),
        "Bad user name or password": say("user or password is wrong"),
        "Client identifier not valid": say("the name is not the one that the certificate carries"),
        "Unsupported protocol version": say("it speaks another version of MQTT"),
        "Server unavailable": say("it is just starting, or too busy"),
        "Server busy": say("it is just starting, or too busy"),
        "Session taken over": say("somebody else connected under the same name"),
        "Server shutting down": say("it is being stopped"),
        "Keep alive timeout": say("it heard nothing from here for too long"),
        "Packet too large": say("the message is larger than it takes"),
        "Unspecified error": say("the connection broke, and nobody said why"),
    }
    told = known.get(str(reason))
    return f"{told}: {reason}" if told else str(reason)


def why_tls(error: Exception) -> str:
    """Why certificates or keys are of no use: in words where it is a usual mistake, OpenSSL's own behind them."""
    text = str(error)
    if "KEY_VALUES_MISMATCH" in text:
        return say("the key is not that of the certificate") + f": {text}"
    if any(mark in text for mark in ("PEM lib", "NO_CERTIFICATE", "no start line")):
        return say("a file is no PEM, is damaged, or its key has a password") + f": {text}"
    return why(error)


def why_sound(error: Exception) -> str:
    """Why a file cannot be read as sound: what libsndfile says by its code, else what the system says."""
    known = {
        1: say("its bytes are of no kind of sound that is read here (allowed: WAV, FLAC, OGG, Opus, MP3)"),
        2: say("the system cannot open it"),
        3: say("its head is damaged, or cut off"),
        4: say("its sound is packed in a way that is not read here (allowed: WAV, FLAC, OGG, Opus, MP3)"),
    }
    code = getattr(error, "code", None)
    if code is None:
        return why(error)
    opened = getattr(error, "prefix", "") == ""  # "Error opening ..." where even that failed
    if code in known or not opened:
        return known.get(code, known[3])
    return say("its decoder gave up, mostly because bytes are damaged or missing (libsndfile's code {code})", code=code)
