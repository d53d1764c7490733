"""Otorongo: stations that watch and listen in the Southern Peruvian Amazon, and the hub that alerts."""

__version__ = "0.1.0"
