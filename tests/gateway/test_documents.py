"""The documents say what the program does."""

import re
from pathlib import Path

from gateway.close_codes import INTERNAL_ERROR, SERVICE_RESTART, TO_CALLER
from gateway.config import Settings

ROOT = Path(__file__).parents[2]
OPERATIONS = (ROOT / "docs/operations.md").read_text()


def test_every_setting_is_documented_and_every_documented_one_is_there():
    documented = re.findall(r"`UNDERSTUDY_([A-Z_]+)`", OPERATIONS)
    assert {name.lower() for name in documented} == set(Settings.model_fields)


def test_every_close_code_is_documented_with_whether_to_come_back():
    rows = re.findall(r"^\| ([0-9, ]+) \|[^|]*\| (yes|no)", OPERATIONS, re.MULTILINE)
    documented = {int(code): back == "yes" for codes, back in rows for code in codes.split(",")}
    assert {close.code: close.reconnect for close in TO_CALLER.values()}.items() <= documented.items()
    for code, back in documented.items():
        assert back is (code in {SERVICE_RESTART, INTERNAL_ERROR} or 4500 <= code < 4900)


async def test_every_endpoint_is_documented_and_every_documented_one_is_there(rest):
    text = (ROOT / "docs/rest.md").read_text()
    documented = set(re.findall(r"(/(?:api|admin|health|livez|readyz|autoscaling|metrics)[a-z/{}-]*)", text))
    served = {route.resource.canonical for route in rest.gateway._parts.runner.app.router.routes()}
    assert documented == served


def test_the_readme_names_every_document():
    readme = (ROOT / "README.md").read_text()
    assert all(f"docs/{path.name}" in readme for path in (ROOT / "docs").glob("*.md"))
