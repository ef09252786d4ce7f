//! Networks of real nodes.
