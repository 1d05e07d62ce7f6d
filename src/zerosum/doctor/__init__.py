"""The doctor: signals of a game in play, and what they say is wrong with it.

probe.py, samples.py    signals, measured from outside the game
diagnoses.py            from signals to findings, a function each
checks.py               mistakes that can be seen before the first round
attend.py               the doctor at a run's side: signals.jsonl and doctor.json
act.py                  what the doctor may do by itself
examine.py              a run that is over: `zerosum doctor RUN`
"""

from .act import Hand
from .attend import Doctor, read
from .diagnoses import diagnose
from .findings import Case, Finding, light
from .probe import Probe

__all__ = ["Case", "Doctor", "Finding", "Hand", "Probe", "diagnose", "light", "read"]
