"""A network that is loaded when it is first needed, and can be let go: a small board has 512 MB for everything."""

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from otorongo.models.runtime import Network, Session


class LazySession:
    """Looks like the network; opened once at the start, so that a file that cannot be run is refused then."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        self._path, self._threads = path, threads
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
            self._network = Session(self._path, self._threads, lean=True)
            self.loads += 1
        return self._network
