"""Errors of the models room."""

from otorongo.errors import OtorongoError


class BundleError(OtorongoError):
    """A bundle that cannot be used: a file is missing, damaged, or says something impossible."""


class InputError(OtorongoError):
    """A sample that the classifier of this bundle cannot take: wrong shape, kind, rate or length."""
