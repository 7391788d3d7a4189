"""An operator takes calls, with a canary in everything the callers say."""

import re

from services.intake.phone import scripts
from tests.integration.trust.street import OWNER, Street
from tools.demo.people import Crew


async def lodged_by_phone(street: Street, crew: Crew) -> None:
    """By an operator: one call that is sent, one that is handed over and left in the store. And an addition."""
    new = street.canaries
    for kind in ("call sent", "call left"):
        client = crew.client(f"{OWNER}-operator", "intake")
        client.event_hooks = {"response": [street.answers.note]}
        async with client as http:
            begun = await http.post("/calls")
            assert begun.status_code == 303, begun.text[:300]
            at = begun.headers["location"]
            said = {
                "role": "victim",
                "harm_types": "other",
                "narrative": new.text(f"{kind}: narrative"),
                "urls": new.url(f"{kind}: url"),
                "marks": f"{new.digest(f'{kind}: fingerprint')}\npdq:{new.digest(f'{kind}: picture hash')}",
                "search_words": new.text(f"{kind}: search words"),
                "seen_when": new.text(f"{kind}: seen when"),
                "contact_name": new.text(f"{kind}: name"),
                "contact_channels": ["phone", "email"],
                "phone": new.phone(f"{kind}: phone"),
                "email": new.email(f"{kind}: email"),
                "hours": new.text(f"{kind}: hours"),
                "not_safe": new.text(f"{kind}: not safe"),
                "center_codeword": new.text(f"{kind}: word of the centre"),
                "person_codeword": new.text(f"{kind}: word of the person"),
                "word": new.line(f"{kind}: word"),
                "consents": "personal",
                "assent": f"ko:{scripts.VERSION}",
            }
            script = {"Accept": "application/json"}
            for name, value in said.items():
                kept = await http.post(at, data={"only": name, name: value}, headers=script)
                assert kept.status_code == 200, (name, kept.text[:300])
            wrong = {"only": "email", "email": new.line(f"{kind}: wrong email")}
            assert (await http.post(at, data=wrong, headers=script)).status_code == 422
            if kind == "call left":
                offered = await http.post(at, data={"go": "offer", **said})
                assert offered.status_code == 303, offered.text[:300]
                continue
            assert (await http.post(at, data={"go": "send", **said})).status_code == 303
            receipt = "-".join(re.findall(r'<span class="four">(\d{4})</span>', (await http.get(at)).text))
            street.receipts.append(("", receipt))
            added = {"receipt": receipt, "word": said["word"], "narrative": new.text(f"{kind}: addition")}
            unsure = {**added, "word": new.line(f"{kind}: wrong word")}
            assert (await http.post("/calls/addition", data=unsure)).status_code == 404
            done = await http.post("/calls/addition", data={**added, "urls": new.url(f"{kind}: added url")})
            assert done.status_code == 200, done.text[:300]
