"""In which language the commands speak: Spanish, unless English is asked for. One switch for every program.

What a command says stands in its code in English, as `say("...")` (gettext by another name); the Spanish of it, and of
argparse's own words, stands in `locale/es/LC_MESSAGES/otorongo.po`, which `scripts/texts` compiles. Who never calls
`speak`, such as a test or another program, gets the English.
"""

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
