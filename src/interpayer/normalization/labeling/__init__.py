"""Which records are sensitive, and why: value sets in versioned files, labels on records, security labels in `meta`."""
