"""Finding candidates on a Spark cluster: for plans that outgrow one machine (docs/decisions/0021)."""
