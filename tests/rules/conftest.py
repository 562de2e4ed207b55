"""Hypothesis here: no deadline (machines are shared), and a long form for `make faults`.

`pytest tests/rules --hypothesis-profile=faults` tries 10,000 cases of every property.
"""

from hypothesis import settings

settings.register_profile("default", deadline=None)
settings.register_profile("faults", deadline=None, max_examples=10_000)
