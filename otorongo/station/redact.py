"""What may leave a station as text: everything but its secrets. Pure.

It rather blots out too much than too little: whatever follows a key that may hold a secret, up to the end of its line.
"""

import re
from typing import Final

_KEYS: Final = r"(?:pwd|pass|user|token|secret|key|authorization|credential)"
_PRIVATE_KEY: Final = re.compile(r"-----BEGIN [^-]*PRIVATE KEY-----.*?(?:-----END [^-]*-----|\Z)", re.DOTALL)
_COMMENT: Final = re.compile(rf"#[^\n]*{_KEYS}[^\n]*", re.IGNORECASE)
_USER_IN_ADDRESS: Final = re.compile(r"://[^\n]*@")
"""To the last @ of the line: a password may hold an @, a slash or a blank."""
_QUERY: Final = re.compile(r"(://[^\s?]*\?)\S+")
_VALUE: Final = re.compile(
    rf"({_KEYS}[\w.-]*(?<!_file)[\"']?[^\S\n]*[=:][^\S\n]*)"
    r"(?:\"\"\".*?(?:\"\"\"|\Z)|'''.*?(?:'''|\Z)|[^\n]+)",
    re.IGNORECASE | re.DOTALL,
)


def without_secrets(text: str) -> str:
    """The text without private keys, users and queries in addresses, and values of keys such as `password`.

    `password_file = "/etc/..."` stays: it says where a secret lies, not what it is.
    """
    text = _PRIVATE_KEY.sub("***", text)
    text = _USER_IN_ADDRESS.sub("://***@", text)
    text = _QUERY.sub(r"\1***", text)
    text = _COMMENT.sub("# ***", text)
    return _VALUE.sub(r"\1***", text)
