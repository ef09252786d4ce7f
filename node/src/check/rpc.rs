//! Whether strangers reach what only the operator should.

use sc_cli::RpcMethods;

use super::{Finding, Found, Setup};
use crate::faults::Fault;

/// Looks at the flags of JSON-RPC.
pub fn exposure(setup: &Setup<'_>) -> Vec<Finding> {
    let params = &setup.run.rpc_params;
    let external = params.rpc_external
        || params.unsafe_rpc_external
        || params
            .experimental_rpc_endpoint
            .iter()
            .any(|endpoint| !endpoint.listen_addr.ip().is_loopback());
    let methods_unsafe = params.rpc_methods == RpcMethods::Unsafe
        || params
            .experimental_rpc_endpoint
            .iter()
            .any(|endpoint| endpoint.rpc_methods == RpcMethods::Unsafe);
    vec![Finding::new(
        "JSON-RPC",
        judge(external, methods_unsafe, setup.authority || setup.provider.provider),
    )]
}

fn judge(external: bool, methods_unsafe: bool, holds_keys: bool) -> Found {
    match (external, methods_unsafe, holds_keys) {
        (true, true, _) => Found::Warn(Fault::new(
            "everybody who reaches this machine may call every method, and so insert and rotate keys (--rpc-external with --rpc-methods \
             unsafe)",
            "use --rpc-methods safe, and call unsafe methods on the machine itself, through SSH",
        )),
        (true, false, true) => Found::Warn(Fault::new(
            "a validator's or provider's JSON-RPC is open to others",
            "run a node of its own for RPC, without keys (docs/operations.md, RPC for others)",
        )),
        (true, false, false) => Found::Ok("open to others, safe methods only".into()),
        (false, _, _) => Found::Ok("for this machine only".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_methods_for_strangers_are_warned_of() {
        assert!(matches!(judge(true, true, false), Found::Warn(fault) if fault.remedy.contains("--rpc-methods safe")));
        assert!(matches!(judge(true, false, true), Found::Warn(_)));
        assert!(matches!(judge(true, false, false), Found::Ok(_)));
        assert!(matches!(judge(false, true, true), Found::Ok(_)));
    }
}
