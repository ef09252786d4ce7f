//! JSON-RPC of the node: the stock methods and Lantern's own.

pub mod depin;

use std::sync::Arc;

use jsonrpsee::RpcModule;
use sc_rpc::{statement::StatementApiServer, SubscriptionTaskExecutor};
use sc_statement_store::Store as StatementStore;

use crate::{
    provider::ProviderHandle,
    service::{FullBackend, FullClient, Pool},
};

/// What the RPC methods need.
pub struct FullDeps {
    /// The client.
    pub client: Arc<FullClient>,
    /// The transaction pool.
    pub pool: Arc<Pool>,
    /// The database.
    pub backend: Arc<FullBackend>,
    /// The statement store.
    pub statements: Arc<StatementStore>,
    /// The provider task, on nodes that run one.
    pub provider: Option<ProviderHandle>,
    /// Runs subscriptions.
    pub executor: SubscriptionTaskExecutor,
}

/// All RPC methods of this node beside those that every Substrate node has.
///
/// # Errors
/// When two modules name the same method.
pub fn create_full(deps: FullDeps) -> Result<RpcModule<()>, Box<dyn std::error::Error + Send + Sync>> {
    use pallet_transaction_payment_rpc::{TransactionPayment, TransactionPaymentApiServer};
    use substrate_frame_rpc_system::{System, SystemApiServer};

    let FullDeps {
        client,
        pool,
        backend,
        statements,
        provider,
        executor,
    } = deps;
    let mut module = RpcModule::new(());
    module.merge(System::new(client.clone(), pool).into_rpc())?;
    module.merge(TransactionPayment::new(client.clone()).into_rpc())?;
    module.merge(sc_rpc::statement::StatementStore::new(statements, executor.clone()).into_rpc())?;
    module.merge(depin::module(client, backend, provider, executor)?)?;
    Ok(module)
}
