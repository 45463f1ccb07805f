"""`python -m bench [NAME ...] [options]`: the named measurements, or every one beside this file, one after another.

`canonical` names all of its folder; options go to each measurement as they are.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
GROUPS = ("canonical",)


def main() -> int:
    """Run them in processes of their own, so that none disturbs the next; 1 when one could not be run."""
    known = _named(HERE)
    for group in GROUPS:
        known += [f"{group}.{name}" for name in _named(HERE / group)]
    wanted = [name for word in sys.argv[1:] for name in known if name == word or name.startswith(f"{word}.")]
    options = [word for word in sys.argv[1:] if word not in (*known, *GROUPS)]
    if options and not options[0].startswith("-"):
        sys.stderr.write(f"unknown: {options[0]}; known: {', '.join((*known, *GROUPS))}\n")
        return 2
    code = 0
    for name in wanted or _named(HERE):
        sys.stdout.write(f"\n== {name}\n")
        sys.stdout.flush()
        code |= subprocess.run([sys.executable, "-m", f"bench.{name}", *options], check=False).returncode
    return 1 if code else 0


def _named(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("[!_]*.py"))


if __name__ == "__main__":
    sys.exit(main())
