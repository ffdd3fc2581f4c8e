"""Runs over a stand-in server, and what they logged."""

from anatomy_r1.cli.evaluate import SERVER_OPTIONS
from anatomy_r1.evaluation.evaluate import evaluate
from anatomy_r1.response_log.log import ResponseLog
from tests.helpers.chat_server import MODEL


def run(server, data, log, **options):
    given = {"limit": 3, "max_new_tokens": 24, "progress": False, **options}
    own = {"base_url": server.url, "retries": 1} | {name: given.pop(name) for name in SERVER_OPTIONS if name in given}
    model = given.pop("model", MODEL)
    return evaluate("sgg_anatomy_mini", data, model, log, engine="server", engine_args=own, **given)


def rows(log):
    with ResponseLog(log, read_only=True) as opened:
        return list(opened.rows())
