//! Issuance curve, budgets, accumulators and claims.
