"""The whole door over a real TLS socket: what gets in, what does not, and what is written about it."""

from tests.support.doors import DoorUnderTest


def test_a_partner_with_a_token_gets_its_answer(door: DoorUnderTest) -> None:
    token = door.token()
    with door.client() as http:
        response = http.get("/fhir/Group/b-1", headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == 200, response.text
    assert response.json()["partner"] == "p-plan-b"
