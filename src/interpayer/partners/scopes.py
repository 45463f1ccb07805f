"""The scopes of a payer-to-payer exchange, as the guides print them (PDex 2.2, HRex 1.2, SMART 2.2)."""

MEMBER_MATCH = "http://hl7.org/fhir/us/davinci-hrex/OperationDefinition/member-match"
BULK_MATCH = "http://hl7.org/fhir/us/davinci-pdex/OperationDefinition/BulkMemberMatch"
# The same before PDex 2.2, and under the name that its prose uses.
BULK_MATCH_BEFORE = (
    "http://hl7.org/fhir/us/davinci-pdex/OperationDefinition/bulk-member-match",
    "http://hl7.org/fhir/us/davinci-pdex/OperationDefinition/multi-member-match",
)
# Printed so by PDex; outside the SMART grammar, so it is compared as a whole: the export of a match group.
EXPORT_ALIAS = "system.Group.u?code=http://hl7.org/fhir/us/davinci-pdex/ValueSet/PDexMultiMemberMatchResultVS|match"
# The same with the slash that the SMART grammar wants.
EXPORT_ALIAS_SLASH = EXPORT_ALIAS.replace("system.", "system/", 1)
EVERYTHING = "system/*.rs"
# What a requester asks for at once; a server grants what it has agreed to.
REQUESTER = (MEMBER_MATCH, BULK_MATCH, EVERYTHING)
