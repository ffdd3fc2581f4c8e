"""The smoke profile in native arithmetic, for tests that run its stages in their own process.

Portable arithmetic has to be set before Python starts, and pytest has started. The commands that tests start run the
profile as it is (tests/baselines/grid/test_portable_grid.py, `tox -e smoke`).
"""

import yaml

from anatomy_r1.provenance import ROOT

PATH = ROOT / "baselines" / "profiles" / "smoke.yaml"
SMOKE_TEXT = PATH.read_text(encoding="utf-8").replace("arithmetic: portable", "arithmetic: native")
"""The profile's file."""


def smoke_profile():
    from baselines.experiment.profile import load_profile  # the light core's tests import this module, too

    return load_profile("smoke").in_arithmetic("native")


def smoke_content():
    """The file's content, to be changed and written again."""
    return yaml.safe_load(SMOKE_TEXT)
