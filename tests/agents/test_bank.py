import pytest

from agents.bank import Bank, UnknownCase


@pytest.fixture
def bank():
    with Bank() as bank:
        yield bank


def test_sarah(bank):
    assert bank.verify("12345678", "112233") == "Sarah Jones"
    assert bank.balance("12345678", "112233") == 1200.0
    entries = bank.transactions("12345678", "112233")
    assert len({entry["date"][:7] for entry in entries}) >= 3
    assert [e["date"] for e in entries] == sorted((e["date"] for e in entries), reverse=True)


def test_strangers(bank):
    assert bank.verify("12345678", "000000") is None
    assert bank.balance("00000000", "112233") is None
    assert bank.transactions("12345678", "' or 1=1 --") == []


def test_branches(bank):
    assert [b["town"] for b in bank.branches("near leeds please")] == ["Leeds"]
    assert bank.branches("Atlantis") == []


def test_disputes(bank):
    case = bank.open_dispute("12345678", "Acme", 9.99, "not me")
    bank.update_dispute(case, "closed", "refunded")
    with pytest.raises(UnknownCase):
        bank.update_dispute("D7", "closed", "")


def test_a_file_is_seeded_once(tmp_path):
    for _ in range(2):
        with Bank(tmp_path / "bank.db") as bank:
            assert len(bank.transactions("12345678", "112233")) == 14
