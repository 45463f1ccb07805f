"""A worker as `interpayer worker` runs it, under a policy whose breaker rests for seconds. Run as a module."""

import os
import sys

from interpayer.app.build import build
from interpayer.app.worker import run_worker
from interpayer.policy import store
from interpayer.policy.composing import compose
from interpayer.system.settings import read_settings
from interpayer.system.telemetry import configure_logging

FAILURES, REST_S = 3, 2.0


def main() -> None:
    """Work under the slot named on the command line until SIGTERM."""
    configure_logging()
    application = build(read_settings(os.environ))
    own = {"policy.yaml": f"breaker: {{failures: {FAILURES}, open_s: {REST_S}, open_most_s: {REST_S}}}\n"}
    with application.tools("operator").database.transaction() as conn:
        quick = compose(own)
        store.publish(conn, quick, by="the drill", own=own)
        store.release(conn, quick.version, act="publish", by="the drill", reason="nobody waits for minutes here")
    run_worker(application, sys.argv[1])


if __name__ == "__main__":
    main()
