"""Measurements, each beside a peer in the same run. No test depends on a time; `make bench` prints one table."""
