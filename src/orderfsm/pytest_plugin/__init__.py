"""What the pytest plugin does when it is asked: chart coverage, scenarios as tests, what the fixtures give.

pytest loads `orderfsm_pytest`, which imports nothing of this before it is needed.
"""

from __future__ import annotations
