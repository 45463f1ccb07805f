"""One claims row of 29 columns to an ExplanationOfBenefit: a compiled mapping, by hand, and JSONata; ratios count.

python -m bench.canonical.mapping [--rows 2000] [--rounds 7] [--json]

All three write the same resource, proven before anything is timed; all leave out what is missing, put the dot into
diagnosis codes, turn dates around and look codes up. The mapping reports besides what it cannot read, knows the place
of every value, and names its version. Rounds are interleaved; medians are compared.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import jsonatapy
import orjson

from interpayer.normalization.mapping.compiler import Context, compile_mapping
from interpayer.normalization.mapping.lineage import explain
from interpayer.normalization.mapping.reading import read_mapping

ICD = "http://hl7.org/fhir/sid/icd-10-cm"
CPT = "http://www.ama-assn.org/go/cpt"
POS = "https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set"
KIND = "http://terminology.hl7.org/CodeSystem/claim-type"
CARE = "http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBClaimCareTeamRole"
STATES = {"1": "active", "2": "cancelled", "3": "active", "9": "entered-in-error"}
KINDS = {"71": "professional", "72": "professional", "40": "institutional", "60": "institutional"}
MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
NUMBERS = {name: f"{at:02d}" for at, name in enumerate(MONTHS, start=1)}
DIAGNOSES = range(1, 9)

MAP = f"""
about: One flat claims row, one claim.
entity: claim
member: BENE_ID
tables:
  state: {{codes: {{{", ".join(f"'{k}': {v}" for k, v in STATES.items())}}}, default: active}}
  kind: {{codes: {{{", ".join(f"'{k}': {v}" for k, v in KINDS.items())}}}, unmapped: keep}}
let:
  serviced: {{from: LINE_1ST_EXPNS_DT, transform: {{date: DD-MON-YYYY}}}}
to:
  - resourceType: ExplanationOfBenefit
    id: {{from: "claim-{{CLM_ID}}"}}
    identifier: [{{system: "https://plan.example/claim", value: {{from: CLM_ID}}}}, {{system: "https://plan.example/group", value: {{from: CLM_GRP_ID}}}}]
    status: {{from: CLM_DISP_CD, table: state}}
    type: {{coding: [{{system: "{KIND}", code: {{from: NCH_CLM_TYPE_CD, table: kind}}}}]}}
    use: claim
    patient: {{reference: {{from: "Patient/{{BENE_ID}}"}}}}
    billablePeriod: {{start: {{from: CLM_FROM_DT, transform: {{date: DD-MON-YYYY}}}}, end: {{from: CLM_THRU_DT, transform: {{date: DD-MON-YYYY}}}}}}
    created: {{from: NCH_WKLY_PROC_DT, transform: {{date: DD-MON-YYYY}}}}
    insurer: {{display: Plan}}
    provider: {{identifier: {{value: {{from: CARR_CLM_BLG_NPI_NUM}}}}}}
    outcome: complete
    careTeam:
      - {{sequence: 1, provider: {{identifier: {{value: {{from: RFR_PHYSN_NPI}}}}}}, role: {{coding: [{{system: "{CARE}", code: referring}}]}}}}
      - {{sequence: 2, provider: {{identifier: {{value: {{from: PRF_PHYSN_NPI}}}}}}, role: {{coding: [{{system: "{CARE}", code: performing}}]}}}}
    diagnosis:
      - foreach: {{d: {{code: "ICD_DGNS_CD{{n}}"}}, n: 1..8}}
        when: d.code
        to: {{sequence: {{from: $sequence}}, diagnosisCodeableConcept: {{coding: [{{system: "{ICD}", code: {{from: d.code, transform: icd10cm}}}}]}}}}
    item:
      - sequence: {{from: LINE_NUM, transform: integer}}
        productOrService: {{coding: [{{system: "{CPT}", code: {{from: HCPCS_CD}}}}]}}
        modifier:
          - coding: [{{system: "{CPT}", code: {{from: HCPCS_1ST_MDFR_CD}}}}]
          - coding: [{{system: "{CPT}", code: {{from: HCPCS_2ND_MDFR_CD}}}}]
        servicedPeriod: {{start: {{from: serviced}}, end: {{from: LINE_LAST_EXPNS_DT, transform: {{date: DD-MON-YYYY}}}}}}
        locationCodeableConcept: {{coding: [{{system: "{POS}", code: {{from: LINE_PLACE_OF_SRVC_CD}}}}]}}
        quantity: {{value: {{from: LINE_SRVC_CNT, transform: integer}}}}
        noteNumber: [1]
    processNote: [{{number: 1, text: {{from: "control {{CARR_CLM_CNTL_NUM}}"}}}}]
"""  # noqa: E501  a rule a line

_DAY = """$f := function($d) {
  $d ? $substring($d, 7) & '-' & $lookup($months, $substring($d, 3, 3)) & '-' & $substring($d, 0, 2) }"""
JSONATA = f"""
( $months := {json.dumps(NUMBERS)}; {_DAY};
  $dot := function($c) {{ $length($c) > 3 ? $substring($c, 0, 3) & '.' & $substring($c, 3) : $c }};
  $row := $; $some := function($x) {{ $x = '' ? undefined : $x }};
  $state := $lookup({json.dumps(STATES)}, CLM_DISP_CD); $kind := $lookup({json.dumps(KINDS)}, NCH_CLM_TYPE_CD);
  $codes := [{", ".join(f"ICD_DGNS_CD{n}" for n in DIAGNOSES)}][$ != ''];
  {{ "resourceType": "ExplanationOfBenefit", "id": "claim-" & CLM_ID,
    "identifier": [{{"system": "https://plan.example/claim", "value": CLM_ID}}, {{"system": "https://plan.example/group", "value": CLM_GRP_ID}}],
    "status": $state ? $state : "active",
    "type": {{"coding": [{{"system": "{KIND}", "code": $kind ? $kind : NCH_CLM_TYPE_CD}}]}},
    "use": "claim", "patient": {{"reference": "Patient/" & BENE_ID}},
    "billablePeriod": {{"start": $f(CLM_FROM_DT), "end": $f(CLM_THRU_DT)}}, "created": $f(NCH_WKLY_PROC_DT),
    "insurer": {{"display": "Plan"}}, "provider": {{"identifier": {{"value": CARR_CLM_BLG_NPI_NUM}}}}, "outcome": "complete",
    "careTeam": [
      {{"sequence": 1, "provider": {{"identifier": {{"value": RFR_PHYSN_NPI}}}}, "role": {{"coding": [{{"system": "{CARE}", "code": "referring"}}]}}}},
      {{"sequence": 2, "provider": {{"identifier": {{"value": PRF_PHYSN_NPI}}}}, "role": {{"coding": [{{"system": "{CARE}", "code": "performing"}}]}}}}],
    "diagnosis": [$map($codes, function($c, $i) {{ {{"sequence": $i + 1, "diagnosisCodeableConcept": {{"coding": [{{"system": "{ICD}", "code": $dot($c)}}]}}}} }})],
    "item": [{{"sequence": $number(LINE_NUM), "productOrService": {{"coding": [{{"system": "{CPT}", "code": HCPCS_CD}}]}},
      "modifier": [$map([HCPCS_1ST_MDFR_CD, HCPCS_2ND_MDFR_CD][$ != ''], function($m) {{ {{"coding": [{{"system": "{CPT}", "code": $m}}]}} }})],
      "servicedPeriod": {{"start": $f(LINE_1ST_EXPNS_DT), "end": $f(LINE_LAST_EXPNS_DT)}},
      "locationCodeableConcept": {{"coding": [{{"system": "{POS}", "code": LINE_PLACE_OF_SRVC_CD}}]}},
      "quantity": {{"value": $number(LINE_SRVC_CNT)}}, "noteNumber": [1]}}],
    "processNote": [{{"number": 1, "text": "control " & CARR_CLM_CNTL_NUM}}]
  }} )
"""  # noqa: E501  the same rules, a rule a line


def rows(count: int) -> list[dict[str, str]]:
    """Made-up rows: five of eight diagnoses and one of two modifiers on most of them."""
    return [_row(at) for at in range(count)]


def _row(at: int) -> dict[str, str]:
    day = f"{at % 28 + 1:02d}-{MONTHS[at % 12]}-20{at % 20 + 5:02d}"
    columns = {
        "BENE_ID": str(500_000 + at), "CLM_ID": str(10**12 + at), "CLM_GRP_ID": str(at), "CLM_DISP_CD": str(at % 3 + 1),
        "NCH_CLM_TYPE_CD": ("71", "72", "40", "60")[at % 4], "CLM_FROM_DT": day, "CLM_THRU_DT": day,
        "NCH_WKLY_PROC_DT": day, "CARR_CLM_BLG_NPI_NUM": "1234567893", "RFR_PHYSN_NPI": "1245319599",
        "PRF_PHYSN_NPI": "1497758544", "CARR_CLM_CNTL_NUM": f"7465{at}", "LINE_NUM": str(at % 9 + 1),
        "HCPCS_CD": f"9921{at % 5 + 1}", "HCPCS_1ST_MDFR_CD": "25" if at % 5 else "", "HCPCS_2ND_MDFR_CD": "",
        "LINE_1ST_EXPNS_DT": day, "LINE_LAST_EXPNS_DT": day, "LINE_PLACE_OF_SRVC_CD": "11", "LINE_SRVC_CNT": "2",
        "FINAL_ACTION": "F",
    }  # fmt: skip
    codes = {f"ICD_DGNS_CD{n}": f"A{(at + n) % 90 + 10}{n}" if n < 6 else "" for n in DIAGNOSES}
    return columns | codes


def _date(text: str) -> str | None:
    if not text:
        return None
    return f"{text[7:]}-{NUMBERS[text[3:6].upper()]}-{text[:2]}"


def _coded(system: str, code: str | None) -> dict[str, Any] | None:
    return {"coding": [{"system": system, "code": code}]} if code else None


def _without_nothing(resource: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in resource.items() if value}


def by_hand(row: dict[str, str]) -> dict[str, Any]:
    """As a careful engineer writes it for this one feed: what may be missing is asked for, the rest is not."""
    get = row.get
    diagnosis: list[dict[str, Any]] = []
    for n in DIAGNOSES:
        code = get(f"ICD_DGNS_CD{n}")
        if code:
            dotted = f"{code[:3]}.{code[3:]}" if len(code) > 3 else code
            concept = {"coding": [{"system": ICD, "code": dotted}]}
            diagnosis.append({"sequence": len(diagnosis) + 1, "diagnosisCodeableConcept": concept})
    modifiers = [m for m in (_coded(CPT, get("HCPCS_1ST_MDFR_CD")), _coded(CPT, get("HCPCS_2ND_MDFR_CD"))) if m]
    kind = row["NCH_CLM_TYPE_CD"]
    item = {
        "sequence": int(row["LINE_NUM"]),
        "productOrService": _coded(CPT, get("HCPCS_CD")),
        "modifier": modifiers,
        "servicedPeriod": _without_nothing(
            {"start": _date(row["LINE_1ST_EXPNS_DT"]), "end": _date(row["LINE_LAST_EXPNS_DT"])}
        ),
        "locationCodeableConcept": _coded(POS, get("LINE_PLACE_OF_SRVC_CD")),
        "quantity": {"value": int(row["LINE_SRVC_CNT"])},
        "noteNumber": [1],
    }
    resource = {
        "resourceType": "ExplanationOfBenefit",
        "id": f"claim-{row['CLM_ID']}",
        "identifier": [
            {"system": "https://plan.example/claim", "value": row["CLM_ID"]},
            {"system": "https://plan.example/group", "value": row["CLM_GRP_ID"]},
        ],
        "status": STATES.get(row["CLM_DISP_CD"], "active"),
        "type": {"coding": [{"system": KIND, "code": KINDS.get(kind, kind)}]},
        "use": "claim",
        "patient": {"reference": f"Patient/{row['BENE_ID']}"},
        "billablePeriod": _without_nothing({"start": _date(row["CLM_FROM_DT"]), "end": _date(row["CLM_THRU_DT"])}),
        "created": _date(row["NCH_WKLY_PROC_DT"]),
        "insurer": {"display": "Plan"},
        "provider": {"identifier": {"value": row["CARR_CLM_BLG_NPI_NUM"]}},
        "outcome": "complete",
        "careTeam": [
            {
                "sequence": 1,
                "provider": {"identifier": {"value": row["RFR_PHYSN_NPI"]}},
                "role": {"coding": [{"system": CARE, "code": "referring"}]},
            },
            {
                "sequence": 2,
                "provider": {"identifier": {"value": row["PRF_PHYSN_NPI"]}},
                "role": {"coding": [{"system": CARE, "code": "performing"}]},
            },
        ],
        "diagnosis": diagnosis,
        "item": [_without_nothing(item)],
        "processNote": [{"number": 1, "text": f"control {row['CARR_CLM_CNTL_NUM']}"}],
    }
    return _without_nothing(resource)


def _plain(value: Any) -> Any:
    """Without empty lists, which JSONata writes, and with whole numbers as such."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items() if one not in ([], None)}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def run(count: int, rounds: int) -> dict[str, Any]:
    """The medians in rows a second, after proof that all write the same."""
    compiled = compile_mapping(read_mapping(MAP, name="bench/claim"))
    expression = jsonatapy.compile(JSONATA)
    made, context = rows(count), Context(source="bench")
    ways: dict[str, Callable[[dict[str, str]], Any]] = {
        "by hand": by_hand,
        "mapping": lambda row: compiled.apply(row, context).resources[0],
        "mapping to bytes": lambda row: orjson.dumps(compiled.apply(row, context).resources[0]),
        "jsonatapy": expression.evaluate,
    }
    # The engine's other door: text in, text out, nothing converted.
    texts = {row["CLM_ID"]: json.dumps(row) for row in made}
    ways["jsonatapy, text to text"] = lambda row: expression.evaluate_json(texts[row["CLM_ID"]])
    for row in made[:200]:
        expected = by_hand(row)
        assert orjson.loads(orjson.dumps(ways["mapping"](row))) == expected
        assert _plain(expression.evaluate(row)) == expected
        assert not compiled.apply(row, context).issues
        assert {one.field for one in explain(compiled, row, context) if one.line}
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            found[name].append(len(made) / _seconds(way, made))
    medians = {name: statistics.median(values) for name, values in found.items()}
    fastest = max(medians["jsonatapy"], medians["jsonatapy, text to text"])
    return {
        "columns": len(made[0]),
        "rows_per_s": {name: round(value) for name, value in medians.items()},
        "of_by_hand": round(medians["mapping"] / medians["by hand"], 2),
        "times_jsonatapy": round(medians["mapping"] / fastest, 1),
        "goals": {"of_by_hand": 0.5, "times_jsonatapy": 4},
    }


def _seconds(way: Callable[[dict[str, str]], Any], made: Sequence[dict[str, str]]) -> float:
    started = time.perf_counter()
    for row in made:
        way(row)
    return time.perf_counter() - started


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    told = parser.parse_args()
    result = run(told.rows, told.rounds)
    if told.json:
        print(json.dumps(result))
        return
    for name, rate in result["rows_per_s"].items():
        print(f"{name:<24} {rate:>9,} rows/s")
    print(f"mapping: {result['of_by_hand']} of by hand (goal 0.5), {result['times_jsonatapy']} x jsonatapy (goal 4)")


if __name__ == "__main__":
    main()
