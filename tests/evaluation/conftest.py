"""Evaluations of lm-eval do not list the installed packages."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def _quick(no_environment_listing):
    """Every test below this folder."""
