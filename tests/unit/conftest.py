"""How properties are tested here: without a clock, as the machine is shared, and the same way in every run."""

from hypothesis import settings

settings.register_profile("unit", deadline=None, derandomize=True, max_examples=25)
settings.load_profile("unit")
