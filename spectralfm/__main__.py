"""``python -m spectralfm``: the same as the command ``spectralfm``."""

from .cli import main

if __name__ == "__main__":
    raise SystemExit(main())
