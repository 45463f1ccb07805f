"""Write docs/reference from the code: reasons, events, states, settings, commands, API. `make docs` runs it."""

import importlib
import importlib.util
import inspect
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from interpayer.model.event import EVENTS
from interpayer.model.exchange import FINAL, TRANSITIONS, Answer, State
from interpayer.model.reason import REASONS

REFERENCE = Path(__file__).resolve().parent / "reference"
ANYONE = 4


def _page(title: str, lead: str, lines: list[str]) -> str:
    note = "Generated from the code by `make docs`; do not edit."
    return "\n".join([f"# {title}", "", lead, "", note, "", *lines]).rstrip() + "\n"


def _table(head: list[str], body: list[list[str]]) -> list[str]:
    cells = [head, ["---"] * len(head), *body]
    return ["| " + " | ".join(cell.replace("|", "\\|") or "–" for cell in row) + " |" for row in cells]


def _reasons() -> str:
    lines: list[str] = []
    retry = {"no": "no", "later": "yes, later", "after_change": "after a change"}
    for family, reasons in groupby(REASONS.values(), key=lambda reason: reason.code.partition(".")[0]):
        body = [[f"`{r.code}`", r.meaning, r.remedy, retry[r.retry.value], r.owner.value] for r in reasons]
        lines += [f"## {family}", "", *_table(["code", "meaning", "what helps", "again?", "who acts"], body), ""]
    return _page(
        "Reason codes", "Every no and every fault carries one of these codes. Codes never change meaning.", lines
    )


def _events() -> str:
    lines: list[str] = []
    for family, names in groupby(sorted(EVENTS), key=lambda name: name.partition(".")[0]):
        body = [[f"`{name}`", EVENTS[name]] for name in names]
        lines += [f"## {family}", "", *_table(["event", "the fact"], body), ""]
    return _page("Events", "What the ledger can say. The list is closed.", lines)


def _states() -> str:
    order = list(State)
    moves = sorted(TRANSITIONS.values(), key=lambda move: (order.index(move.source), order.index(move.target)))
    usual = [move for move in moves if move.target not in FINAL and move.target is not State.ESCALATED]
    picture = ["```mermaid", "stateDiagram-v2", "    [*] --> received"]
    picture += [f"    {move.source.value} --> {move.target.value}" for move in usual] + ["```"]
    body = []
    for move in moves:
        actors = "anyone" if len(move.actors) == ANYONE else ", ".join(sorted(move.actors))
        body.append([f"`{move.source.value}`", f"`{move.target.value}`", f"`{move.event}`", actors])
    final = ", ".join(f"`{state.value}`" for state in order if state in FINAL)
    lines = [
        "The picture leaves out the final states and `escalated`, which nearly every state can reach.", "",
        *picture, "",
        f"Final: {final}.", "",
        "Answers, known only at the end: " + ", ".join(f"`{answer.value}`" for answer in Answer) + ".", "",
        "## Transitions", "",
        "Anything that is not in this table is refused and recorded as an attempt.", "",
        *_table(["from", "to", "event", "who may"], body),
    ]  # fmt: skip
    return _page("States of an exchange", "Where an exchange can stand and what may move it.", lines)


def _module(name: str) -> Any | None:
    try:
        return importlib.import_module(name) if importlib.util.find_spec(name) else None
    except ModuleNotFoundError:
        return None


def _settings() -> str | None:
    settings = _module("interpayer.system.settings")
    if settings is None:
        return None
    body = [[f"`INTERPAYER_{name.upper()}`", meaning] for name, meaning in settings.MEANINGS.items()]
    lead = (
        "Read once at start, from the environment or from the file named by `INTERPAYER_SETTINGS`. Unknown keys fail."
    )
    return _page("Settings", lead, _table(["setting", "meaning"], body))


def _usage(parameter: Any) -> list[str]:
    if parameter.param_type_name == "argument":
        return [f"`{(parameter.metavar or parameter.name).upper()}`", parameter.help or ""]
    return [f"`{', '.join((*parameter.opts, *parameter.secondary_opts))}`", parameter.help or ""]


def _prose(text: str) -> Iterator[str]:
    """Help as a page shows it: paragraphs, and commands as commands."""
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        lines = [line.strip() for line in paragraph.splitlines() if line.strip()]
        if lines and all(line.startswith("interpayer ") for line in lines):
            yield from ["```", *lines, "```", ""]
        elif lines:
            yield from [" ".join(lines), ""]


def _commands(command: Any, path: str, depth: int) -> Iterator[str]:
    yield from [f"{'#' * depth} {path}", "", *_prose(command.help or "")]
    parameters = [p for p in command.params if p.name != "help"]
    if parameters:
        yield from [*_table(["argument or option", "meaning"], [_usage(p) for p in parameters]), ""]
    children: dict[str, Any] = getattr(command, "commands", {})
    for name in sorted(children):
        yield from _commands(children[name], f"{path} {name}", min(depth + 1, 3))


def _command_line() -> str | None:
    main = _module("interpayer.cli.main")
    if main is None:
        return None
    typer_main = importlib.import_module("typer.main")
    lines: list[str] = []
    for noun in main.NOUNS:
        if _module(f"interpayer.cli.{noun.replace('-', '_')}"):
            command = typer_main.get_command(main.built([noun])).commands[noun]
            lines += _commands(command, f"interpayer {noun}", 2)
    lead = "Results go to standard output, everything else to standard error; `--json` stands on every reading command."
    return _page("Command line", lead, lines)


def _api() -> str | None:
    server = _module("interpayer.api.server")
    if server is None:
        return None
    rows: dict[str, list[list[str]]] = {}
    for path, acts in server.document()["paths"].items():
        for method, act in acts.items():
            roles = ", ".join(act.get("x-roles", ["anybody"]))
            told = [f"`{method.upper()} {path}`", f"{act['summary']}. {act['description']}", roles]
            rows.setdefault(act["tags"][0], []).append(told)
    lines = [line for tag, body in rows.items()
             for line in (f"## {tag}", "", *_table(["call", "what it does", "roles"], body), "")]  # fmt: skip
    lead = (
        "The plan's own door, on its own listener. Every call carries `Authorization: Bearer` with a token of"
        " `interpayer access add`; every no is `application/problem+json` with a [reason code](reasons.md). Fields and"
        " examples are in the OpenAPI document that the door itself gives: `GET /api/v1/openapi.json`."
    )
    return _page("API", lead, lines)


def _fhir_door() -> str | None:
    door, match, export = (_module(f"interpayer.gateway.{name}") for name in ("door", "member_match", "export"))
    if door is None or match is None or export is None:
        return None
    body = [
        [f"`{act.method} /fhir{act.path}`", ", ".join(f"`{scope}`" for scope in act.scopes) or "anybody",
         act.body.name.lower(), f"{act.maximum_bytes // 1024:,} KiB", act.route_class]
        for act in (*match.operations(None), *export.operations(None))
    ]  # fmt: skip
    usual = importlib.import_module("interpayer.policy.composing").shipped()
    rates = [
        [name, f"{rate.per_minute:g}", str(rate.burst), str(rate.cost)] for name, rate in sorted(usual.rates.items())
    ]
    lines = [
        *_table(["call", "needs one of the scopes", "body", "at most", "rate"], body), "",
        "## Rates", "",
        "Per partner, shared by all processes, where nothing else is agreed (`partner show`). Over it: 429 with"
        " `Retry-After`. In one process a partner may have"
        f" {usual.connections.calls} calls under way, and a certificate {usual.connections.open} connections open.", "",
        *_table(["rate", "a minute", "at once after a rest", "a call counts"], rates),
    ]  # fmt: skip
    lead = (
        "What partners may call: mutual TLS, and a token of `POST /token` that is bound to the same certificate. Open"
        " to everybody are `/fhir/metadata`, `/.well-known/smart-configuration`, `/.well-known/jwks.json` and"
        " `/.well-known/davinci-configuration`, which say the same to machines. Every no is an OperationOutcome; at the"
        " token endpoint it is what OAuth wants."
    )
    return _page("The partners' door", lead, lines)


def _facts(named: dict[str, list[str]] | None) -> str:
    return ", ".join(f"{fact} {'/'.join(levels)}" for fact, levels in (named or {}).items())


def _matching() -> str | None:
    rules = _module("interpayer.identity.rules")
    if rules is None:
        return None
    table = yaml.safe_load((Path(rules.__file__).parent / "rules_d.yaml").read_text("utf-8"))
    head = ["rule", "what is compared", "gives", "all of", "any of", "none of"]
    on, off = [], []
    for rule in table["rules"]:
        row = [f"`{rule['id']}`", rule["title"], rule["disposition"].replace("_", " "),
               _facts(rule.get("all")), _facts(rule.get("any")), _facts(rule.get("none"))]  # fmt: skip
        (off if rule.get("household") and not table["household_shared"] else on).append(row)
    again = [[f"`{rule['id']}`", rule["title"], _facts(rule.get("all")), _facts(rule.get("any"))]
             for rule in table["verification"]]  # fmt: skip
    lines = [
        "The rules are asked in this order. A rule makes a match certain only when exactly one *person* fits it,"
        " however many rows that person has; two people who fit, or a fact that contradicts, go to a person as a case.",
        "", *_table(head, on), "",
        f"`demographics only` gives at most: {table['demographics_only']}. A card whose period lies outside everything"
        f" that we covered: {table['coverage_gap']}.", "",
        "Contradictions, which keep every rule from being certain: " + _facts(table["conflicts"]) + ".", "",
        "## Rules that are off", "",
        "They rest on facts that a household shares and would give one twin the other's history.", "",
        *_table(head, off), "",
        "## Is it really our member?", "",
        "Asked about what a partner sends back, where both sides are known.", "",
        *_table(["rule", "what is compared", "all of", "any of"], again),
    ]  # fmt: skip
    return _page(
        "Who is meant",
        "How a request finds its member. The version of these rules goes into every match and onto the ledger.",
        lines,
    )


def _routes_of(door: str, read: Any) -> list[str]:
    body = [[f"`{route}`", of.shows, of.takes, of.audience, of.retention] for route, of in read.routes[door].items()]
    return [f"## {_DOORS[door]}", "", *_table(["route", "shows", "takes", "for", "kept"], body), ""]


def _classification() -> str | None:
    module = _module("interpayer.system.classification")
    if module is None:
        return None
    read = module.classification()
    kinds = {"Sensitivity": read.sensitivities, "Audience": read.audiences, "Kept": read.retentions}
    lines = [
        line
        for kind, words in kinds.items()
        for line in (f"## {kind}", "", *_table(["class", "meaning"], [[f"`{k}`", v] for k, v in words.items()]), "")
    ]
    lines += ["## Who may be shown what", "", *_table(
        ["role", *read.sensitivities],
        [[role, *("yes" if level in levels else "no" for level in read.sensitivities)]
         for role, levels in read.roles.items()]), ""]  # fmt: skip
    lines += [line for door in read.routes for line in _routes_of(door, read)]
    tables = [[f"`{table}`", kept] for table, kept in sorted(read.tables.items())]
    lines += ["## Tables", "", "A name with `*` stands for all that fit and are not named themselves.", "",
              *_table(["table", "kept"], tables), ""]  # fmt: skip
    names: dict[str, list[str]] = {}
    for name, level in sorted(read.fields.items()):
        names.setdefault(level, []).append(f"`{name}`")
    lines += ["## Names", "", "Columns, facts of events and fields of bodies. A name means the same everywhere.", "",
              *_table(["class", "names"], [[level, ", ".join(names.get(level, []))] for level in read.sensitivities]),
              "", "Where it means something else:", "",
              *_table(["place", "class"], [[f"`{place}`", level] for place, level in sorted(read.exceptions.items())]),
              "", "## Logs", "", "A log line has no other fields than these: "
              + ", ".join(f"`{name}`" for name in sorted(read.logs)) + "."]  # fmt: skip
    lead = (
        "How sensitive everything is that our doors show and our tables keep, for whom it is, and how long it is kept."
        " A door does not start with a route that is not here; tests compare the rest with what there is."
    )
    return _page("Classification", lead, lines)


_DOORS = {"partners": "The partners' door", "api": "The plan's own API", "console": "The console"}
BUILDERS: dict[str, Callable[[], str | None]] = {
    "reasons.md": _reasons,
    "events.md": _events,
    "states.md": _states,
    "settings.md": _settings,
    "command-line.md": _command_line,
    "api.md": _api,
    "fhir-door.md": _fhir_door,
    "matching.md": _matching,
    "classification.md": _classification,
}


def render() -> dict[str, str]:
    """Every reference page by its file name; a page whose code is not there yet is left out."""
    built = {name: build() for name, build in BUILDERS.items()}
    return {name: text for name, text in built.items() if text is not None}


def main() -> None:
    """Write the pages."""
    REFERENCE.mkdir(exist_ok=True)
    for name, text in render().items():
        (REFERENCE / name).write_text(text, "utf-8")
        print(f"docs/reference/{name}")


if __name__ == "__main__":
    main()
