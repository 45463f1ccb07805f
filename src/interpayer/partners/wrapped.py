"""Where this room keeps wrapped keys: our own signing keys."""

from interpayer.system.rewrapping import WrappedColumn

WRAPPED = WrappedColumn("partners.own_key", "kid", "wrapped")
