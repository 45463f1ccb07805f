"""What a call through the full door costs beside the bare framework, and what 200 slow clients do to an honest one.

    python -m bench.door [--calls 300] [--clients 4] [--slow 200] [--json]

Layers: the framework alone; + mutual TLS; + certificate judged, token, partner, policy, rate (a search that finds
nothing); a token; a match with consent, identity, policy and ledger. A payer with all its processes runs on this
machine; its rates are lifted for the run, everything else is as it ships. Server time is the processor time of the
door's process; the database's comes on top and is in the calls per second.
"""

import argparse
import json
import os
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from urllib.parse import urlencode

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench._calls import HOST, call, line, request, timed
from bench._slow_clients import honest_among_slow
from interpayer.app import doors as real
from interpayer.app.build import Application, build
from interpayer.gateway import server as gateway
from interpayer.gateway.door import Door
from interpayer.gateway.listen import Listener, serve
from interpayer.gateway.tls import tls_context
from interpayer.gateway.tokens import ASSERTION_TYPE
from interpayer.policy.bundle import Bundle
from interpayer.policy.figures import ConnectionNumbers, RateNumbers
from interpayer.simulation.installation import Installation, free_ports
from interpayer.system.settings import read_settings
from tests.support.outsider import SCOPES, Outsider, parameters
from tests.support.town import Town, enroll

MEMBERS = 200
NOBODY = "/fhir/Group?identifier=nobody"


@dataclass(frozen=True, slots=True)
class Layer:
    """One kind of call: how many a second, how long they took, what they cost the door's process."""

    name: str
    calls_per_s: float
    p50_ms: float
    p99_ms: float
    server_ms: float


def main() -> None:
    """Measure and print, or serve for a measurement (in a process of its own)."""
    options = argparse.ArgumentParser(prog="python -m bench.door", description=(__doc__ or "").splitlines()[0])
    options.add_argument("--calls", type=int, default=300)
    options.add_argument("--clients", type=int, default=4)
    options.add_argument("--slow", type=int, default=200)
    options.add_argument("--json", action="store_true")
    options.add_argument("--serve", nargs=2, type=int, metavar="PORT", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.serve:
        _serve(*chosen.serve)
        return
    layers, slow = measure(chosen.calls, chosen.clients, chosen.slow)
    if chosen.json:
        print(json.dumps({"layers": [asdict(one) for one in layers], "slow": slow}))
        return
    _print(layers, slow)


def measure(calls: int, clients: int, slow: int) -> tuple[list[Layer], Mapping[str, float]]:
    """All layers, then an honest client alone and among slow ones."""
    with tempfile.TemporaryDirectory(prefix="interpayer-bench-") as name:
        town = Town(Path(name))
        try:
            one = town.open("bench-door")
            one.kill("doors")
            ports = free_ports(2)
            rows = _members(MEMBERS)
            enroll(one, Path(name), rows)
            partner = _partner_of(one, town)
            with _served(one, ports[0], ports[1]) as process:
                context = _context(partner, one)
                layers = _layers(partner, rows, Target(context, ports, process), calls, clients)
                search = request("GET", NOBODY, partner.headers)
                return layers, honest_among_slow(one.ports[0], context, search, slow)
        finally:
            town.close()


@dataclass(frozen=True, slots=True)
class Target:
    """Where the calls go: our client's TLS, the ports of the bare framework (plain, TLS), the door's process."""

    context: ssl.SSLContext
    ports: Sequence[int]
    process: subprocess.Popen[bytes]

    def cpu_s(self) -> float:
        """Processor seconds of the door's process so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _layers(partner: Outsider, rows: list[dict[str, str]], target: Target, calls: int, clients: int) -> list[Layer]:
    port = partner.target.ports[0]
    bodies = [orjson.dumps(parameters(partner.match_parts(row))) for row in rows]
    bearer = partner.headers

    def match(number: int) -> bytes:
        # every one is new: no answer that was kept
        own = {**bearer, "Content-Type": "application/fhir+json", "X-Correlation-Id": f"bench-{number:08}"}
        return request("POST", "/fhir/Patient/$member-match", own, bodies[number % len(bodies)])

    def token(_number: int) -> bytes:
        form = {
            "grant_type": "client_credentials",
            "scope": " ".join(SCOPES),
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": partner.assertion(),
        }
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return request("POST", "/token", kind, urlencode(form).encode())

    echo = request("POST", "/echo", {"Content-Type": "application/json"}, b'{"a": 1}')
    search = request("GET", NOBODY, bearer)
    kinds: list[tuple[str, int, ssl.SSLContext | None, Callable[[int], bytes], int]] = [
        ("framework alone", target.ports[0], None, lambda _: echo, calls * 4),
        ("+ mutual TLS", target.ports[1], target.context, lambda _: echo, calls * 4),
        ("+ door: certificate, token, policy, rate", port, target.context, lambda _: search, calls * 2),
        ("token", port, target.context, token, calls),
        ("match, all of it", port, target.context, match, calls),
    ]
    return [_layer(name, port, context, make, (number, clients, target)) for name, port, context, make, number in kinds]


def _layer(
    name: str,
    port: int,
    context: ssl.SSLContext | None,
    make: Callable[[int], bytes],
    load: tuple[int, int, Target],
) -> Layer:
    calls, clients, target = load
    prepared = [[make(number) for number in range(calls + 20)][one::clients] for one in range(clients)]
    times: list[float] = []
    with ExitStack() as held:
        lines = [held.enter_context(line(port, context)) for _ in range(clients)]
        for opened, mine in zip(lines, prepared, strict=True):
            for _ in range(20 // clients):
                call(opened, mine.pop())
        cpu, began = target.cpu_s(), time.perf_counter()
        threads = [
            threading.Thread(target=lambda opened=opened, mine=mine: times.extend(timed(opened, one) for one in mine))
            for opened, mine in zip(lines, prepared, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took, used = time.perf_counter() - began, target.cpu_s() - cpu
    cuts = statistics.quantiles(times, n=100)
    return Layer(name, len(times) / took, cuts[49] * 1000, cuts[98] * 1000, used / len(times) * 1000)


def _members(count: int) -> list[dict[str, str]]:
    first = ("Ada", "Ben", "Cleo", "Dora", "Emil", "Fay", "Gus", "Hal", "Ida", "Jon")
    return [
        {
            "member_id": f"B{number:06}",
            "given": first[number % 10],
            "family": f"Bench{chr(97 + number % 26)}{chr(97 + number // 26 % 26)}",
            "birth_date": f"{1940 + number % 60}-{number % 12 + 1:02}-{number % 28 + 1:02}",
            "sex": "female" if number % 2 else "male",
        }
        for number in range(count)
    ]


def _partner_of(one: Installation, town: Town) -> Outsider:
    # the outsider registers by the command line; its calls go to the door of the measurement
    return Outsider("bench-partner", one, town.authority)


def _context(partner: Outsider, one: Installation) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(one.home / "tls" / "ca.crt"))
    context.load_cert_chain(partner.certificate.certificate, partner.certificate.key)
    return context


@contextmanager
def _served(one: Installation, plain: int, tls: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "bench.door", "--serve", str(plain), str(tls)]
    with (one.home / "bench.log").open("wb") as log:
        process = subprocess.Popen(command, env=one.environ, stdout=log, stderr=log)
    try:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with suppress(OSError), socket.create_connection((HOST, one.ports[0]), timeout=1):
                break
            if process.poll() is not None:
                raise RuntimeError((one.home / "bench.log").read_text()[-2000:])
            time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait(30)


def _serve(plain: int, tls: int) -> None:
    """The payer's own doors, with its rates lifted, and the bare framework beside them."""
    application = build(read_settings(os.environ))
    settings = application.settings
    if settings.tls_certificate is None or settings.tls_key is None:
        raise SystemExit("the payer has no certificate")
    context = tls_context(settings.tls_certificate, settings.tls_key, settings.client_ca)
    bare = Starlette(routes=[Route("/echo", _echo, methods=["POST"])])
    listeners = [
        Listener(_lifted(application), settings.listen, context),
        Listener(bare, f"{HOST}:{plain}", None),
        Listener(bare, f"{HOST}:{tls}", context),
    ]
    serve(listeners, ready=None)
    application.close()


def _lifted(application: Application) -> Starlette:
    door = real.door_of(application)
    policy = door.policy

    def lifted() -> Bundle:
        return _without_limits(policy())

    fast: Door = replace(door, policy=lifted)
    return gateway.build(fast, real._operations(application.tools("door")))


_LIFTED: dict[str, Bundle] = {}


def _without_limits(bundle: Bundle) -> Bundle:
    if bundle.version not in _LIFTED:
        rates = {name: RateNumbers(1e6, 1_000_000, 1) for name in bundle.rates}
        numbers = replace(bundle.numbers, rates=rates, connections=ConnectionNumbers(2000, 2000))
        _LIFTED[bundle.version] = replace(bundle, numbers=numbers)
    return _LIFTED[bundle.version]


async def _echo(request: Request) -> Response:
    return Response(orjson.dumps(orjson.loads(await request.body())), media_type="application/json")


def _print(layers: list[Layer], slow: Mapping[str, float]) -> None:
    bare, last = layers[0], layers[-1]
    print(f"{'':42}{'calls/s':>9}{'to bare':>9}{'p50 ms':>8}{'p99 ms':>8}{'server ms':>11}")
    for one in layers:
        share = one.calls_per_s / bare.calls_per_s
        print(f"{one.name:42}{one.calls_per_s:9.0f}{share:9.2f}{one.p50_ms:8.2f}{one.p99_ms:8.2f}{one.server_ms:11.2f}")
    parts = {
        "framework": bare.server_ms,
        "mutual TLS": layers[1].server_ms - bare.server_ms,
        "certificate, token, policy, rate": layers[2].server_ms - layers[1].server_ms,
        "identity, consent, policy, ledger": last.server_ms - layers[2].server_ms,
    }
    print("\nof a match's server time: " + ", ".join(f"{k} {v / last.server_ms:.0%}" for k, v in parts.items()))
    print(
        f"\nhonest client among {slow['slow']:.0f} slow ones: p50 {slow['p50_alone_ms']:.1f} ->"
        f" {slow['p50_among_ms']:.1f} ms, p99 {slow['p99_alone_ms']:.1f} -> {slow['p99_among_ms']:.1f} ms"
        f" ({slow['ratio_p99']:.2f} times)"
    )


if __name__ == "__main__":
    main()
