import re

from hypothesis import given
from hypothesis import strategies as st

from services.intake.encryption.keys import IntakeKeys, KeyedDigests
from services.intake.proofs import rules as proof_rules
from services.intake.proofs.rules import ProofSigner, ProofStatement
from services.intake.submissions import rules
from services.intake.submissions.models import Contact, Submission
from shared.events.vocabulary import HarmType, Role
from tests.support.keys import issuer

KEYS = KeyedDigests(b"k" * 32)
OTHER_KEYS = KeyedDigests(b"o" * 32)
SIGNER = ProofSigner(b"s" * 32)
STATEMENT = ProofStatement(receipt_mark="ab", received_at="2026-11-24T12:00:00.000Z", content_mark="cd")
UUID = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")


@given(st.text(min_size=1, max_size=40), st.text(min_size=8, max_size=40))
def test_an_id_is_the_same_for_the_same_key_and_another_otherwise(front_end: str, key: str) -> None:
    report_id = rules.report_id_for(KEYS, front_end, key)
    assert UUID.match(report_id)
    assert report_id == rules.report_id_for(KEYS, front_end, key)
    others = {
        rules.report_id_for(KEYS, front_end + "x", key),
        rules.report_id_for(KEYS, front_end, key + "x"),
        rules.report_id_for(OTHER_KEYS, front_end, key),
        rules.report_id_for(KEYS, front_end + key[0], key[1:]),
    }
    assert report_id not in others


def digest_of(report: Submission) -> str:
    return rules.content_digest(rules.content_of(report))


def test_what_is_stored_of_a_receipt_is_not_what_a_proof_shows() -> None:
    keys = IntakeKeys(b"k" * 32)
    stored, shown = issuer(keys).hashes("1" * 16), proof_rules.mark_of(keys.lasting, "1" * 16)
    assert shown not in stored
    assert "1" * 16 not in "".join([*stored, shown])


def test_a_proof_does_not_let_its_reader_try_out_contents() -> None:
    report = Submission(role=Role.VICTIM, harm_types=(HarmType.OTHER,))
    digest = digest_of(report)
    mark = proof_rules.content_mark(KEYS, digest)
    assert mark == proof_rules.content_mark(KEYS, digest)
    assert mark not in {digest, rules.content_mac(KEYS, digest), proof_rules.content_mark(OTHER_KEYS, digest)}


def test_the_content_digest_sees_every_change_and_no_order() -> None:
    one = Submission(role=Role.VICTIM, harm_types=(HarmType.OTHER,), narrative="a")
    same = Submission.model_validate_json('{"narrative": "a", "harm_types": ["other"], "role": "victim"}')
    other = one.model_copy(update={"narrative": "b"})
    assert digest_of(one) == rules.content_digest(rules.content_of(same))
    assert digest_of(one) != rules.content_digest(rules.content_of(other))
    assert rules.content_mac(KEYS, "x") != rules.content_mac(OTHER_KEYS, "x")


class _LaterContact(Contact):
    best_day: str | None = None


class _LaterSubmission(Submission):
    new_question: bool | None = None
    contact: _LaterContact = _LaterContact()


def test_the_word_and_what_it_guards_are_no_content() -> None:
    bare = Submission.model_validate_json('{"role": "victim", "harm_types": ["other"]}')
    word = bare.model_copy(update={"word": "rain coat", "word_for_status": True})
    assert digest_of(word) == digest_of(bare)


def test_a_new_optional_field_does_not_change_the_digest_of_a_report_without_it() -> None:
    sent = (
        '{"role": "victim", "harm_types": ["other"], "narrative": "a", "still_spreading": false,'
        ' "contact": {"channels": ["text"], "phone": "010-0000-0000"}, "consents": {"version": "2026-11"}}'
    )
    now = digest_of(Submission.model_validate_json(sent))
    later = _LaterSubmission.model_validate_json(sent)
    assert digest_of(later) == now
    assert digest_of(later.model_copy(update={"new_question": False})) != now
    moved = later.model_copy(update={"contact": later.contact.model_copy(update={"best_day": "월요일"})})
    assert digest_of(moved) != now


def test_the_digest_tells_no_from_not_answered() -> None:
    one = Submission(role=Role.VICTIM, harm_types=(HarmType.OTHER,))
    said = one.model_copy(update={"threatened": False})
    assert digest_of(one) != rules.content_digest(rules.content_of(said))


def test_a_proof_says_what_was_signed_and_nothing_else() -> None:
    proof = SIGNER.sign(STATEMENT)
    assert proof_rules.verify_proof(proof, SIGNER.public_key) == STATEMENT
    assert proof == SIGNER.sign(STATEMENT)
    assert proof_rules.verify_proof(proof, ProofSigner(b"x" * 32).public_key) is None


@given(st.data())
def test_a_changed_proof_proves_nothing(data: st.DataObject) -> None:
    proof = SIGNER.sign(STATEMENT)
    position = data.draw(st.integers(0, len(proof) - 2))
    sign = data.draw(st.sampled_from("Aa0_.-"))
    changed = proof[:position] + sign + proof[position + 1 :]
    assert changed == proof or proof_rules.verify_proof(changed, SIGNER.public_key) is None


@given(st.text(max_size=100))
def test_nonsense_proves_nothing(text: str) -> None:
    assert proof_rules.verify_proof(text, SIGNER.public_key) is None
