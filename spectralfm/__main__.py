"""``python -m spectralfm``: the same as the command ``spectralfm``."""

from .cli import main

raise SystemExit(main())
