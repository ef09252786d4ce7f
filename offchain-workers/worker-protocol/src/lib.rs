//! Messages between the node and the worker process.
