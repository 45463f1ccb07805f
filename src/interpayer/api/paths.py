"""Ids in addresses: what cannot be an id belongs to nothing."""

from typing import Annotated

from fastapi import Path

OneId = Annotated[str, Path(pattern=r"^[A-Za-z0-9.-]{1,64}$")]
