"""The root of every error that Otorongo raises on purpose.

::

    OtorongoError
    ├── ConfigError            a TOML file cannot be used            otorongo.toml
    ├── WireError              bytes that are not version 1          otorongo.wire.errors
    └── one family per room    station, models, hub
"""


class OtorongoError(Exception):
    """Something a person can mend; the text says what, where, and how."""
