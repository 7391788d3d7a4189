"""What nobody asked for: bodies that are refused, receipts that do not fit, canaries in every part of a request."""

import json

from tests.integration.trust.street import HERE, RECEIPTS, Street
from tools.local.settings import SERVICES


async def refused(street: Street, credential: str) -> None:
    """Bodies that are refused: of other kinds, with fields there are not, with what must not be sent."""
    new = street.canaries
    least = {"role": "victim", "harm_types": ["other"]}
    bodies: list[bytes] = [
        f'{{"role": "victim", "narrative": "{new.text("cut off")}'.encode(),
        new.text("no json at all").encode(),
        f'"{new.text("a text for an object")}"'.encode(),
        new.text("latin").encode("utf-16"),
        *(
            json.dumps(body, ensure_ascii=False).encode()
            for body in (
                # A field's name is told back, for whoever mistypes one of ours; not one that may reach somebody.
                {**least, new.email("an address for a field's name"): 1},
                {**least, "contact": {new.phone("a number for a field's name"): 1}},
                {**least, "role": new.text("role")},
                {**least, "harm_types": [new.text("harm")]},
                {**least, "division": new.text("division")},
                {**least, "district": new.line("district")},
                {**least, "declined_centers": [new.line("centre")]},
                {**least, "language": new.line("language")},
                {**least, "threat_deadline": new.line("deadline")},
                {**least, "urls": [new.line("not an address")]},
                {**least, "urls": [f"ftp://{new.line('of another kind')}.example"]},
                {**least, "contact": {"channels": ["phone"], "phone": new.line("not a number")}},
                {**least, "contact": {"channels": ["email"], "email": new.line("not an email")}},
                {**least, "narrative": f"{new.text('with a registration number')} 900101-1234567"},
                {**least, "narrative": new.text("too long") + "가" * 4000},
                {**least, "narrative": [new.text("a list")]},
                {**least, "consents": {"version": new.line("version")}},
                {**least, "fingerprints": [new.line("fingerprint")]},
                {**least, "on_behalf": {"relation": new.line("relation")}},
            )
        ),
    ]
    async with street.http("intake", authorization=f"Bearer {credential}") as http:
        for body in bodies:
            for path in ("/api/v1/reports", f"{RECEIPTS}/amend", f"{RECEIPTS}/messages"):
                answer = await http.post(path, content=body, headers={"content-type": "application/json"})
                assert answer.status_code in {400, 422}, answer.text
        typed = new.text("of another type").encode()
        answer = await http.post("/api/v1/reports", content=typed, headers={"content-type": "text/plain"})
        assert answer.status_code == 415
        key = {"Idempotency-Key": f"!{new.line('wrong key')}"}
        assert (await http.post("/api/v1/reports", json=least, headers=key)).status_code == 400
        same = {"Idempotency-Key": new.line("key of two reports") * 2}
        for number in range(2):
            two = {**least, "narrative": new.text(f"conflict {number}")}
            answer = await http.post("/api/v1/reports", json=two, headers=same)
            assert answer.status_code == (409 if number else 202)
            if not number:
                street.receipts.append((answer.json()["report_id"], answer.json()["receipt"]))


async def asked_wrongly(street: Street) -> None:
    """Receipts and words that do not fit, by page."""
    new = street.canaries
    _, receipt = street.receipts[0]
    async with street.http("intake", **HERE) as http:
        for asked in (
            {"receipt": new.line("wrong receipt")},
            {"receipt": receipt, "word": new.text("wrong word"), "step": "do", "text": new.text("refused message")},
        ):
            path = "/status" if len(asked) == 1 else "/status/message"
            assert (await http.post(path, data=asked)).status_code == 404


async def strangers(street: Street) -> None:
    """What nobody asked for: in addresses, queries, headers, cookies, tokens and sign-ins, at every service."""
    new = street.canaries
    for service in SERVICES:
        odd = {
            "user-agent": new.line(f"{service}: agent"),
            "accept-language": new.line(f"{service}: language"),
            "traceparent": new.line(f"{service}: trace"),
            "x-request-id": new.line(f"{service}: request"),
            "authorization": f"Bearer {new.line(f'{service}: token')}",
            "cookie": f"ieum_{service}={new.line(f'{service}: cookie')}; lang={new.line(f'{service}: lang')}",
        }
        paths = (
            f"/{new.line(f'{service}: path')}",
            f"/api/v1/cases/{new.line(f'{service}: id')}",
            f"/api/v1/decisions/{new.line(f'{service}: decision')}",
            f"/api/v1/tables/{new.line(f'{service}: table')}",
            f"/static/{new.line(f'{service}: digest')}/{new.line(f'{service}: file')}",
            f"/session/{new.line(f'{service}: session')}",
        )
        async with street.http(service, **odd) as http:
            for path in paths:
                await http.get(path)
                await http.post(path, json={"x": new.line(f"{service}: body")})
            await http.request(new.line(f"{service}: method").upper(), "/")
            await http.get("/api/v1/cases", params={"center": new.line(f"{service}: parameter")})
    async with street.http("identity") as http:
        # Somebody types the password where the name belongs.
        wrong = {
            "account": new.line("account"),
            "password": new.line("password for an account"),
            "code": new.line("code"),
        }
        assert (await http.post("/api/v1/sign-in", json=wrong)).status_code == 401
        assert (await http.post("/session", data=wrong, headers=HERE)).status_code == 401
        assert (await http.post("/api/v1/session/renew", json={"session": new.line("secret")})).status_code == 401
        await http.post("/invitation", data={"invitation": new.line("invitation")}, headers=HERE)
    async with street.http("intake") as http:
        answer = await http.post("/details", data={"ticket": f"{new.line('ticket')}.x.y"})
        assert answer.status_code == 403
