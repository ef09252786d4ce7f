"""Checks a job's receipt as `lantern --json job receipt` prints it: check_receipt.py FILE MOST_BLOCKS.

Fails when the job was committed later than MOST_BLOCKS after its submission, or when the books do not balance to the last unit.
"""
import json
import sys

with open(sys.argv[1]) as file:
    receipt = json.load(file)
most = int(sys.argv[2])
timeline, split, books = receipt["timeline"], receipt["split"], receipt["books"]
blocks = timeline["committed"] - timeline["submitted"]

fee = int(receipt["fee"])
escrow, refund = int(receipt["escrow"]), int(receipt["refund"])
parts = [int(split[name]["amount"]) for name in ("provider", "modelOwner", "auditPool", "treasury")] + [int(split["burned"])]
assert sum(parts) == fee, f"parts {parts} do not sum to the fee {fee}"
assert fee + refund == escrow, f"fee {fee} and refund {refund} do not sum to the escrow {escrow}"
assert books["balanced"], f"books do not balance: {books['problems']}"
assert int(books["sumOfChanges"]) == int(books["issuanceChange"]), "accounts and issuance changed by different sums"
assert int(books["issuanceByThisJob"]) == -int(split["burned"]), "the job changed issuance by something else than what it burned"
assert blocks <= most, f"committed {blocks} blocks after its submission, more than {most}"
print(
    f"job {receipt['job']}: committed after {blocks} blocks; {' + '.join(map(str, parts))} = {fee}; "
    f"{fee} + {refund} refunded = {escrow} escrowed; issuance {books['issuanceByThisJob']} by this job"
)
