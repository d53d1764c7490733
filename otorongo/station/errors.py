"""What can go wrong on a station.

::

    OtorongoError
    └── StationError
        ├── OutboxError        the outbox cannot be used: card, permission, a value it cannot hold
        │   └── OutboxFull     no room, and nothing left that may be dropped
        ├── TransportError     the way to the hub cannot be set up: address, keys, certificates
        ├── SealError          the key that signs the chain cannot be read or made, or evidence cannot be sealed
        └── SensorError        a sensor or a recording cannot be used
            └── MissingLibrary what reads it is not installed here
"""

from otorongo.errors import OtorongoError


class StationError(OtorongoError):
    """Something on the station that a person can mend."""


class OutboxError(StationError):
    """The outbox cannot be used."""


class OutboxFull(OutboxError):
    """No room on the card, and nothing left in the outbox that may be dropped."""


class TransportError(StationError):
    """The way to the hub cannot be set up."""


class SealError(StationError):
    """The key that signs the chain cannot be read or made, or evidence cannot be sealed."""


class SensorError(StationError):
    """A sensor or a recording cannot be used."""


class MissingLibrary(SensorError):
    """A recording that could be read if a library were installed: it is tried again at the next start."""
