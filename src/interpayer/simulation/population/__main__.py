"""`python -m interpayer.simulation.population FOLDER --mix hostile --members 100000 --queries 20000 --seed 3`."""

import argparse
from pathlib import Path

from interpayer.simulation.population.mixes import MIXES
from interpayer.simulation.population.roster import Plan
from interpayer.simulation.population.writing import write_population


def main() -> None:
    """Write members.csv, queries.csv and truth.csv; seeds below 100 are for development, the bench reports others."""
    options = argparse.ArgumentParser(prog="python -m interpayer.simulation.population")
    options.add_argument("folder", type=Path)
    options.add_argument("--mix", choices=sorted(MIXES), default="ordinary")
    options.add_argument("--members", type=int, default=10_000)
    options.add_argument("--queries", type=int, default=2_000)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    write_population(given.folder, Plan(given.seed, MIXES[given.mix], given.members), given.queries)


if __name__ == "__main__":
    main()
