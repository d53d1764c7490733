"""Whether a sentence is Spanish: what of it is English."""

import re
from typing import Final

_ENGLISH: Final = re.compile(
    r"\b(allowed|and|are|at|be|been|between|by|cannot|damaged|expected|file|first|for|found|from|get|give|got|"
    r"had|has|have|in|into|is|it|its|key|keys|less|many|may|missing|more|must|not|nothing|of|on|only|picture|read|"
    r"second|sound|such|than|that|the|there|these|this|too|value|values|was|were|what|when|where|which|while|who|"
    r"whom|will|with|write)\b",
    re.IGNORECASE,
)
_QUOTED: Final = re.compile(r"`[^`]*`|\"[^\"]*\"|'[^']*'|\[[^\]]*\]|\S*[/_.=]\S*")
"""Commands, keys of a configuration, paths and what stands in them: they are the same in both languages."""


def english_in(text: str) -> list[str]:
    """The English words of a text, outside of commands, keys and paths."""
    return _ENGLISH.findall(_QUOTED.sub(" ", text))
