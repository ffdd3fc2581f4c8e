"""A pytest plugin for an environment without the extras (`-p tests.helpers.light`; `tox -e light-py313`).

What needs a package of an extra that is not installed is skipped, and the summary counts it by package. Nothing that
the light core promises may be among it: tests/test_light_core.py names every module that needs an extra.
"""

from collections import Counter

import pytest

from anatomy_r1.errors import missing_extra

_absent: Counter[str] = Counter()


def _skip(error):
    """Skip for the want of an extra; any other module that is missing stays an error."""
    if missing_extra(error) is None:
        raise error
    package = error.name.partition(".")[0]
    _absent[package] += 1
    pytest.skip(f"needs {package}", allow_module_level=True)


class _Module(pytest.Module):
    """A test module that is skipped as a whole if its imports need an extra."""

    def _getobj(self):
        try:
            return super()._getobj()
        except self.CollectError as error:  # pytest has wrapped the import error
            if isinstance(error.__cause__, ModuleNotFoundError):
                _skip(error.__cause__)
            raise


def pytest_pycollect_makemodule(module_path, parent):
    return _Module.from_parent(parent, path=module_path)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef, request):
    try:
        return (yield)
    except ModuleNotFoundError as error:
        _skip(error)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    try:
        return (yield)
    except ModuleNotFoundError as error:
        _skip(error)


def pytest_terminal_summary(terminalreporter):
    for package, count in _absent.most_common():
        terminalreporter.write_line(f"skipped for want of {package}: {count} modules, fixtures or tests")
