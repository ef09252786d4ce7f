//! Assembly of the node from the SDK's parts.

use std::{path::Path, sync::Arc, time::Duration};

use futures::{FutureExt, StreamExt};
use lantern_runtime::{apis::RuntimeApi, opaque::Block};
use sc_client_api::{Backend, BlockBackend};
use sc_consensus_babe::{BabeBlockImport, BabeLink, BabeWorkerHandle, SlotProportion};
use sc_consensus_grandpa::SharedVoterState;
use sc_network::NetworkBackend;
use sc_service::{
    error::Error as ServiceError, Configuration, PartialComponents, TFullBackend, TFullClient, TaskManager,
    WarpSyncConfig,
};
use sc_statement_store::Store as StatementStore;
use sc_telemetry::{Telemetry, TelemetryWorker};
use sc_transaction_pool::TransactionPoolHandle;
use sc_transaction_pool_api::OffchainTransactionPoolFactory;
use sp_blockchain::HeaderBackend;
use sp_runtime::traits::Block as BlockT;

use crate::{
    check::{self, SpaceParams},
    provider::{self, ProviderParams},
    rpc,
    seal::{Sealed, Unsealed},
    watch,
};

/// Host functions that the runtime may call: those of every Substrate node.
pub type HostFunctions = (
    sp_io::SubstrateHostFunctions,
    sp_statement_store::runtime_api::HostFunctions,
);
/// Executes the runtime's wasm.
pub type Executor = sc_executor::WasmExecutor<HostFunctions>;
/// The client.
pub type FullClient = TFullClient<Block, RuntimeApi, Executor>;
/// The database.
pub type FullBackend = TFullBackend<Block>;
/// The transaction pool.
pub type Pool = TransactionPoolHandle<Block, FullClient>;

type SelectChain = sc_consensus::LongestChain<FullBackend, Block>;
type GrandpaBlockImport = sc_consensus_grandpa::GrandpaBlockImport<FullBackend, Block, FullClient, SelectChain>;
type GrandpaLink = sc_consensus_grandpa::LinkHalf<Block, FullClient, SelectChain>;
type InherentProviders = sp_consensus_babe::inherents::BabeCreateInherentDataProviders<Block>;
type BlockImport =
    Sealed<BabeBlockImport<Block, FullClient, Unsealed<GrandpaBlockImport>, InherentProviders, SelectChain>>;

/// How many blocks may pass between two stored GRANDPA justifications.
const JUSTIFICATION_PERIOD: u32 = 512;

/// The slot and the time of a block, from the system's clock.
fn inherents(slot_duration: sp_consensus_babe::SlotDuration) -> InherentProviders {
    Arc::new(move |_, ()| async move {
        let timestamp = sp_timestamp::InherentDataProvider::from_system_time();
        let slot = sp_consensus_babe::inherents::InherentDataProvider::from_timestamp_and_slot_duration(
            *timestamp,
            slot_duration,
        );
        Ok((slot, timestamp))
    })
}

/// What a subcommand or the node starts from.
pub type Service =
    PartialComponents<FullClient, FullBackend, SelectChain, sc_consensus::DefaultImportQueue<Block>, Pool, Consensus>;

/// Consensus parts made together with the client.
pub struct Consensus {
    block_import: BlockImport,
    babe_link: BabeLink<Block>,
    babe_worker: BabeWorkerHandle<Block>,
    grandpa_link: GrandpaLink,
    statements: Arc<StatementStore>,
    telemetry: Option<Telemetry>,
}

/// Opens the database and makes client, transaction pool and import queue.
///
/// # Errors
/// When the database, the keystore or the runtime cannot be opened.
pub fn new_partial(config: &Configuration) -> Result<Service, ServiceError> {
    let telemetry = config
        .telemetry_endpoints
        .clone()
        .filter(|endpoints| !endpoints.is_empty())
        .map(|endpoints| -> Result<_, sc_telemetry::Error> {
            let worker = TelemetryWorker::new(16)?;
            let telemetry = worker.handle().new_telemetry(endpoints);
            Ok((worker, telemetry))
        })
        .transpose()?;
    let executor = sc_service::new_wasm_executor::<HostFunctions>(&config.executor);
    let genesis = check::chain::genesis(&*config.chain_spec, &executor)?;
    let backend = sc_service::new_db_backend::<Block>(config.db_config())?;
    if let Some(path) = config.database.path() {
        check::database::opened(path);
    }
    // The SDK would go on with the database's chain under the other specification's name.
    let stored = backend.blockchain().info().genesis_hash;
    if stored != Default::default() && stored != genesis.hash {
        let place = config
            .database
            .path()
            .unwrap_or(&config.data_path)
            .display()
            .to_string();
        return Err(check::database::other_chain(&place, stored, genesis.hash).into());
    }
    let genesis = sc_service::GenesisBlockBuilder::new_with_storage(
        genesis.storage,
        !config.no_genesis(),
        backend.clone(),
        executor.clone(),
    )?;
    let (client, backend, keystore_container, task_manager) =
        sc_service::new_full_parts_with_genesis_builder::<Block, RuntimeApi, _, _>(
            config,
            telemetry.as_ref().map(|(_, telemetry)| telemetry.handle()),
            executor,
            backend,
            genesis,
            false,
        )?;
    let client = Arc::new(client);
    let telemetry = telemetry.map(|(worker, telemetry)| {
        task_manager.spawn_handle().spawn("telemetry", None, worker.run());
        telemetry
    });
    let select_chain = SelectChain::new(backend.clone());
    let transaction_pool = Arc::from(
        sc_transaction_pool::Builder::new(
            task_manager.spawn_essential_handle(),
            client.clone(),
            config.role.is_authority().into(),
        )
        .with_options(config.transaction_pool.clone())
        .with_prometheus(config.prometheus_registry())
        .build(),
    );

    let (grandpa_import, grandpa_link) = sc_consensus_grandpa::block_import(
        client.clone(),
        JUSTIFICATION_PERIOD,
        &client,
        select_chain.clone(),
        telemetry.as_ref().map(Telemetry::handle),
    )?;
    let babe_config = sc_consensus_babe::configuration(&*client)?;
    let slot_duration = babe_config.slot_duration();
    let (block_import, babe_link) = sc_consensus_babe::block_import(
        babe_config,
        Unsealed(grandpa_import.clone()),
        client.clone(),
        inherents(slot_duration),
        select_chain.clone(),
        OffchainTransactionPoolFactory::new(Arc::clone(&transaction_pool)),
    )?;
    let block_import = Sealed(block_import);
    let (import_queue, babe_worker) = sc_consensus_babe::import_queue(sc_consensus_babe::ImportQueueParams {
        link: babe_link.clone(),
        block_import: block_import.clone(),
        justification_import: Some(Box::new(grandpa_import)),
        client: client.clone(),
        slot_duration,
        spawner: &task_manager.spawn_essential_handle(),
        registry: config.prometheus_registry(),
        telemetry: telemetry.as_ref().map(Telemetry::handle),
    })?;
    let statements = StatementStore::new_shared(
        &config.data_path,
        Default::default(),
        client.clone(),
        keystore_container.local_keystore(),
        config.prometheus_registry(),
        Box::new(task_manager.spawn_handle()),
    )
    .map_err(|error| ServiceError::Other(format!("cannot open the statement store: {error:?}")))?;

    Ok(PartialComponents {
        client,
        backend,
        task_manager,
        import_queue,
        keystore_container,
        select_chain,
        transaction_pool,
        other: Consensus {
            block_import,
            babe_link,
            babe_worker,
            grandpa_link,
            statements,
            telemetry,
        },
    })
}

/// Starts a full node with everything it was configured to do.
///
/// # Errors
/// When a part cannot be made; parts already started end with the task manager.
pub fn new_full<Net>(
    config: Configuration,
    provider_params: ProviderParams,
    space: SpaceParams,
) -> Result<TaskManager, ServiceError>
where
    Net: NetworkBackend<Block, <Block as BlockT>::Hash>,
{
    let PartialComponents {
        client,
        backend,
        mut task_manager,
        import_queue,
        keystore_container,
        select_chain,
        transaction_pool,
        other:
            Consensus {
                block_import,
                babe_link,
                babe_worker,
                grandpa_link,
                statements,
                mut telemetry,
            },
    } = new_partial(&config)?;

    let slot_duration = babe_link.config().slot_duration();
    watch::newest_block(&client, slot_duration.as_millis());
    task_manager.spawn_essential_handle().spawn_blocking(
        "storage-watch",
        None,
        watch::storage(backend.clone(), config.data_path.clone(), space),
    );

    // BABE's worker answers requests for its epochs; it is essential and ends with its last handle.
    task_manager.keep_alive(babe_worker);

    let genesis_hash = client
        .block_hash(0)?
        .ok_or(ServiceError::Other("the database has no genesis block".into()))?;
    let metrics = Net::register_notification_metrics(config.prometheus_registry());
    let mut net_config = sc_network::config::FullNetworkConfiguration::<Block, <Block as BlockT>::Hash, Net>::new(
        &config.network,
        config.prometheus_registry().cloned(),
    );
    let peer_store = net_config.peer_store_handle();
    let grandpa_protocol = sc_consensus_grandpa::protocol_standard_name(&genesis_hash, &config.chain_spec);
    let (grandpa_config, grandpa_notifications) = sc_consensus_grandpa::grandpa_peers_set_config::<_, Net>(
        grandpa_protocol.clone(),
        metrics.clone(),
        Arc::clone(&peer_store),
    );
    let enable_grandpa = !config.disable_grandpa;
    // A protocol that nobody serves makes the network refuse every connection.
    if enable_grandpa {
        net_config.add_notification_protocol(grandpa_config);
    }
    let (statement_handler, statement_config) = sc_network_statement::StatementHandlerPrototype::new::<_, Block, Net>(
        genesis_hash,
        config.chain_spec.fork_id(),
        metrics.clone(),
        Arc::clone(&peer_store),
    );
    net_config.add_notification_protocol(statement_config);
    let warp_sync = Arc::new(sc_consensus_grandpa::warp_proof::NetworkProvider::new(
        backend.clone(),
        grandpa_link.shared_authority_set().clone(),
        Vec::default(),
    ));
    let (network, system_rpc_tx, tx_handler_controller, sync_service, _bitswap) =
        sc_service::build_network(sc_service::BuildNetworkParams {
            config: &config,
            net_config,
            client: client.clone(),
            transaction_pool: transaction_pool.clone(),
            spawn_handle: task_manager.spawn_handle(),
            spawn_essential_handle: task_manager.spawn_essential_handle(),
            import_queue,
            block_announce_validator_builder: Some(Box::new(move |_| {
                Box::new(watch::AnnouncedClock::new(slot_duration.as_millis()))
            })),
            warp_sync_config: Some(WarpSyncConfig::WithProvider(warp_sync)),
            block_relay: None,
            metrics,
            gap_sync_body_policy: None,
        })?;

    let role = config.role;
    let force_authoring = config.force_authoring;
    let node_name = config.network.node_name.clone();
    let data_path = config.data_path.clone();
    let prometheus = config.prometheus_registry().cloned();
    let offchain = config.offchain_worker.enabled;
    let discovery = sc_authority_discovery::WorkerConfig {
        publish_non_global_ips: config.network.allow_non_globals_in_dht,
        public_addresses: config.network.public_addresses.clone(),
        // Nobody speaks for another's network identity.
        strict_record_validation: true,
        persisted_cache_directory: config.network.net_config_path.clone(),
        ..Default::default()
    };

    // Statements: gossip between nodes, and access for offchain workers.
    let spawner = task_manager.spawn_handle();
    let handler = statement_handler.build(
        network.clone(),
        sync_service.clone(),
        statements.clone(),
        prometheus.as_ref(),
        move |task| spawner.spawn("statement-validation", Some("statements"), task),
        sc_statement_store::DEFAULT_NETWORK_WORKERS,
        sc_statement_store::DEFAULT_RATE_LIMIT,
    )?;
    task_manager
        .spawn_handle()
        .spawn("statement-handler", Some("networking"), handler.run());

    if offchain {
        spawn_offchain_workers(
            &task_manager,
            &client,
            &backend,
            &transaction_pool,
            &keystore_container.keystore(),
            &network,
            role.is_authority(),
            &statements,
        )?;
    }

    let provider = provider_params
        .provider
        .then(|| {
            provider::spawn(
                provider_params,
                provider::ProviderDeps {
                    client: client.clone(),
                    backend: backend.clone(),
                    pool: transaction_pool.clone(),
                    sync: sync_service.clone(),
                    keystore: keystore_container.keystore(),
                    spawner: task_manager.spawn_handle(),
                    data_path: provider_folder(&data_path),
                    genesis_hash,
                    prometheus: prometheus.clone(),
                },
            )
        })
        .transpose()
        .map_err(|error| ServiceError::Other(error.to_string()))?;

    let rpc_builder = {
        let client = client.clone();
        let pool = transaction_pool.clone();
        let backend = backend.clone();
        let statements = statements.clone();
        Box::new(move |executor| {
            rpc::create_full(rpc::FullDeps {
                client: client.clone(),
                pool: pool.clone(),
                backend: backend.clone(),
                statements: statements.clone(),
                provider: provider.clone(),
                executor,
            })
            .map_err(Into::into)
        })
    };
    let _rpc = sc_service::spawn_tasks(sc_service::SpawnTasksParams {
        network: Arc::new(network.clone()),
        client: client.clone(),
        keystore: keystore_container.keystore(),
        task_manager: &mut task_manager,
        transaction_pool: transaction_pool.clone(),
        rpc_builder,
        backend,
        system_rpc_tx,
        tx_handler_controller,
        sync_service: sync_service.clone(),
        config,
        telemetry: telemetry.as_mut(),
        tracing_execute_block: None,
    })?;

    if role.is_authority() {
        spawn_authority_discovery(
            &task_manager,
            discovery,
            &client,
            &network,
            keystore_container.keystore(),
            prometheus.clone(),
        );
        let proposer = sc_basic_authorship::ProposerFactory::new(
            task_manager.spawn_handle(),
            client.clone(),
            transaction_pool.clone(),
            prometheus.as_ref(),
            telemetry.as_ref().map(Telemetry::handle),
        );
        let babe = sc_consensus_babe::start_babe(sc_consensus_babe::BabeParams {
            keystore: keystore_container.keystore(),
            client: client.clone(),
            select_chain,
            block_import,
            env: proposer,
            sync_oracle: sync_service.clone(),
            justification_sync_link: sync_service.clone(),
            create_inherent_data_providers: inherents(slot_duration),
            force_authoring,
            backoff_authoring_blocks: Some(sc_consensus_slots::BackoffAuthoringOnFinalizedHeadLagging::default()),
            babe_link,
            block_proposal_slot_portion: SlotProportion::new(0.5),
            max_block_proposal_slot_portion: None,
            telemetry: telemetry.as_ref().map(Telemetry::handle),
        })?;
        task_manager
            .spawn_essential_handle()
            .spawn_blocking("babe", Some("block-authoring"), babe);
    }

    if enable_grandpa {
        let config = sc_consensus_grandpa::Config {
            gossip_duration: Duration::from_millis(333),
            justification_generation_period: JUSTIFICATION_PERIOD,
            name: Some(node_name),
            observer_enabled: false,
            keystore: role.is_authority().then(|| keystore_container.keystore()),
            local_role: role,
            telemetry: telemetry.as_ref().map(Telemetry::handle),
            protocol_name: grandpa_protocol,
        };
        let voter = sc_consensus_grandpa::run_grandpa_voter(sc_consensus_grandpa::GrandpaParams {
            config,
            link: grandpa_link,
            network,
            sync: sync_service,
            notification_service: grandpa_notifications,
            voting_rule: sc_consensus_grandpa::VotingRulesBuilder::default().build(),
            prometheus_registry: prometheus,
            shared_voter_state: SharedVoterState::empty(),
            telemetry: telemetry.as_ref().map(Telemetry::handle),
            offchain_tx_pool_factory: OffchainTransactionPoolFactory::new(transaction_pool),
        })?;
        task_manager
            .spawn_essential_handle()
            .spawn_blocking("grandpa-voter", None, voter);
    }
    Ok(task_manager)
}

/// Where the provider task keeps its socket and state, beside the chain's database.
fn provider_folder(data_path: &Path) -> std::path::PathBuf {
    data_path.join("provider")
}

/// Publishes this validator's addresses for the others, and finds theirs.
fn spawn_authority_discovery(
    task_manager: &TaskManager,
    config: sc_authority_discovery::WorkerConfig,
    client: &Arc<FullClient>,
    network: &Arc<dyn sc_network::service::traits::NetworkService>,
    keystore: sp_keystore::KeystorePtr,
    prometheus: Option<substrate_prometheus_endpoint::Registry>,
) {
    let events = network.event_stream("authority-discovery");
    let found = events.filter_map(|event| async move {
        match event {
            sc_network::Event::Dht(event) => Some(event),
            _ => None,
        }
    });
    let (worker, _service) = sc_authority_discovery::new_worker_and_service_with_config(
        config,
        client.clone(),
        Arc::new(network.clone()),
        Box::pin(found),
        sc_authority_discovery::Role::PublishAndDiscover(keystore),
        prometheus,
        task_manager.spawn_handle(),
    );
    task_manager
        .spawn_handle()
        .spawn("authority-discovery-worker", Some("networking"), worker.run());
}

/// Runs the runtime's offchain workers on every new best block.
#[allow(clippy::too_many_arguments)]
fn spawn_offchain_workers(
    task_manager: &TaskManager,
    client: &Arc<FullClient>,
    backend: &Arc<FullBackend>,
    pool: &Arc<Pool>,
    keystore: &sp_keystore::KeystorePtr,
    network: &Arc<dyn sc_network::service::traits::NetworkService>,
    is_validator: bool,
    statements: &Arc<StatementStore>,
) -> Result<(), ServiceError> {
    let statements = statements.clone();
    let workers = sc_offchain::OffchainWorkers::new(sc_offchain::OffchainWorkerOptions {
        runtime_api_provider: client.clone(),
        keystore: Some(keystore.clone()),
        offchain_db: backend.offchain_storage(),
        transaction_pool: Some(OffchainTransactionPoolFactory::new(pool.clone())),
        network_provider: Arc::new(network.clone()),
        is_validator,
        enable_http_requests: false,
        custom_extensions: move |_| vec![Box::new(statements.clone().as_statement_store_ext()) as Box<_>],
    })?;
    task_manager.spawn_handle().spawn(
        "offchain-workers-runner",
        "offchain-worker",
        workers.run(client.clone(), task_manager.spawn_handle()).boxed(),
    );
    Ok(())
}
