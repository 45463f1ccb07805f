"""The refinery of a source with the maps that its declaration names, as they are loaded here."""

from dataclasses import replace

from interpayer.adapters.declaration import Declaration
from interpayer.exchange.sources.refining import Refinery
from interpayer.exchange.sources.translating import Translator
from interpayer.exchange.tools import Tools
from interpayer.model.reason import Refusal
from interpayer.terminology.store import read_map
from interpayer.terminology.translate import CodeMap


def refinery_of(tools: Tools, declaration: Declaration) -> Refinery:
    """What makes resources of the source's records, codes translated. Raises Refusal when a map is not loaded."""
    refinery = tools.workshop.refinery(declaration)
    if not declaration.translate:
        return refinery
    maps: list[CodeMap] = []
    with tools.database.transaction() as conn:
        for url in declaration.translate:
            found = read_map(conn, url)
            if found is None:
                words = f"`translate`: {url} is not loaded; `interpayer terms load` loads it"
                raise Refusal("request.malformed", words)
            maps.append(found)
    return replace(refinery, translate=Translator(tuple(maps)))
