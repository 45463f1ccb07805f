"""A browser without scripts, as far as the console's pages need one: it fills in forms that it was given."""

import re

import httpx2
from starlette.testclient import TestClient

_MARK = re.compile(r'name="mark" value="([^"]*)"')


class Browser:
    """Keeps cookies, and the mark of the last page, which its forms bring back."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self.mark = ""

    def open(self, path: str) -> httpx2.Response:
        """Look at a page."""
        response = self.client.get(path)
        marks = set(_MARK.findall(response.text))
        if marks:
            (self.mark,) = marks
        return response

    def send(self, path: str, fields: dict[str, str], *, mark: str | None = None, **more: str) -> httpx2.Response:
        """Send a form, from the login page when nothing was opened before."""
        if not self.mark:
            self.open("/login")
        content = {**fields, "mark": self.mark if mark is None else mark}
        return self.client.post(path, data=content, **more)
