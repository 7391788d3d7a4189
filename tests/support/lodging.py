"""Reports that a front end sends to a running stack."""

import httpx

from tests.support.waiting import DEADLINE_S
from tools.local.stack import Stack


async def lodge(stack: Stack, credential: str, **told: object) -> httpx.Response:
    """What intake answers a report of the least fields and what else is ``told``. Raises httpx's error on a refusal."""
    body = {"role": "victim", "harm_types": ["other"], "division": "busan", **told}
    headers = {"Authorization": f"Bearer {credential}"}
    async with httpx.AsyncClient(trust_env=False, headers=headers, timeout=DEADLINE_S) as http:
        return (await http.post(f"{stack.urls['intake']}/api/v1/reports", json=body)).raise_for_status()


async def lodged(stack: Stack, credential: str) -> str:
    """The id of a report that asks for help."""
    return str((await lodge(stack, credential, narrative="help")).json()["report_id"])
