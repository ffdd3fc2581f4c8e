"""How much is tried: a fixed number of examples, the same in every run, so that CI is not a matter of luck."""

import os

from hypothesis import HealthCheck, settings

EXAMPLES = int(os.environ.get("ANATOMY_R1_FUZZ_EXAMPLES", "100"))
"""Of each test. More of them, to look for something new: ANATOMY_R1_FUZZ_EXAMPLES=20000."""
SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture)
FUZZ = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=SLOW, print_blob=True
)
