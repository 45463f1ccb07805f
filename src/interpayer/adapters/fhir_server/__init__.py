"""A FHIR R4 server as a source: what it says of itself is read first, and respected."""
