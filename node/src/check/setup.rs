//! What the flags of the node come to: the chain, the folders and the addresses.

use std::{net::SocketAddr, path::PathBuf};

use sc_cli::{CliConfiguration, RunCmd, SubstrateCli};
use sc_network::{multiaddr::Protocol, Multiaddr};
use sc_service::{config::BasePath, ChainSpec};

use super::{is_authority, SpaceParams};
use crate::{
    chain_spec,
    cli::Cli,
    faults::{self, Fault},
    provider::ProviderParams,
};

/// Ports of the SDK, where no flag names others.
const P2P_PORT: u16 = 30333;
const RPC_PORT: u16 = 9944;
const PROMETHEUS_PORT: u16 = 9615;

/// An address on which the node listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// What for.
    pub what: &'static str,
    /// The flag that chooses another port.
    pub flag: &'static str,
    /// Where.
    pub address: SocketAddr,
}

/// What the flags of the node come to.
pub struct Setup<'a> {
    /// The flags of the SDK.
    pub run: &'a RunCmd,
    /// The flags of the provider.
    pub provider: &'a ProviderParams,
    /// The flags about space.
    pub space: &'a SpaceParams,
    /// The chain specification.
    pub spec: Box<dyn ChainSpec>,
    /// Whether the node makes and finalises blocks.
    pub authority: bool,
    /// Where the data lies; nothing for a temporary folder.
    pub base: Option<PathBuf>,
    /// Where the node listens.
    pub listens: Vec<Listen>,
}

impl<'a> Setup<'a> {
    /// Reads the flags.
    ///
    /// # Errors
    /// When the chain specification cannot be read, or flags contradict each other.
    pub fn new(run: &'a RunCmd, provider: &'a ProviderParams, space: &'a SpaceParams) -> Result<Self, Fault> {
        Self::read(run, provider, space).map_err(|error| faults::explain(&error))
    }

    fn read(run: &'a RunCmd, provider: &'a ProviderParams, space: &'a SpaceParams) -> Result<Self, sc_cli::Error> {
        let is_dev = run.is_dev()?;
        let spec = chain_spec::load(&run.chain_id(is_dev)?)?;
        let base = match &run.shared_params.base_path {
            Some(path) => Some(path.clone()),
            None if is_dev || run.tmp => None,
            None => Some(BasePath::from_project("", "", &Cli::executable_name()).path().into()),
        };
        let mut listens = p2p(run);
        listens.extend(
            run.rpc_addr(RPC_PORT)?
                .unwrap_or_default()
                .into_iter()
                .map(|endpoint| Listen {
                    what: "JSON-RPC",
                    flag: "--rpc-port",
                    address: endpoint.listen_addr,
                }),
        );
        listens.extend(run.prometheus_config(PROMETHEUS_PORT, &spec)?.map(|config| Listen {
            what: "Prometheus",
            flag: "--prometheus-port",
            address: config.port,
        }));
        let setup = Self {
            run,
            provider,
            space,
            spec,
            authority: is_authority(run)?,
            base,
            listens,
        };
        if let Some(path) = setup.database() {
            faults::set_database(path);
        }
        Ok(setup)
    }

    /// The chain's folder.
    pub fn folder(&self) -> Option<PathBuf> {
        self.base.as_ref().map(|base| base.join("chains").join(self.spec.id()))
    }

    /// The database's folder.
    pub fn database(&self) -> Option<PathBuf> {
        self.folder().map(|folder| folder.join("paritydb").join("full"))
    }

    /// The keystore's folder.
    pub fn keystore(&self) -> Option<PathBuf> {
        match &self.run.keystore_params.keystore_path {
            Some(path) => Some(path.clone()),
            None => self.folder().map(|folder| folder.join("keystore")),
        }
    }

    /// The file with the network key, unless the key is on the command line.
    pub fn node_key(&self) -> Option<PathBuf> {
        let params = &self.run.network_params.node_key_params;
        match (&params.node_key, &params.node_key_file) {
            (Some(_), _) => None,
            (None, Some(path)) => Some(path.clone()),
            (None, None) => self
                .folder()
                .map(|folder| folder.join("network").join("secret_ed25519")),
        }
    }
}

/// The TCP addresses for peers. Names are left out: only the network code looks them up.
fn p2p(run: &RunCmd) -> Vec<Listen> {
    let network = &run.network_params;
    if network.listen_addr.is_empty() {
        let port = network.port.unwrap_or(P2P_PORT);
        return [SocketAddr::from(([0; 8], port)), SocketAddr::from(([0; 4], port))]
            .map(|address| Listen {
                what: "p2p",
                flag: "--port",
                address,
            })
            .into();
    }
    network
        .listen_addr
        .iter()
        .filter_map(tcp_address)
        .map(|address| Listen {
            what: "p2p",
            flag: "--listen-addr",
            address,
        })
        .collect()
}

fn tcp_address(address: &Multiaddr) -> Option<SocketAddr> {
    let mut parts = address.iter();
    match (parts.next()?, parts.next()?) {
        (Protocol::Ip4(ip), Protocol::Tcp(port)) => Some((ip, port).into()),
        (Protocol::Ip6(ip), Protocol::Tcp(port)) => Some((ip, port).into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_with_a_number_and_a_tcp_port_are_checked() {
        let tcp = |text: &str| tcp_address(&text.parse().expect("an address"));
        assert_eq!(tcp("/ip4/10.0.0.1/tcp/7/ws"), Some(([10, 0, 0, 1], 7).into()));
        assert_eq!(tcp("/ip6/::/tcp/8"), Some(([0; 8], 8).into()));
        assert_eq!(tcp("/dns/example.org/tcp/8"), None);
        assert_eq!(tcp("/ip4/0.0.0.0/udp/9/webrtc-direct"), None);
    }
}
