"""One small run, and a site of it, once a session."""

import pytest

from reports.site.build import SiteSources, build
from tests.helpers.site_worlds import make


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    return make(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="session")
def site(run, tmp_path_factory):
    out = tmp_path_factory.mktemp("site") / "site"
    build(out, SiteSources(store=run / "results", run=run))
    return out
