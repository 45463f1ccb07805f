"""Ask whether a pinned package has a known hole: `python requirements/audit.py`.

0: none of those that could be asked about. 1: some have, each is named. Where the advisory service cannot be asked (no
network, or an index that does not answer for it) that is said, and is no yes.
"""

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PINS = ("run.txt", "test.txt")


def main() -> int:
    """Ask for each list of pins; the exit code."""
    return max(_asked(HERE / name) for name in PINS)


def _asked(pins: Path) -> int:
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "-r", str(pins)]
    done = subprocess.run([*command, "-f", "json", "--progress-spinner", "off"], capture_output=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except ValueError:
        sys.stdout.write(f"{pins.name}: the advisory service could not be asked\n")
        return 0
    asked = [package for package in packages if "vulns" in package]
    holes = [(package, hole) for package in asked for hole in package["vulns"]]
    for package, hole in holes:
        fixed = ", ".join(hole["fix_versions"]) or "nothing yet"
        sys.stdout.write(f"{pins.name}: {package['name']} {package['version']}: {hole['id']}, mended in {fixed}\n")
    unasked = len(packages) - len(asked)
    said = f", {unasked} could not be asked about" if unasked else ""
    sys.stdout.write(f"{pins.name}: {len(asked)} packages asked about, {len(holes)} known holes{said}\n")
    return int(bool(holes))


if __name__ == "__main__":
    sys.exit(main())
