"""What followed from a judgement that was taken back, in words."""

from interpayer.cli import output
from interpayer.operations.undoing import Fallout


def tell_fallout(fallout: Fallout) -> None:
    """Which exchanges are recalled, which stopped, and which a person should look at."""
    if fallout.recall_id:
        output.say(f"Released because of it, now in recall {fallout.recall_id}: {', '.join(fallout.recalled)}.")
    if fallout.stopped:
        output.say(f"Under way because of it, stopped: {', '.join(fallout.stopped)}.")
    if fallout.others:
        output.say(f"About the same members, not because of it; look at them: {', '.join(fallout.others)}.")
