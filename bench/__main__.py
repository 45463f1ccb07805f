"""`python -m bench [NAME ...]`: every measurement, or the named ones, one after another."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    """Run them in processes of their own, so that none disturbs the next; 1 when one could not be run."""
    known = sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))
    wanted = [name for name in sys.argv[1:] if not name.startswith("-")] or known
    options = [option for option in sys.argv[1:] if option.startswith("-")]
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        sys.stderr.write(f"unknown: {', '.join(unknown)}; known: {', '.join(known)}\n")
        return 2
    code = 0
    for name in wanted:
        sys.stdout.write(f"\n== {name}\n")
        sys.stdout.flush()
        code |= subprocess.run([sys.executable, "-m", f"bench.{name}", *options], check=False).returncode
    return 1 if code else 0


if __name__ == "__main__":
    sys.exit(main())
