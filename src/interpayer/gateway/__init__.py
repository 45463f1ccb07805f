"""The FHIR door for partners: who calls, what they ask, how often."""
