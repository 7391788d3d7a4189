"""Every operation of the API once through the Python client."""

import pytest

from ieum_client import Client, RefusedError, new_idempotency_key
from ieum_client.models import Submission

LEAST: Submission = {"role": "victim", "harm_types": ["other"], "synthetic": True}


def every_operation(url: str, credential: str) -> str:
    """The id of the report that was made first. Raises AssertionError."""
    with Client(url, credential, language="en") as ieum:
        key = new_idempotency_key()
        accepted = ieum.submit_report(LEAST, idempotency_key=key)
        receipt = accepted.receipt
        assert ieum.submit_report(LEAST, idempotency_key=key) == accepted
        assert ieum.get_report_status(receipt, visitor="v1").state == "received"
        key = new_idempotency_key()
        left = ieum.leave_message(receipt, "drill", idempotency_key=key)
        assert left.number == 1
        assert ieum.leave_message(receipt, "drill", idempotency_key=key) == left
        assert ieum.amend_report(receipt, {"still_spreading": True}, idempotency_key=new_idempotency_key()).number == 1
        assert ieum.read_answers(receipt).answers == []
        assert ieum.set_word(receipt, word="correct horse").word_from
        assert ieum.cancel_word(receipt).word_from is None
        # Sent again after a lost answer, these are answered as the first time.
        assert [ieum.withdraw_report(receipt).state for _ in range(2)] == ["withdrawn", "withdrawn"]
        assert [ieum.reinstate_report(receipt).state for _ in range(2)] == ["received", "received"]

        made = ieum.submit_report(
            {**LEAST, "role": "representative", "on_behalf": {"relation": "sibling"}},
            idempotency_key=new_idempotency_key(),
        )
        ieum.offer_hand_over(made.receipt)
        assert ieum.cancel_hand_over(made.receipt).hand_over_until is None
        code = ieum.offer_hand_over(made.receipt).code
        taken = ieum.take_over_report(code, i_am_the_person=True, idempotency_key=new_idempotency_key())
        assert taken.receipt != made.receipt
        assert ieum.get_proof_key().algorithm == "Ed25519"
        assert ieum.rate_limit is not None
        assert ieum.rate_limit.remaining < ieum.rate_limit.limit
        with pytest.raises(RefusedError) as refused:
            ieum.submit_report({**LEAST, "harm_types": []}, idempotency_key=new_idempotency_key())
        assert (refused.value.code, refused.value.errors[0].field) == ("invalid", "harm_types")
        return accepted.report_id
