"""What the bank's tools do: each a function from checked input to a result."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from agents.toolbox import Execute, content

if TYPE_CHECKING:
    from agents.bank import Bank

Input = Mapping[str, Any]

INCOME_MULTIPLE = 4.5  # what British lenders commonly offer
RATES = ((60, "two year fixed mortgage", 4.09), (75, "two year fixed mortgage", 4.35), (95, "two year fixed", 5.1))


def executors(bank: Bank) -> dict[str, Execute]:
    """Bind the tools to a bank."""

    def perform_idv_check(given: Input) -> object:
        account, sort_code = given["accountNumber"], given["sortCode"]
        name = bank.verify(account, sort_code)
        if name is None:
            return content({"auth_status": "FAILED", "message": "Account number and sort code do not match."})
        known = {"customer_name": name, "account": account, "sortCode": sort_code, "account_status": "OPEN"}
        return content({"auth_status": "VERIFIED"} | known)

    def agentcore_balance(given: Input) -> object:
        balance = bank.balance(given["accountNumber"], given["sortCode"])
        if balance is None:
            return content({"error": "Account not found"})
        return content({"account": given["accountNumber"], "balance": balance, "currency": "GBP"})

    def get_account_transactions(given: Input) -> object:
        return content({"transactions": bank.transactions(given["accountNumber"], given["sortCode"])})

    def uk_branch_lookup(given: Input) -> object:
        return content({"branches": bank.branches(given["location"])})

    def create_dispute_case(given: Input) -> object:
        case = bank.open_dispute(
            given["accountNumber"], given["merchantName"], given["transactionAmount"], given["disputeReason"]
        )
        return content({"caseId": case, "status": "open"})

    def update_dispute_case(given: Input) -> object:
        bank.update_dispute(given["caseId"], given["status"], given["additionalDetails"])
        return content({"caseId": given["caseId"], "status": given["status"]})

    return {
        "perform_idv_check": perform_idv_check,
        "agentcore_balance": agentcore_balance,
        "get_account_transactions": get_account_transactions,
        "uk_branch_lookup": uk_branch_lookup,
        "create_dispute_case": create_dispute_case,
        "update_dispute_case": update_dispute_case,
        "get_server_time": get_server_time,
        "calculate_max_loan": calculate_max_loan,
        "get_mortgage_rates": get_mortgage_rates,
    }


def get_server_time(given: Input) -> object:
    """Tell the time in a zone, Britain's unless another is named. Raises ValueError for an unknown zone."""
    try:
        zone = ZoneInfo(given.get("timezone") or "Europe/London")
    except (KeyError, OSError) as error:
        raise ValueError("unknown time zone") from error
    return content({"time": datetime.now(zone).isoformat(timespec="seconds"), "timezone": zone.key})


def calculate_max_loan(given: Input) -> object:
    """Multiply the income, as lenders do."""
    return content({"max_loan": round(given["total_annual_income"] * INCOME_MULTIPLE, 2), "currency": "GBP"})


def get_mortgage_rates(given: Input) -> object:
    """List the products that lend as much of the price as is asked."""
    rates = [{"name": name, "rate": rate, "max_ltv": ltv} for ltv, name, rate in RATES if ltv >= given["ltv"]]
    return content({"rates": rates, "term_years": given["term_years"]})
