"""How to knock at every route there is: what to send, whose thing it is about, what whoever may gets for it.

Bodies are valid, so that the question whose thing it is comes up, and name what is long over (ownership 999, offers
nobody made, wrong choices), so that an allowed caller is answered and changes nothing. A route that is not here fails
the test.
"""

from typing import Any, Final

from shared.centers import CENTRAL
from shared.identity.roles import MINISTRY, Action
from tests.integration.trust.asking import ACCOUNT, OFFER, OLD, REPORT, STALE, Asks, ask
from tests.integration.trust.system import ASKED, OWNER, STAFF_ON_DUTY, STRANGER

_REPORT = {"report_id": REPORT}
_NOT_ASKED = frozenset({OWNER, STRANGER, CENTRAL, MINISTRY})
_RECEIPT = {"receipt": "1234"}
_ACTS: Final[dict[str, dict[str, Any]]] = {
    "acknowledge": {},
    "assign": {"assignee": "s-somebody"},
    "contact": {"reached": True, "way": "phone"},
    "support": {"support": "counselling"},
    "refer": {"to_center_id": CENTRAL},
    "close": {"outcome": "supported"},
    "reopen": {},
    "transfer": {"to_center_id": ASKED, "reason": "place", "agreed": True},
    "deletions": {"platform": "social_media", "addresses": 1},
    "deletions/{number}": {"state": "removed"},
    "join": {"other_id": REPORT, "agreed": True},
    "part": {"other_id": REPORT},
}
"""Acts of the owning centre under an ownership; each is a route of the API and one of the pages."""


_OF_A_RECEIPT: Final = ("status", "messages", "answers", "amend", "withdraw", "reinstate", "word", "word/cancel")
_HANDING_OVER: Final = ("hand-over", "hand-over/cancel", "take-over")


def _open_pages(service: str) -> Asks:
    return {
        (service, "GET", "/health/live"): (ask(200),),
        (service, "GET", "/health/ready"): (ask(200, 503),),  # a busy machine is not ready now and then
        (service, "GET", "/metrics"): (ask(200),),
        (service, "GET", "/static/{digest}/{name:path}"): (ask(404, path={"digest": "0", "name:path": "none.css"}),),
        (service, "GET", "/openapi.json"): (ask(200),),
        (service, "GET", "/docs"): (ask(200),),
        (service, "GET", "/problems"): (ask(200),),
        (service, "GET", "/favicon.ico"): (ask(204),),
    }


def _audit(service: str) -> Asks:
    return {
        (service, "GET", "/audit"): (ask(200),),
        (service, "POST", "/audit/look-up"): (ask(303, body={"report_id": REPORT}),),
        (service, "GET", "/audit/months"): (ask(303, query={"month": "2026-11"}),),
        (service, "GET", "/audit/months/{month}"): (ask(200, path={"month": "2026-11"}),),
        (service, "POST", "/audit/checks"): (ask(422, body={"month": "2199-01", "doubtful": "0"}),),
    }


def _intake() -> Asks:
    decided = {"do": "destroy", "reason": "requester_asks"}
    written = {"leave": "none", "text": "x"}
    client = {"client_id": "nobody-there"}
    call = {"call_id": "no-such-call"}
    return {
        ("intake", "POST", "/api/v1/reports"): (ask(422, body={}),),
        ("intake", "GET", "/api/v1/proof-key"): (ask(200),),
        **{
            ("intake", "POST", f"/api/v1/receipts/{what}"): (ask(422, body={}),)
            for what in (*_OF_A_RECEIPT, *_HANDING_OVER)
        },
        ("intake", "GET", "/"): (ask(200),),
        ("intake", "POST", "/"): (ask(422, body={"role": ""}),),
        ("intake", "GET", "/all"): (ask(200),),
        ("intake", "GET", "/take-over"): (ask(200),),
        ("intake", "POST", "/take-over"): (ask(404, 429, body={"code": "0000-0000-0000"}),),
        ("intake", "GET", "/leave"): (ask(303),),
        ("intake", "POST", "/leave"): (ask(204),),
        ("intake", "GET", "/form/{slug}"): (ask(200, path={"slug": "who"}),),
        ("intake", "POST", "/form/{slug}"): (ask(422, path={"slug": "who"}, body={"role": ""}),),
        ("intake", "POST", "/form/check"): (ask(200, body={"go": "check"}),),
        ("intake", "GET", "/notes/{slug}"): (ask(200, path={"slug": "browser"}),),
        ("intake", "GET", "/status"): (ask(200),),
        ("intake", "POST", "/status"): (ask(404, body=_RECEIPT),),
        ("intake", "GET", "/status/{action}"): (ask(303, path={"action": "message"}),),
        ("intake", "POST", "/status/{action}"): (ask(200, path={"action": "message"}, body=_RECEIPT),),
        ("intake", "GET", "/sandbox"): (ask(200),),
        ("intake", "POST", "/sandbox"): (ask(422, body={"credential": "none"}),),
        ("intake", "POST", "/sandbox/leave"): (ask(303),),
        ("intake", "GET", "/verify-proof"): (ask(200),),
        ("intake", "POST", "/verify-proof"): (ask(200, body={"proof": "none"}),),
        ("intake", "GET", "/languages"): (ask(200),),
        ("intake", "GET", "/in/{language}"): (ask(200, path={"language": "vi"}),),
        ("intake", "GET", "/calls"): (ask(200),),
        ("intake", "POST", "/calls"): (ask(303),),
        ("intake", "GET", "/calls/addition"): (ask(200),),
        ("intake", "POST", "/calls/addition"): (ask(422, body=_RECEIPT),),
        ("intake", "GET", "/calls/{call_id}"): (ask(404, path=call),),
        ("intake", "POST", "/calls/{call_id}"): (ask(404, path=call, body={"go": "send"}),),
        **{
            ("intake", "POST", f"/calls/{{call_id}}/{act}"): (ask(404, path=call),) for act in ("recall", "take", "end")
        },
        ("intake", "GET", "/in/{language}/{note}"): (ask(200, path={"language": "vi", "note": "money"}),),
        ("intake", "GET", "/erasures"): (ask(200),),
        ("intake", "POST", "/erasures/{report_id}"): (ask(409, path=_REPORT, body=decided, whose=OWNER),),
        ("intake", "POST", "/details/{report_id}/confirm"): (
            ask(409, path=_REPORT, body={"way": "phone"}, whose=OWNER),
        ),
        **{
            ("intake", "POST", f"/details/{{report_id}}/{what}"): (ask(409, path=_REPORT, body=written, whose=OWNER),)
            for what in ("answer", "note")
        },
        ("intake", "POST", "/find"): (ask(404, 429, body=_RECEIPT),),
        # The ticket is the proof: without one everybody is refused alike.
        ("intake", "POST", "/details"): (ask(403, body={"ticket": "none"}),),
        ("intake", "GET", "/details"): (ask(405),),
        ("intake", "GET", "/receipt"): (ask(303),),
        # Leads to the case, whoever's it is: that page has its own door.
        ("intake", "GET", "/details/{report_id}"): (ask(303, path=_REPORT),),
        ("intake", "GET", "/details/{report_id}/{form}"): (ask(303, path={**_REPORT, "form": "note"}),),
        ("intake", "GET", "/clients"): (ask(200, whose=CENTRAL),),
        ("intake", "POST", "/clients"): (
            ask(422, body={"client_id": "Not an id"}, whose=CENTRAL),
            ask(409, body={"client_id": "front", "scopes": "reports:submit"}, whose=CENTRAL),
        ),
        ("intake", "POST", "/clients/{client_id}/rotate"): (ask(409, path=client, whose=CENTRAL),),
        ("intake", "POST", "/clients/{client_id}/end-old"): (ask(409, path=client, whose=CENTRAL),),
        ("intake", "POST", "/clients/{client_id}/door"): (
            ask(409, path=client, body={"disabled": "true"}, whose=CENTRAL),
        ),
        **_audit("intake"),
    }


def _routing() -> Asks:
    return {
        ("routing", "GET", "/api/v1/decisions/{report_id}"): (ask(200, path=_REPORT, whose=OWNER),),
        ("routing", "GET", "/api/v1/centers"): (ask(200),),
        ("routing", "GET", "/api/v1/centers/live"): (ask(200, whose=CENTRAL),),
        ("routing", "GET", "/api/v1/centers/live/stream"): (ask(200, whose=CENTRAL),),
        ("routing", "GET", "/"): (ask(200),),
        ("routing", "GET", "/live"): (ask(200, whose=CENTRAL),),
        ("routing", "GET", "/rule"): (ask(200),),
        ("routing", "GET", "/decisions"): (ask(303, query=_REPORT),),
        ("routing", "GET", "/decisions/{report_id}"): (ask(200, path=_REPORT, whose=OWNER),),
    }


def _analytics() -> Asks:
    return {
        ("analytics", "GET", "/api/v1/tables"): (ask(200),),
        ("analytics", "GET", "/api/v1/tables/{name}"): (ask(404, path={"name": "reports-by-center"}),),  # not released
        ("analytics", "GET", "/api/v1/tables/{name}/{file}"): (
            ask(404, path={"name": "reports-by-center", "file": "2026-11.csv"}),
        ),
        ("analytics", "GET", "/api/v1/dictionary"): (ask(200),),
        ("analytics", "GET", "/api/v1/releases"): (ask(200),),
        ("analytics", "GET", "/api/v1/releases/calendar"): (ask(200),),
        ("analytics", "GET", "/api/v1/observations"): (ask(200),),
        ("analytics", "GET", "/api/v1/export"): (ask(200),),
        ("analytics", "GET", "/api/v1/monthly/{file}"): (ask(404, path={"file": "2026-11.pdf"}),),
        ("analytics", "GET", "/api/v1/protection"): (ask(200),),
        ("analytics", "GET", "/api/v1/reconciliation"): (ask(200, whose=MINISTRY),),
        ("analytics", "GET", "/"): (ask(200),),
        ("analytics", "GET", "/centers"): (ask(200),),
        ("analytics", "GET", "/people"): (ask(200),),
        ("analytics", "GET", "/trends"): (ask(200),),
        ("analytics", "GET", "/sample"): (ask(200),),
        ("analytics", "GET", "/sample/centers"): (ask(200),),
        ("analytics", "GET", "/sample/people"): (ask(200),),
        ("analytics", "GET", "/sample/trends"): (ask(200),),
        ("analytics", "GET", "/sample/tables/{name}/{file}"): (
            ask(200, path={"name": "reports-by-center", "file": "2099-12.csv"}),
        ),
        ("analytics", "GET", "/sample/export.zip"): (ask(200),),
        ("analytics", "GET", "/sample/monthly/{file}"): (ask(404, path={"file": "2026-11.pdf"}),),
        ("analytics", "GET", "/dictionary"): (ask(200),),
        ("analytics", "GET", "/protection"): (ask(200),),
        ("analytics", "GET", "/operations"): (ask(200, whose=MINISTRY),),
        ("analytics", "GET", "/operations/dead/{name}"): (ask(200, path={"name": "reports"}, whose=MINISTRY),),
        ("analytics", "POST", "/operations/dead/{name}/redrive"): (
            ask(422, path={"name": "reports"}, body={"until": "0:0"}, whose=MINISTRY),  # not confirmed
        ),
        **_audit("analytics"),
    }


def _cases() -> Asks:
    # The centre that was asked reads the case as its own while it decides.
    readers = frozenset({OWNER, ASKED})
    of_owner = ask(200, query={"center": OWNER}, whose=OWNER)
    return {
        ("notify", "GET", "/api/v1/stream"): (ask(200), of_owner),
        ("notify", "GET", "/api/v1/cases"): (ask(200), of_owner),
        ("notify", "GET", "/api/v1/transfers"): (ask(200), of_owner),
        ("notify", "GET", "/api/v1/cases/{report_id}"): (ask(200, path=_REPORT, whose=readers),),
        ("notify", "GET", "/cases/{report_id}"): (ask(200, path=_REPORT, whose=readers),),
        ("notify", "GET", "/cases/{report_id}/details"): (
            ask(200, path=_REPORT, query={"ownership": "1", "purpose": "first_contact"}, whose=OWNER),
        ),
        **{
            ("notify", "POST", f"{start}/cases/{{report_id}}/{act}"): (
                ask(409, path={**_REPORT, "number": "1"}, whose=OWNER, body={"ownership": STALE, **given}),
            )
            for start in ("/api/v1", "")
            for act, given in (*_ACTS.items(), _details(start))
        },
        **{
            ("notify", "POST", f"{start}/cases/{{report_id}}/transfer/{answer}"): (
                # To whoever has no say in it, the offer that really waits; else it would be answered.
                ask(202, path=_REPORT, whose=ASKED, only=_NOT_ASKED, body={"offer_id": OFFER}),
                ask(409, path=_REPORT, whose=ASKED, only=frozenset({ASKED}), body={"offer_id": OLD}),
            )
            for start in ("/api/v1", "")
            for answer in ("accept", "decline")
        },
        **{
            ("notify", "POST", f"{start}/cases/{{report_id}}/transfer/recall"): (
                ask(409, path=_REPORT, whose=OWNER, body={"offer_id": OLD}),
            )
            for start in ("/api/v1", "")
        },
    }


def _details(start: str) -> tuple[str, dict[str, str]]:
    return ("details-ticket" if start else "details"), {"purpose": "first_contact"}


def _centers() -> Asks:
    # The same again changes nothing, and the centre that would be closed is closed already.
    same = {"state": "open", "staff_on_duty": STAFF_ON_DUTY}
    shut = {"state": "closed", "staff_on_duty": STAFF_ON_DUTY}
    own, other = {"center_id": OWNER}, {"center_id": STRANGER}
    closing = Action.CENTERS_CLOSE
    shift = {"rev": str(STALE), "subject": "s-somebody", "start": "09:00", "end": "18:00"}
    return {
        ("notify", "GET", "/api/v1/centers/{center_id}"): (
            ask(200, path=own, whose=OWNER),
            ask(200, path=other, whose=STRANGER),
        ),
        ("notify", "PUT", "/api/v1/centers/{center_id}/duty"): (
            ask(200, path=own, body=same, whose=OWNER),
            ask(200, path=other, body=shut, whose=STRANGER, demands=closing),
        ),
        ("notify", "POST", "/centers/{center_id}/duty"): (
            ask(303, path=own, body=same, whose=OWNER),
            ask(303, path=other, body=shut, whose=STRANGER, demands=closing),
        ),
        ("notify", "GET", "/"): (
            ask(200, 303),
            ask(200, query={"center": OWNER}, whose=OWNER, demands=Action.CASES_LIST),
        ),
        ("notify", "POST", "/search"): (ask(404, body={"alias": "nobody"}),),
        ("notify", "GET", "/team/{center_id}"): (ask(200, path=own, whose=OWNER),),
        ("notify", "GET", "/team/{center_id}/hand-over"): (ask(200, path=own, whose=OWNER),),
        ("notify", "GET", "/team/{center_id}/numbers"): (ask(200, path=own, whose=OWNER),),
        ("notify", "POST", "/team/{center_id}/shifts"): (ask(409, path=own, body=shift, whose=OWNER),),
        ("notify", "POST", "/team/{center_id}/shifts/{index}/remove"): (
            ask(409, path={**own, "index": "0"}, body=shift, whose=OWNER),
        ),
        ("notify", "GET", "/drills"): (ask(200),),
        # No front end's credential for drills is set there, so that none begins.
        ("notify", "POST", "/drills"): (ask(409, body={"center_id": OWNER}, whose=OWNER),),
        ("notify", "POST", "/dead/read"): (ask(303, body={"origin": "none", "letter": 0}, whose=CENTRAL),),
    }


def _accounts() -> Asks:
    wrong = {"account": "nobody", "password": "a wrong sentence", "code": "000000"}
    one = {"subject": ACCOUNT}
    name = {"name": "x", "display": "x", "organisation": OWNER, "roles": "counsellor"}
    changes = tuple(
        ask(
            409,
            path={**one, "change": change},
            body={"changes": str(STALE), "roles": "lead", "reason": reason},
            whose=OWNER,
        )
        # Somebody is disabled whatever was seen: only a reason that is none keeps it from being done.
        for change, reason in (("roles", "left"), ("disable", "none"), ("enable", "left"), ("reset", "left"))
    )
    return {
        ("identity", "GET", "/api/v1/identity/keys"): (ask(200),),
        ("identity", "GET", "/api/v1/identity/staff"): (ask(200),),
        # Whoever gives nothing right is told so, signed in or not, and later to wait.
        ("identity", "POST", "/api/v1/sign-in"): (ask(401, 429, body=wrong),),
        ("identity", "POST", "/api/v1/session/renew"): (ask(401, body={"session": "none"}),),
        ("identity", "POST", "/api/v1/session/end"): (ask(200),),
        ("identity", "POST", "/api/v1/session/end-everywhere"): (ask(200),),
        ("identity", "GET", "/session"): (ask(200),),
        ("identity", "POST", "/session"): (ask(401, 429, body=wrong),),
        # At an address where browsers make no passkeys, and of who was not led there.
        ("identity", "POST", "/session/passkey/options"): (ask(404),),
        ("identity", "GET", "/session/confirm"): (ask(303),),
        ("identity", "POST", "/session/confirm"): (ask(303, body={"code": "000000"}),),
        ("identity", "POST", "/session/confirm/options"): (ask(404),),
        ("identity", "POST", "/api/v1/session/confirm"): (ask(401, body={"session": "none", "code": "000000"}),),
        ("identity", "GET", "/session/passkey"): (ask(403),),
        ("identity", "POST", "/session/passkey/new"): (ask(403),),
        ("identity", "POST", "/session/passkey"): (ask(403, body={"name": "x"}),),
        ("identity", "GET", "/session/end"): (ask(200),),
        ("identity", "POST", "/session/end"): (ask(303),),
        ("identity", "GET", "/invitation"): (ask(200),),
        ("identity", "POST", "/invitation"): (ask(403, 429, body={"invitation": "aaaa-bbbb"}),),
        ("identity", "GET", "/account"): (ask(200),),
        ("identity", "POST", "/account/password"): (ask(422, body={"password": "one sentence", "again": "another"}),),
        ("identity", "POST", "/account/recovery-codes"): (
            ask(422, 429, body={"current": "wrong", "digits": "000000"}),
        ),
        ("identity", "GET", "/account/passkeys/new"): (ask(200),),
        ("identity", "POST", "/account/passkeys/new"): (ask(409),),
        ("identity", "POST", "/account/passkeys"): (
            ask(422, 429, body={"name": "x", "current": "wrong", "digits": "000000"}),
        ),
        ("identity", "GET", "/account/passkeys/{key}/remove"): (ask(404, path={"key": "00"}),),
        ("identity", "POST", "/account/passkeys/{key}/remove"): (ask(404, path={"key": "00"}, body={}),),
        ("identity", "POST", "/account/end-everywhere"): (ask(303),),
        ("identity", "GET", "/account/mail"): (ask(200),),
        ("identity", "POST", "/account/mail"): (
            ask(422, 429, body={"mail": "", "current": "wrong", "digits": "000000"}),
        ),
        ("identity", "GET", "/account/sessions"): (ask(200),),
        ("identity", "POST", "/account/sessions/end"): (ask(303),),
        ("identity", "POST", "/account/sessions/{session}/end"): (ask(303, path={"session": "none"}),),
        ("identity", "GET", "/accounts/{subject}/sessions"): (ask(200, path=one, whose=OWNER),),
        ("identity", "POST", "/accounts/{subject}/sessions/end"): (ask(303, path=one, whose=OWNER),),
        ("identity", "POST", "/accounts/{subject}/sessions/{session}/end"): (
            ask(303, path={**one, "session": "none"}, whose=OWNER),
        ),
        ("identity", "GET", "/accounts"): (ask(200), ask(200, query={"organisation": OWNER}, whose=OWNER)),
        ("identity", "GET", "/accounts/new"): (ask(200),),
        ("identity", "POST", "/accounts/new"): (ask(422, body=name, whose=OWNER),),
        ("identity", "GET", "/accounts/{subject}"): (ask(200, path=one, whose=OWNER),),
        ("identity", "POST", "/accounts/{subject}/{change}"): changes,
        ("identity", "GET", "/releases"): (ask(200),),
        ("identity", "POST", "/releases/{subject}"): (ask(409, path=one, body={"changes": str(STALE)}, whose=OWNER),),
    }


ASKS: Final[Asks] = {
    **_intake(),
    **_routing(),
    **_analytics(),
    **_cases(),
    **_centers(),
    **_accounts(),
    **_audit("notify"),
    **_audit("identity"),
    **{
        key: asks
        for service in ("intake", "routing", "notify", "analytics", "identity")
        for key, asks in _open_pages(service).items()
    },
}
