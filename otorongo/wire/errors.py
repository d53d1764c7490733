"""What can be wrong with bytes that claim to be version 1 of the wire.

::

    OtorongoError
    └── WireError
        ├── BadHeader     nothing in the batch can be believed: never receipted, the station halves it and tries again
        ├── BadBody       the header holds, the rows do not: the hub keeps the batch whole and receipts it as `kept`
        ├── BadMessage    a receipt, birth, status, chunk, want or short form that is not one
        └── BadValue      a value that this version cannot carry (raised when encoding)
"""

from otorongo.errors import OtorongoError


class WireError(OtorongoError, ValueError):
    """Bytes or values outside version 1 of the wire."""


class BadHeader(WireError):
    """A batch whose header or checksum does not hold."""


class BadBody(WireError):
    """A batch whose header holds and whose rows do not."""


class BadMessage(WireError):
    """A receipt, birth, status, chunk, want or short form that is not one."""


class BadValue(WireError):
    """A value that version 1 cannot carry."""
