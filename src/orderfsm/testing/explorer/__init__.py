"""What happens when several do something at once: clients on a real database, in every order of their statements.

`explore` tries all schedules of some clients with few interruptions; `Explorer.run` tries one, such as those that
Hypothesis draws from `schedules()`. `judge` and `judge_lifecycle` hold what comes of it against the chart.
"""

from .explorer import Explored, Explorer, Outcome, Run, explore
from .judge import Judge, Kept, judge, judge_lifecycle
from .schedule import Switch, schedules
from .trace import Moment
from .turns import point

__all__ = [
    "Explored",
    "Explorer",
    "Judge",
    "Kept",
    "Moment",
    "Outcome",
    "Run",
    "Switch",
    "explore",
    "judge",
    "judge_lifecycle",
    "point",
    "schedules",
]
