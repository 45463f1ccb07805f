"""What this payer says about itself."""

from interpayer.gateway.metadata import standing_statement


def test_what_is_never_sent_is_said_in_the_same_words_for_everybody():
    statement = standing_statement(5)
    for kind in ("money", "denied prior authorizations", "drugs", "5 years"):
        assert kind in statement
