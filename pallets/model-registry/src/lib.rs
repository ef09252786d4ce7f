//! Models, their commitments, lineage, owners, royalties and posted prices.
