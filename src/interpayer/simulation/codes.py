"""Codes that plausibly stand in claims and charts: bare codes of public systems, no licensed descriptions."""

ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
ICD10PCS = "http://www.cms.gov/Medicare/Coding/ICD10"
HCPCS = "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
CDT = "http://www.ada.org/cdt"
NDC = "http://hl7.org/fhir/sid/ndc"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
CVX = "http://hl7.org/fhir/sid/cvx"
LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
PLACE_OF_SERVICE = "https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set"
TYPE_OF_BILL = "https://www.nubc.org/CodeSystem/TypeOfBill"
REVENUE = "https://www.nubc.org/CodeSystem/RevenueCodes"
POINT_OF_ORIGIN = "https://www.nubc.org/CodeSystem/PointOfOrigin"
ADMISSION_TYPE = "https://www.nubc.org/CodeSystem/PriorityTypeOfAdmitOrVisit"
DISCHARGE_STATUS = "https://www.nubc.org/CodeSystem/PatDischargeStatus"
MS_DRG = "https://www.cms.gov/Medicare/Medicare-Fee-for-Service-Payment/AcuteInpatientPPS/MS-DRG-Classifications-and-Software"
CLAIM_ADJUSTMENT_REASON = "https://x12.org/codes/claim-adjustment-reason-codes"
SERVICE_TYPE = "https://x12.org/codes/service-type-codes"
REVIEW_ACTION = "https://codesystem.x12.org/005010/306"

HL7 = "http://terminology.hl7.org/CodeSystem/"
C4BB = "http://hl7.org/fhir/us/carin-bb/CodeSystem/"
PDEX = "http://hl7.org/fhir/us/davinci-pdex/CodeSystem/"
PDEX_SHAPE = "http://hl7.org/fhir/us/davinci-pdex/StructureDefinition/"
C4BB_SHAPE = "http://hl7.org/fhir/us/carin-bb/StructureDefinition/"
US_CORE_SHAPE = "http://hl7.org/fhir/us/core/StructureDefinition/"
PAS_TEMP_CODES = "http://hl7.org/fhir/us/davinci-pas/CodeSystem/PASTempCodes"
NPI = "http://hl7.org/fhir/sid/us-npi"

DIAGNOSES = ("E11.9", "I10", "J06.9", "M54.50", "Z00.00", "E78.5", "K21.9", "J45.909", "N39.0", "R51.9", "H52.13")
# substance use, mental health, HIV: what rules about sensitive records will look for
SENSITIVE_DIAGNOSES = ("F10.20", "F32.9", "B20", "F11.20")
DENTAL_DIAGNOSES = ("Z01.20", "K02.9", "K05.10")
INPATIENT_DIAGNOSES = (("J18.9", "194"), ("I50.9", "291"), ("A41.9", "871"), ("N17.9", "683"))  # with an MS-DRG
INPATIENT_PROCEDURES = ("0DTJ4ZZ", "4A023N7", "5A1935Z", "02703ZZ")
VISIT_SERVICES = ("G0438", "G0439", "G0402", "G0444", "G0447", "G2211")
OUTPATIENT_SERVICES = ("G0463", "G0379", "G0378", "Q3014")
EQUIPMENT = ("E0601", "E1390", "K0001", "E0784")
DENTAL_SERVICES = ("D0120", "D1110", "D0274", "D2391")
# an active ingredient as RxNorm knows it, with the package a pharmacy bills
DRUGS = (
    ("860975", "00093-7214-01"),
    ("314076", "00591-0407-01"),
    ("617310", "00378-3951-77"),
    ("197361", "00093-0083-01"),
    ("310798", "00172-2083-60"),
    ("312961", "00093-7154-98"),
)
SPECIALTY_DRUGS = ("00074-0554-02", "58406-0032-04", "00597-0370-82")
ALLERGENS = ("7980", "1191", "2670", "10180")
VACCINES = ("140", "141", "150", "207", "115", "33", "133", "208")
CHILD_VACCINES = ("03", "21", "20", "10", "83", "62")
# LOINC code, lowest, highest, decimals, UCUM unit
LABS = (
    ("4548-4", 4.8, 9.9, 1, "%"),
    ("2345-7", 70, 210, 0, "mg/dL"),
    ("2093-3", 130, 290, 0, "mg/dL"),
    ("718-7", 10.5, 16.9, 1, "g/dL"),
    ("2160-0", 0.6, 1.9, 2, "mg/dL"),
)
