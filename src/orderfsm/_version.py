"""The version, in one place: the build reads it, `orderfsm --version` prints it."""

__version__ = "0.1.0.dev0"
"""The version of the package."""
