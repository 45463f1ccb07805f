"""FHIRPath of FHIR R4, compiled to Python once and evaluated on parsed JSON."""
