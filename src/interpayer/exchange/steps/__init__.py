"""Each durable step: load, decide, save, write the ledger. One file per part of the story."""
