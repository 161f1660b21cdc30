"""The command ``spectralfm``: one file a group of commands."""

from ._main import main

__all__ = ["main"]
