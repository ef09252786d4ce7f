//! The verification window and the seams for audits and challenges.
