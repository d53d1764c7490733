"""Bundles: what a station can tell apart, how it is run, and (in `train`) how it is made."""
