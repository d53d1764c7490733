"""What `tomllib` and `msgspec` say of a TOML file, in words for whoever writes one, in the language that is spoken."""

import re
from typing import Final

from otorongo.language import say

_AT_LINE: Final = re.compile(r" \(at line (?P<line>\d+), column (?P<column>\d+)\)$")
_AT_END: Final = " (at end of document)"
_QUOTED: Final = re.compile(
    r"(?P<said>Cannot declare|Cannot mutate immutable namespace|Cannot redefine namespace|Duplicate inline table key|"
    r"Illegal character|Found invalid character|Expected) (?P<what>.+?)(?: twice)?"
)
_WRONG_TYPE: Final = re.compile(r"Expected `(?P<wanted>[^`]*)`, got `(?P<given>[^`]*)`")
_BOUND: Final = re.compile(r"Expected `(?P<wanted>[^`]*)` (?P<sign>[<>]=?) (?P<bound>\S+)")
_LENGTH: Final = re.compile(
    r"Expected `(?P<wanted>[^`]*)` of (?:at least )?length (?P<length>[^,]*)(?:, got (?P<got>.*))?"
)
_PATTERN: Final = re.compile(r"Expected `str` matching regex (?P<pattern>.*)")
_NO_VALUE: Final = re.compile(r"Invalid enum value (?P<given>.*)")


def syntax(text: str) -> str:
    """A sentence of `tomllib`: where first, then what to look for there."""
    where, reason = say("in its last line"), text.removesuffix(_AT_END)
    if at := _AT_LINE.search(text):
        where = say("line {line}, column {column}", line=at["line"], column=at["column"])
        reason = _AT_LINE.sub("", text)
    return f"{where}: {_mistake(reason)}"


def _mistake(text: str) -> str:
    known = {
        "Invalid value": say(
            "this is no value: text needs quotes, numbers a point and no comma, and yes or no is true or false"
        ),
        "Unterminated string": say("a text that begins with a quote has no quote at its end"),
        "Unclosed array": say("a list that begins with [ has no ] at its end"),
        "Unclosed inline table": say("a table that begins with a brace has no brace at its end, in the same line"),
        "Invalid statement": say("this begins no line: write key = value, or [section], or # before a remark"),
        "Invalid initial character for a key part": say("a key has letters, digits, - and _; any other needs quotes"),
        "Expected '=' after a key in a key/value pair": say("there is no = after the key"),
        "Expected newline or end of document after a statement": say(
            "something stands behind the value: each key begins a line of its own, and text needs quotes"
        ),
        "Expected ']' at the end of a table declaration": say(
            "the name of the section lacks its ], or has letters other than a to z without quotes"
        ),
        "Expected ']]' at the end of an array declaration": say("the name of the section lacks its ]]"),
        "Cannot overwrite a value": say("this key stands here for the second time"),
        "Unescaped '\\' in a string": say("a \\ in a text is written twice, or the text stands in single quotes"),
        "Invalid hex value": say("after \\u stand four digits of a letter's number, after \\U eight"),
        "Escaped character is not a Unicode scalar value": say("the number after \\u is no letter's"),
        "Invalid date or datetime": say("there is no such day or time"),
    }
    if text in known:
        return known[text]
    if quoted := _QUOTED.fullmatch(text):
        return _about(quoted["said"], quoted["what"])
    return text[:1].lower() + text[1:]


def _about(said: str, what: str) -> str:
    """A mistake that `tomllib` tells with what stands there."""
    if said == "Expected":
        return say("here {what} is missing", what=what)
    if said.endswith("character"):
        if what == r"'\n'":
            return say("a text that begins with a quote has no quote at the end of its line")
        return say("the character {character} may not stand here", character=what)
    if said.startswith("Duplicate"):
        return say("the key {name} stands here for the second time", name=what)
    return say("the section [{name}] stands here for the second time", name=".".join(re.findall(r"'([^']*)'", what)))


def value(text: str) -> str:
    """A sentence of `msgspec` about a value."""
    if wrong := _WRONG_TYPE.fullmatch(text):
        return say("expected {wanted}, got {given}", wanted=_kinds(wrong["wanted"]), given=_kinds(wrong["given"]))
    if bound := _BOUND.fullmatch(text):
        return say(
            "expected {wanted} {sign} {bound}",
            wanted=_kinds(bound["wanted"]),
            sign=bound["sign"],
            bound=bound["bound"].removesuffix(".0"),
        )
    if length := _LENGTH.fullmatch(text):
        if length["got"]:
            return say(
                "expected {wanted} of {length}, got {got}",
                wanted=_kinds(length["wanted"]), length=length["length"], got=length["got"],
            )  # fmt: skip
        return say("expected {wanted} of length {length}", wanted=_kinds(length["wanted"]), length=length["length"])
    if pattern := _PATTERN.fullmatch(text):
        return say("is not written as it should be (allowed: text of the form {pattern})", pattern=pattern["pattern"])
    if wrong := _NO_VALUE.fullmatch(text):
        return say("invalid enum value {given}", given=wrong["given"])
    if text.startswith("Invalid RFC3339 encoded date"):
        return say("is no day or time that there is (allowed: such as 2026-05-31)")
    return text[:1].lower() + text[1:]


def _kinds(names: str) -> str:
    """`int | str` in words."""
    words = {
        "int": say("a whole number"),
        "float": say("a number"),
        "str": say("text in quotes"),
        "bool": say("true or false"),
        "object": say("a section of keys"),
        "array": say("a list in [ ]"),
        "date": say("a day such as 2026-05-31"),
        "datetime": say("a day and a time"),
    }  # fmt: skip
    kinds = [words.get(one, f"`{one}`") for one in names.split(" | ") if one != "null"]
    return say(" or ").join(kinds) or say("nothing (null)")
