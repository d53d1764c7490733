"""A network that is loaded when it is first needed, and can be let go: a small board has 512 MB for everything."""

import hashlib
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from otorongo.language import say, why
from otorongo.models import image
from otorongo.models.errors import BundleError
from otorongo.models.manifest import Bundle, PictureInput
from otorongo.models.runtime import Network, open_session


class LazySession:
    """Looks like the network; opened once at the start, so that a file that cannot be run is refused then.

    Each time it is loaded its file is compared with `sha256`: who replaces it while it rests blinds nobody unseen.
    """

    def __init__(self, path: Path, threads: int = 1, *, sha256: str) -> None:
        self._path, self._threads, self._sha256 = path, threads, sha256
        self._network: Network | None = None
        self.loads = 0
        """How often it was loaded, the first look at its shapes included."""
        opened = self._opened()
        self.inputs, self.outputs = opened.inputs, opened.outputs
        self.rest()

    @property
    def loaded(self) -> bool:
        """Whether its weights are in memory now."""
        return self._network is not None

    def run(self, tensor: NDArray[Any], *names: str) -> list[NDArray[Any]]:
        """Feed the first input; the outputs of these names, else all in order. Raises BundleError if it is gone."""
        return self._opened().run(tensor, *names)

    def rest(self) -> None:
        """Let the weights go until the next run."""
        self._network = None

    def _opened(self) -> Network:
        if self._network is None:
            self._check()
            self._network = open_session(self._path, self._threads, lean=True)
            self.loads += 1
        return self._network

    def _check(self) -> None:
        try:
            with self._path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise BundleError(say("{path}: cannot be read: {why}", path=self._path, why=why(error))) from error
        if digest != self._sha256:
            raise BundleError(
                say("{path}: was changed while the program ran: install the bundle again", path=self._path)
            )


def of_pictures(bundle: Bundle, given: PictureInput, threads: int = 1) -> LazySession:
    """The network of a bundle for pictures. Raises BundleError where it does not take what `given` makes."""
    network = LazySession(bundle.path("model"), threads, sha256=bundle.manifest.files["model"].sha256)
    wanted, shape = image.shape(given), next(iter(network.inputs.values()))
    # A side without a number takes any.
    if [side if isinstance(side, int) else ours for side, ours in zip(shape, wanted, strict=False)] != wanted:
        raise BundleError(
            say(
                "{model}: input has shape {shape}, but [picture] makes {wanted}",
                model=bundle.path("model"),
                shape=shape,
                wanted=wanted,
            )
        )
    return network
