"""A worker as `interpayer worker` runs it, with a breaker that rests for seconds, not minutes. Run as a module."""

import os
import sys
from dataclasses import replace

from interpayer.app.build import build
from interpayer.app.worker import run_worker
from interpayer.system.settings import read_settings
from interpayer.system.telemetry import configure_logging

FAILURES, REST_S = 3, 2.0


def main() -> None:
    """Work under the slot named on the command line until SIGTERM."""
    configure_logging()
    application = build(read_settings(os.environ))
    breaker = replace(application.bundle.breaker, failures=FAILURES, open_s=REST_S, open_most_s=REST_S)
    version = f"{application.bundle.version}-quick"
    application.bundle = replace(application.bundle, breaker=breaker, version=version)
    run_worker(application, sys.argv[1])


if __name__ == "__main__":
    main()
