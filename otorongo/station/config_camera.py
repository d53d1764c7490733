"""`[camera.folder]` as a frozen value: a folder into which other cameras write."""

from typing import Annotated

from msgspec import Meta, Struct


class FolderConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How `driver = "folder"` reads what cameras put there."""

    settle_s: Annotated[float, Meta(ge=0.5, le=600)] = 3.0
    """A file whose size and date have stayed as they are for so long is no longer being written, and is read."""
    poll_s: Annotated[float, Meta(ge=0.5, le=60)] = 2.0
    """How often the folder is looked at."""
    zone: str = "America/Lima"
    """Time zone of capture times that do not say theirs."""
