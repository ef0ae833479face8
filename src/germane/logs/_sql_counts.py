"""The SQL text that counts transitions, whichever kind of log they come from.

It reads a relation of *marked* rows: ``mark`` is the state of a transition, and negative where a row is
none; ``next_state`` of a row that ends its episode for good is ``-1 - s'``. So rows are grouped by three
whole numbers and nothing else, which is what makes counting about as fast as the bare query.
"""

from __future__ import annotations

MOST_CELLS = 20_000_000
"""Different transitions that are counted before a log is refused: about what fits in a gigabyte."""


def counts_sql(marked: str, *, with_reason: bool, with_extremes: bool) -> str:
    """Counts and sums by ``mark``, ``action`` and ``next_state``.

    Args:
        marked: the relation, which has ``reward`` as well.
        with_reason: its column ``reason`` tells why a row is no transition: group by it, too.
        with_extremes: give ``least`` and ``most``, the extreme rewards of each group.

    Returns:
        the text; besides the columns named it gives ``n``, ``reward_sum`` and ``reward_square_sum``, and
        at most one row more than ``MOST_CELLS``.
    """
    keys = ", ".join(("mark", "action", "next_state", *(["reason"] if with_reason else [])))
    extremes = ", MIN(reward) AS least, MAX(reward) AS most" if with_extremes else ""
    return f"""
SELECT {keys}, COUNT(*) AS n, SUM(reward) AS reward_sum,
  SUM(reward * reward) AS reward_square_sum{extremes}
FROM ({marked}) AS marked
GROUP BY {keys}
LIMIT {MOST_CELLS + 1}"""


def marked_sql(transitions: str) -> str:
    """The marked rows of a relation of transitions that has a ``reason`` where a row is none."""
    return f"""
SELECT CASE WHEN reason IS NULL THEN state ELSE -1 END AS mark, action,
  CASE WHEN terminated THEN -1 - next_state ELSE next_state END AS next_state, reward, reason
FROM ({transitions}) AS judged"""
