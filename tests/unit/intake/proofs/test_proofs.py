import base64
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from services.intake.proofs import cli as verify_proof
from services.intake.proofs import rules as proof_rules
from services.intake.proofs.rules import ProofSigner, ProofStatement

STATED = ProofStatement(receipt_mark="aa" * 32, received_at="2026-11-24T12:00:00.000Z", content_mark="bb" * 32)
SIGNER, OTHER = ProofSigner(b"s" * 32), ProofSigner(b"o" * 32)
PROOF = SIGNER.sign(STATED)


def published(signer: ProofSigner) -> dict[str, str]:
    key = base64.urlsafe_b64encode(signer.public_key).rstrip(b"=").decode()
    return {"kid": signer.key_id, "algorithm": "Ed25519", "public_key": key}


def check(folder: Path, text: str, key: object) -> int:
    (folder / "proof.txt").write_text(text, encoding="utf-8")
    (folder / "key.json").write_text(json.dumps(key), encoding="utf-8")
    return verify_proof.main(folder / "proof.txt", folder / "key.json")


def test_a_real_proof_is_told_alone_or_in_a_saved_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    half = len(PROOF) // 2
    for text in (PROOF, f"<p>접수 증명: <code>{PROOF}</code></p>", f"{PROOF[:half]}\n   {PROOF[half:]}\n"):
        assert check(tmp_path, text, published(SIGNER)) == 0
    said = capsys.readouterr().out
    assert "2026-11-24 21:00:00 Asia/Seoul" in said
    assert "진짜 접수 증명입니다" in said
    assert "This proof is real" in said


def test_of_several_keys_one_is_enough(tmp_path: Path) -> None:
    assert check(tmp_path, PROOF, [published(OTHER), published(SIGNER)]) == 0


def test_every_changed_character_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    header, payload, signature = PROOF.split(".")
    later = ProofSigner(b"s" * 32)
    forged = json.loads(base64.urlsafe_b64decode(payload + "=="))
    forged["received_at"] = "2025-01-01T00:00:00.000Z"
    other = base64.urlsafe_b64encode(json.dumps(forged).encode()).rstrip(b"=").decode()
    for text in (f"{header}.{other}.{signature}", OTHER.sign(STATED), "", "no proof", f"{header}.{payload}.{'A' * 86}"):
        assert check(tmp_path, text, published(later)) == 1, text
    assert "not a proof of ours" in capsys.readouterr().out


@pytest.mark.parametrize("key", [{}, [], {"public_key": "AAAA"}, "text", {"public_key": 5}])
def test_a_file_that_is_no_key_is_said_to_be_none(tmp_path: Path, key: object) -> None:
    assert check(tmp_path, PROOF, key) == 2


def test_a_missing_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify_proof.main(tmp_path / "none", tmp_path / "none") == 2
    assert "none" in capsys.readouterr().err


def test_the_command_needs_no_network_no_settings_and_no_store(tmp_path: Path) -> None:
    (tmp_path / "p").write_text(PROOF)
    (tmp_path / "k").write_text(json.dumps(published(SIGNER)))
    code = (
        "import sys\n"
        "def watch(event, _):\n"
        "    if event in {'socket.connect', 'socket.getaddrinfo', 'socket.sendto'}: raise SystemExit(event)\n"
        "sys.addaudithook(watch)\n"
        "from tools.command import main\n"
        f"sys.exit(main(['proof', {str(tmp_path / 'p')!r}, '--key', {str(tmp_path / 'k')!r}]))"
    )
    command, root = [sys.executable, "-c", code], Path(__file__).parents[4]
    done = subprocess.run(command, cwd=root, env={}, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_what_is_looked_for_is_bounded() -> None:
    assert proof_rules.proof_in("eyJ" + "A" * 100_000 + ".") is None


@pytest.mark.parametrize("unit", ["eyJ" * 100 + ".", "eyJ" * 100 + "." + "eyJ" * 200 + "." + "eyJ" * 29 + "x" * 6])
def test_no_text_is_looked_through_from_each_of_its_braces(unit: str) -> None:
    """A form of 64 KB kept intake busy for 60 ms, and everybody may send it."""
    text, began = unit * (64_000 // len(unit)), time.process_time()
    assert proof_rules.proof_in(text) is None
    assert time.process_time() - began < 0.02


def test_a_proof_is_found_behind_whatever_is_glued_to_it() -> None:
    for around in ("proof:{}", "a.b.{}.c", "eyJeyJ.{}", "ab{}\n", " {} "):
        assert proof_rules.proof_in(around.format(PROOF)) == PROOF
    assert proof_rules.proof_in(PROOF + "A") is None
    assert proof_rules.proof_in("\n".join(PROOF[begin : begin + 60] for begin in range(0, len(PROOF), 60))) == PROOF
