"""What can go wrong at the hub.

::

    OtorongoError
    └── HubError
        ├── StoreError       the database cannot be opened, or is newer than this program
        │   └── StoreAway    it cannot be reached or written just now: nothing was committed, try again
        ├── BackupError      a backup could not be made, verified or restored
        │   └── PieceError   one piece of evidence is missing or damaged: it is left out
        ├── ExportError      an export could not be made
        └── BrokerError      the broker cannot be reached or started
"""

from otorongo.errors import OtorongoError


class HubError(OtorongoError):
    """Something at the hub that a technician can mend."""


class StoreError(HubError):
    """The database cannot be used as it is."""


class StoreAway(StoreError):
    """The database cannot be reached or written just now; nothing was committed."""


class BackupError(HubError):
    """A backup that could not be made, verified or restored."""


class PieceError(BackupError):
    """One piece of evidence that is missing or damaged; the rest goes on."""


class ExportError(HubError):
    """An export that could not be made."""


class BrokerError(HubError):
    """A broker that cannot be reached or started."""
