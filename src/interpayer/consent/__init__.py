"""What the member allowed: FHIR Consent read, evaluated, stored."""
