"""The right person or nobody: our resolver beside Splink 5 and the CMS draft rules, on populations made in the run.

python -m bench.identity [--members 20000] [--queries 5000] [--mixes ordinary,hostile,poor,paper] [--seed 7001]
                         [--only ours,cms,splink] [--growth 1000000] [--json] [--keep FOLDER]

Seeds below 100 are for development; nobody tunes on the ones that are reported here. With --growth the speeds and
the index are measured once more on a plan of that size. `make bench-identity` is the full size that a claim needs.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.matching import cms, ours, splink5
from bench.matching.answers import Population, Race
from bench.matching.counting import TROUBLE, Count, count, recall_at, together
from bench.matching.speed import Speed, measure, points
from interpayer.simulation.population.mixes import MIXES
from interpayer.simulation.population.roster import Plan
from interpayer.simulation.population.writing import write_population

FIRST_REPORTED_SEED = 100
Runner = Callable[[Population, Path], Race]
MATCHERS: dict[str, Runner] = {
    "ours": lambda population, folder: ours.run(population, folder / "home"),
    "cms": lambda population, _: cms.run(population),
    "splink": splink5.run,
}


@dataclass(slots=True)
class Result:
    """One matcher on one population."""

    mix: str
    race: Race
    count: Count
    best_recall: float


def main() -> None:
    given = _given()
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(given.keep or temporary)
        root.mkdir(parents=True, exist_ok=True)
        root.chmod(0o711)
        results = [
            one for number, mix in enumerate(given.mixes) for one in _race(given, root, mix, given.seed + number)
        ]
        speeds = _speeds(given, root) if "ours" in given.only else []
    if given.json:
        sys.stdout.write(json.dumps(_plain(results, speeds), indent=2) + "\n")
        return
    _tell_total(given, results)
    _tell_kinds(given, results)
    _tell_speeds(results, speeds)


def _given() -> argparse.Namespace:
    options = argparse.ArgumentParser(prog="python -m bench.identity", description=(__doc__ or "").splitlines()[0])
    options.add_argument("--members", type=int, default=20_000)
    options.add_argument("--queries", type=int, default=5_000, help="for each mix")
    options.add_argument("--mixes", default=",".join(MIXES), type=lambda text: text.split(","))
    options.add_argument("--seed", type=int, default=7001, help="100 or more; smaller ones are for development")
    options.add_argument("--only", default=",".join(MATCHERS), type=lambda text: text.split(","))
    options.add_argument("--growth", type=int, default=0, help="measure speed and index once more at this size")
    options.add_argument("--keep", help="make the populations in this folder and leave them there")
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    if given.seed < FIRST_REPORTED_SEED:
        sys.stderr.write("a development seed: look at it, do not report it\n")
    return given


def _race(given: argparse.Namespace, root: Path, mix: str, seed: int) -> list[Result]:
    population = _made(root, mix, given.members, given.queries, seed)
    truths = population.truths()
    found = []
    for name in given.only:
        folder = root / f"{name}-{mix}"
        folder.mkdir(exist_ok=True)
        folder.chmod(0o711)
        _progress(f"{mix}: {name}")
        race = MATCHERS[name](population, folder)
        found.append(Result(mix, race, count(truths, race.answers), recall_at(truths, race.answers)))
        if not given.json:
            _tell_one(found[-1])
    return found


def _made(root: Path, mix: str, members: int, queries: int, seed: int) -> Population:
    folder = root / f"{mix}-{members}-{seed}"
    _progress(f"{mix}: {members:,} members, {queries:,} queries, seed {seed}")
    write_population(folder, Plan(seed, MIXES[mix], members), queries)
    return Population(folder.name, folder)


def _speeds(given: argparse.Namespace, root: Path) -> list[Speed]:
    home = root / f"ours-{given.mixes[0]}" / "home"
    population = Population("first", root / f"{given.mixes[0]}-{given.members}-{given.seed}")
    _progress("one query at a time")
    found = [measure(home, population, given.members)]
    if given.growth:
        large = _made(root, "ordinary", given.growth, 100_000, given.seed + 50)
        folder = root / "ours-growth"
        folder.mkdir()
        folder.chmod(0o711)
        _progress(f"growth: {given.growth:,} members")
        race = ours.run(large, folder / "home")
        speed = measure(folder / "home", large, given.growth)
        speed.index_s, speed.peak_mib = race.seconds["index"], race.peak_mib
        speed.batch_per_s = len(race.answers) / race.seconds["match"]
        found.append(speed)
    return found


def _progress(words: str) -> None:
    sys.stderr.write(f"... {words}\n")
    sys.stderr.flush()


def _tell_one(one: Result) -> None:
    parts = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in one.race.seconds.items())
    total = one.count
    print(
        f"{one.mix:9} {one.race.matcher:16} released {total.releases:7,} wrong {total.wrong:5} "
        f"recall {total.recall:.4f} with review {total.found:.4f} review {total.review_rate:7.2%} ({parts})",
        flush=True,
    )


def _tell_total(given: argparse.Namespace, results: list[Result]) -> None:
    by_matcher = _by_matcher(results)
    print(f"\nall mixes ({', '.join(given.mixes)}), {given.members:,} members each")
    print(f"{'':58}{'goal':>14}" + "".join(f"{name:>18}" for name in by_matcher))
    totals = {name: together(one.count for one in found) for name, found in by_matcher.items()}
    lines: list[tuple[str, str, Callable[[Count], str]]] = [
        ("answerable queries", ">= 100,000", lambda c: f"{c.answerable:,}"),
        ("releases", "", lambda c: f"{c.releases:,}"),
        ("to the wrong person, in 10,000 releases", "<= 1", lambda c: f"{c.wrong_in_10000()[0]:.2f}"),
        ("... upper end of the 95 % interval (Clopper-Pearson)", "<= 2", lambda c: f"{c.wrong_in_10000()[1]:.2f}"),
        ("ambiguous released", "0", lambda c: str(c.ambiguous_released)),
        ("twins and namesakes confused", "0", lambda c: str(_confused(c))),
        ("released automatically, of those with an answer", ">= 0.92", lambda c: f"{c.recall:.4f}"),
        ("found with review", ">= 0.985", lambda c: f"{c.found:.4f}"),
        ("review rate", "", lambda c: f"{c.review_rate:.2%}"),
        ("review minutes per 1,000 requests (2 a case)", "", lambda c: f"{c.minutes_per_1000:.0f}"),
    ]
    for words, goal, value in lines:
        print(f"{words:58}{goal:>14}" + "".join(f"{value(total):>18}" for total in totals.values()))
    for mix, goal in (("hostile", 0.08), ("ordinary", 0.01)):
        shown = {one.race.matcher: one.count for one in results if one.mix == mix}
        if shown:
            rates = "".join(f"{one.review_rate:>18.2%}" for one in shown.values())
            print(f"{f'review rate, {mix} mix':58}{f'<= {goal:.0%}':>14}{rates}")
    for name in by_matcher:
        if name == splink5.NAME:
            best = ", ".join(f"{one.mix} {one.best_recall:.3f}" for one in by_matcher[name])
            print(f"{name}: recall at precision 0.9999 by the best threshold that hindsight finds: {best}")


def _confused(total: Count) -> int:
    return sum(total.kinds[kind].wrong for kind in ("twin", "namesake", "double") if kind in total.kinds)


def _tell_kinds(given: argparse.Namespace, results: list[Result]) -> None:
    by_matcher = _by_matcher(results)
    totals = {name: together(one.count for one in found) for name, found in by_matcher.items()}
    print("\nby kind: asked, then for each matcher released wrongly / to review / missed")
    print(f"{'':38}{'asked':>8}" + "".join(f"{name:>24}" for name in totals))
    for kind, words in TROUBLE.items():
        asked = max((total.kinds[kind].asked for total in totals.values() if kind in total.kinds), default=0)
        if asked:
            parts = [total.kinds[kind] for total in totals.values()]
            cells = "".join(f"{f'{one.wrong} / {one.review} / {one.missed}':>24}" for one in parts)
            print(f"{words:38}{asked:>8,}{cells}")


def _tell_speeds(results: list[Result], speeds: list[Speed]) -> None:
    print("\nspeed (ratios to the baselines of this run count, not the seconds)")
    for name, found in _by_matcher(results).items():
        asked = sum(one.count.asked for one in found)
        seconds = sum(one.race.seconds["match"] for one in found)
        before = sum(sum(one.race.seconds.values()) for one in found) - seconds
        memory = max(one.race.peak_mib for one in found)
        print(
            f"{name:16} batch {asked / seconds:10,.0f} queries/s; before the first answer {before / len(found):6.1f} s"
            + (f"; memory at most {memory:,.0f} MiB" if memory else "")
        )
    for name, found in _by_matcher(results).items():
        if found[0].race.one_ms:
            p50, p95 = points(found[0].race.one_ms)
            ratio = f", {p50 / speeds[0].p50_ms:,.1f} times ours" if speeds else ""
            print(f"{name:16} one query, {found[0].mix} mix: p50 {p50:.2f} ms, p95 {p95:.2f} ms{ratio}")
    for speed in speeds:
        print(speed.words())


def _by_matcher(results: list[Result]) -> dict[str, list[Result]]:
    found: dict[str, list[Result]] = {}
    for one in results:
        found.setdefault(one.race.matcher, []).append(one)
    return found


def _plain(results: list[Result], speeds: list[Speed]) -> dict[str, object]:
    runs = [
        {"mix": one.mix, "matcher": one.race.matcher, "seconds": one.race.seconds, **asdict(one.count)}
        for one in results
    ]
    return {"runs": runs, "speeds": [asdict(one) for one in speeds]}


if __name__ == "__main__":
    main()
