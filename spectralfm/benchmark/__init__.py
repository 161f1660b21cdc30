"""The transfer benchmark: fixed tasks, precomputed results of all methods, and a place for yours.

Examples
--------
>>> from spectralfm.benchmark import Leaderboard
>>> Leaderboard.from_precomputed(["simulated"])
Leaderboard(... methods on simulated)
"""

from ._leaderboard import Leaderboard

__all__ = ["Leaderboard"]
