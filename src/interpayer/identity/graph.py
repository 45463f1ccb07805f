"""Which members are one person, and which ids name them: what the other rooms call. How it is done is in `people/`."""

from interpayer.identity.people.ids import (
    EndedLink,
    NamedId,
    NewLink,
    accept_id,
    end_id,
    ids_of,
    meet_id,
    members_named,
)
from interpayer.identity.people.merging import (
    Edge,
    Grounds,
    Parted,
    lineage,
    link_members,
    merge_as_told,
    merge_members,
    person_members,
    split_members,
    survivor,
    unlink_member,
)

__all__ = [
    "Edge",
    "EndedLink",
    "Grounds",
    "NamedId",
    "NewLink",
    "Parted",
    "accept_id",
    "end_id",
    "ids_of",
    "lineage",
    "link_members",
    "meet_id",
    "members_named",
    "merge_as_told",
    "merge_members",
    "person_members",
    "split_members",
    "survivor",
    "unlink_member",
]
