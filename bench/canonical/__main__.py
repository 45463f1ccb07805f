"""`python -m bench.canonical [NAME ...]`: reading, mapping and checking, one measurement after another."""

import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Run them in processes of their own, so that none disturbs the next; 1 when one could not be run."""
    known = sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py"))
    wanted = [name for name in sys.argv[1:] if name in known] or known
    options = [option for option in sys.argv[1:] if option not in known]
    code = 0
    for name in wanted:
        sys.stdout.write(f"\n== {name}\n")
        sys.stdout.flush()
        code |= subprocess.run([sys.executable, "-m", f"bench.canonical.{name}", *options], check=False).returncode
    return 1 if code else 0


if __name__ == "__main__":
    sys.exit(main())
