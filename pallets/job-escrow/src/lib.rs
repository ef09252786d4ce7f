//! Job life cycle, escrow, deadlines and settlement.
