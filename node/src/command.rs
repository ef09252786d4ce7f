//! Dispatch of the command line.

use std::process::ExitCode;

use lantern_runtime::opaque::Block;
use sc_cli::SubstrateCli;
use sc_network::config::NetworkBackendType;
use sc_service::PartialComponents;

use crate::{
    chain_spec,
    check::{self, Setup},
    cli::{Cli, Subcommand},
    faults, service,
};

impl SubstrateCli for Cli {
    fn impl_name() -> String {
        "Lantern Node".into()
    }
    fn impl_version() -> String {
        env!("CARGO_PKG_VERSION").into()
    }
    fn description() -> String {
        env!("CARGO_PKG_DESCRIPTION").into()
    }
    fn author() -> String {
        env!("CARGO_PKG_AUTHORS").into()
    }
    fn support_url() -> String {
        "the issue tracker of the project".into()
    }
    fn copyright_start_year() -> i32 {
        2026
    }
    fn load_spec(&self, id: &str) -> Result<Box<dyn sc_service::ChainSpec>, String> {
        chain_spec::load(id).map_err(|fault| fault.to_string())
    }
}

/// Parses the command line and does what it says.
///
/// # Errors
/// Those of the subcommand or the node.
pub fn run() -> sc_cli::Result<ExitCode> {
    let cli = Cli::from_args();
    let done = match &cli.subcommand {
        Some(subcommand) => run_subcommand(&cli, subcommand),
        None => run_node(cli).map(|()| ExitCode::SUCCESS),
    };
    check::database::wait_until_closed();
    done
}

fn run_subcommand(cli: &Cli, subcommand: &Subcommand) -> sc_cli::Result<ExitCode> {
    match subcommand {
        Subcommand::Check(cmd) => return Ok(check::run(cmd)),
        Subcommand::Key(cmd) => cmd.run(cli),
        Subcommand::ExportChainSpec(cmd) => {
            let spec = cli.load_spec(&cmd.chain)?;
            cmd.run(spec)
        },
        Subcommand::CheckBlock(cmd) => cli.create_runner(cmd)?.async_run(|config| {
            let PartialComponents {
                client,
                task_manager,
                import_queue,
                ..
            } = service::new_partial(&config)?;
            Ok((cmd.run(client, import_queue), task_manager))
        }),
        Subcommand::ExportBlocks(cmd) => cli.create_runner(cmd)?.async_run(|config| {
            let PartialComponents {
                client, task_manager, ..
            } = service::new_partial(&config)?;
            Ok((cmd.run(client, config.database), task_manager))
        }),
        Subcommand::ExportState(cmd) => cli.create_runner(cmd)?.async_run(|config| {
            let PartialComponents {
                client, task_manager, ..
            } = service::new_partial(&config)?;
            Ok((cmd.run(client, config.chain_spec), task_manager))
        }),
        Subcommand::ImportBlocks(cmd) => cli.create_runner(cmd)?.async_run(|config| {
            let PartialComponents {
                client,
                task_manager,
                import_queue,
                ..
            } = service::new_partial(&config)?;
            Ok((cmd.run(client, import_queue), task_manager))
        }),
        Subcommand::PurgeChain(cmd) => cli.create_runner(cmd)?.sync_run(|config| cmd.run(config.database)),
        Subcommand::Revert(cmd) => cli.create_runner(cmd)?.async_run(|config| {
            let PartialComponents {
                client,
                task_manager,
                backend,
                ..
            } = service::new_partial(&config)?;
            let revert_consensus = Box::new(|client: std::sync::Arc<service::FullClient>, backend, blocks| {
                sc_consensus_babe::revert(client.clone(), backend, blocks)?;
                sc_consensus_grandpa::revert(client, blocks)?;
                Ok(())
            });
            Ok((cmd.run(client, backend, Some(revert_consensus)), task_manager))
        }),
        Subcommand::ChainInfo(cmd) => cli.create_runner(cmd)?.sync_run(|config| cmd.run::<Block>(&config)),
    }?;
    Ok(ExitCode::SUCCESS)
}

fn run_node(cli: Cli) -> sc_cli::Result<()> {
    check::before_start(&Setup::new(&cli.run, &cli.provider, &cli.space)?)?;
    let runner = cli.create_runner(&cli.run)?;
    faults::catch_panics();
    faults::catch_lost_pages();
    let (provider, space) = (cli.provider, cli.space);
    runner.run_node_until_exit(|mut config| async move {
        check::insist_on_ports(&mut config);
        // Inline content lives only in the offchain database: every node that is asked for outputs must index it.
        config.offchain_worker.indexing_enabled = true;
        if provider.provider {
            config.offchain_worker.enabled = true;
        }
        match config.network.network_backend {
            NetworkBackendType::Libp2p => service::new_full::<sc_network::NetworkWorker<_, _>>(config, provider, space),
            NetworkBackendType::Litep2p => {
                service::new_full::<sc_network::Litep2pNetworkBackend>(config, provider, space)
            },
        }
        .map_err(sc_cli::Error::Service)
    })
}
