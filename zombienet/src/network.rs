//! A network: started from the node's own presets, closed without a trace.

use std::{
    collections::BTreeMap,
    env, fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{id, Command},
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{anyhow, ensure, Context, Result};
use serde_json::{json, Value};
use zombienet_configuration::shared::node::{Buildable, Initial, NodeConfigBuilder};
use zombienet_sdk::{
    generators::generate_node_identity,
    subxt::{ext::subxt_rpcs::methods::legacy::Bytes, utils::to_hex},
    AddNodeOptions, Arg, LocalFileSystem, NetworkConfigBuilder, NetworkConfigExt,
};

use crate::{until, Node, PATIENCE};

/// Session keys of a validator: BABE, GRANDPA, im-online, authority discovery.
const SESSION_KEYS: [&str; 4] = ["babe_sr", "gran_ed", "imon_sr", "audi_sr"];

/// The node that joins [`Network::mesh`] later.
const FRESH: &str = "fresh";

/// For zombienet, which counts in seconds.
const START_LIMIT: u32 = 300;

/// A node as it will be started.
struct Plan<'a> {
    name: &'a str,
    validator: bool,
    args: Vec<Arg>,
    p2p_port: Option<u16>,
}

impl<'a> Plan<'a> {
    /// The well-known account of this name is one of the preset's validators.
    fn validator(name: &'a str) -> Self {
        Self {
            validator: true,
            ..Self::full(name)
        }
    }

    fn full(name: &'a str) -> Self {
        Self {
            name,
            validator: false,
            args: common_args(),
            p2p_port: None,
        }
    }

    /// Serves the built-in model. One thread: the machine has the other nodes as well.
    fn provider(name: &'a str) -> Self {
        let mut plan = Self::full(name);
        plan.args
            .extend(["--provider".into(), ("--worker-threads", "1").into()]);
        plan
    }
}

/// Arguments of every node. An argument that begins with `-:` takes one away that zombienet would add.
fn common_args() -> Vec<Arg> {
    let mut args = vec![
        // For this machine only; zombienet puts its own port for the 0.
        ("--listen-addr", "/ip4/127.0.0.1/tcp/0/ws").into(),
        "-:--prometheus-external".into(),
        "-:--rpc-cors".into(),
        // Nodes of other networks on this machine are no peers; those of this one are found through the first.
        "--no-mdns".into(),
        "--allow-private-ip".into(),
        "--discover-local".into(),
        // What happened can be looked up at any block of a test's. Warp sync refuses archive nodes.
        ("--state-pruning", "100000").into(),
    ];
    if let Ok(filter) = env::var("LANTERN_NODE_LOG") {
        args.push(("--log", filter.as_str()).into());
    }
    args
}

/// Nodes that run. They end with it, and their folder is removed by [`Network::close`] alone, so that the logs of a test that failed
/// are kept.
pub struct Network {
    // The nodes share their processes with zombienet's network; all of them end with the last reference.
    nodes: BTreeMap<String, Node>,
    inner: Option<zombienet_sdk::Network<LocalFileSystem>>,
    dir: PathBuf,
    /// The one that [`Network::join`] starts.
    fresh: Option<Plan<'static>>,
    /// Set by [`Network::close`].
    closed: bool,
}

impl Network {
    /// Two validators, `alice` and `bob`, and `provider`.
    pub async fn smoke() -> Result<Self> {
        let plans = vec![
            Plan::validator("alice"),
            Plan::validator("bob"),
            Plan::provider("provider"),
        ];
        Self::spawn("local-two", plans).await
    }

    /// Four validators, `alice` to `dave`, `provider-1` and `provider-2`, and `dapp`, the node of those that buy.
    pub async fn full() -> Result<Self> {
        let mut plans = Vec::from(["alice", "bob", "charlie", "dave"].map(Plan::validator));
        plans.extend(["provider-1", "provider-2"].map(Plan::provider));
        plans.push(Plan::full("dapp"));
        Self::spawn("local", plans).await
    }

    /// Four validators, `alice` to `dave`, whom `//Eve` and `//Ferdie` nominate.
    pub async fn validators() -> Result<Self> {
        let plans = ["alice", "bob", "charlie", "dave"].map(Plan::validator);
        Self::spawn("local", plans.into()).await
    }

    /// Two validators, `alice` and `bob`, `provider-1` and `provider-2`, on a chain that begins with this runtime.
    pub async fn with_runtime(wasm: &Path) -> Result<Self> {
        let mut plans = Vec::from(["alice", "bob"].map(Plan::validator));
        plans.extend(["provider-1", "provider-2"].map(Plan::provider));
        Self::spawn_with("local-two", Some(wasm), plans).await
    }

    /// Four validators, `alice` to `dave`, each linked to each and to nobody else: see [`Self::unlink`]. A fifth node, `fresh`, is
    /// expected and comes with [`Self::join`].
    pub async fn mesh() -> Result<Self> {
        const NAMES: [&str; 5] = ["alice", "bob", "charlie", "dave", FRESH];
        let mut addresses = Vec::new();
        for name in NAMES {
            let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            let (_, peer) = generate_node_identity(name)?;
            addresses.push((name, port, format!("/ip4/127.0.0.1/tcp/{port}/ws/p2p/{peer}")));
        }
        let plan = |(name, port, _): &(&'static str, u16, String)| {
            let others = addresses.iter().filter(|(other, ..)| other != name);
            let others: Vec<_> = others.map(|(_, _, address)| address.as_str()).collect();
            let mut plan = match *name {
                FRESH => Plan::full(name),
                name => Plan::validator(name),
            };
            plan.p2p_port = Some(*port);
            plan.args
                .extend(["--reserved-only".into(), ("--reserved-nodes", others).into()]);
            // The other backend, litep2p, keeps a peer that is reserved no more as an ordinary one.
            plan.args.push(("--network-backend", "libp2p").into());
            plan
        };
        let mut plans: Vec<_> = addresses.iter().map(plan).collect();
        let fresh = plans.pop();
        let mut network = Self::spawn("local", plans).await?;
        network.fresh = fresh;
        Ok(network)
    }

    /// Starts `fresh` of [`Self::mesh`], with these arguments besides its own.
    pub async fn join(&mut self, args: Vec<Arg>) -> Result<()> {
        let mut plan = self
            .fresh
            .take()
            .context("no network of Network::mesh, or joined already")?;
        plan.args.extend(args);
        self.start(plan).await
    }

    /// Starts one more full node, with these arguments besides those of every node.
    pub async fn add(&mut self, name: &str, args: Vec<Arg>) -> Result<()> {
        let mut plan = Plan::full(name);
        plan.args.extend(args);
        self.start(plan).await
    }

    async fn start(&mut self, plan: Plan<'_>) -> Result<()> {
        let inner = self.inner.as_mut().context("the network is closed")?;
        let options = AddNodeOptions {
            args: plan.args,
            p2p_port: plan.p2p_port,
            ..Default::default()
        };
        inner.add_node(plan.name, options).await?;
        let node = Node::new(inner.get_node(plan.name)?.clone());
        self.nodes.insert(plan.name.to_owned(), node);
        Ok(())
    }

    async fn spawn(preset: &str, plans: Vec<Plan<'_>>) -> Result<Self> {
        Self::spawn_with(preset, None, plans).await
    }

    async fn spawn_with(preset: &str, wasm: Option<&Path>, plans: Vec<Plan<'_>>) -> Result<Self> {
        let node = program("lantern-node")?;
        let dir = fresh_dir()?;
        let spec = dir.join("spec.json");
        match wasm {
            Some(wasm) => {
                let readable = dir.join("readable.json");
                write_spec(&node, preset, false, &readable)?;
                replace_runtime(&readable, wasm)?;
                let readable = readable
                    .to_str()
                    .context("the path of the specification is not UTF-8")?;
                write_spec(&node, readable, true, &spec)?;
            },
            None => write_spec(&node, preset, true, &spec)?,
        }

        let command = node.to_str().context("the path of lantern-node is not UTF-8")?;
        let config = NetworkConfigBuilder::new()
            .with_relaychain(|chain| {
                let mut plans = plans.into_iter();
                let chain = chain
                    .with_chain(preset)
                    .with_default_command(command)
                    .with_chain_spec_path(spec.clone());
                let first = plans.next().expect("every network has nodes; qed");
                let chain = chain.with_validator(|node| configure(node, first));
                plans.fold(chain, |chain, plan| match plan.validator {
                    true => chain.with_validator(|node| configure(node, plan)),
                    false => chain.with_fullnode(|node| configure(node, plan)),
                })
            })
            .with_global_settings(|settings| {
                settings
                    .with_base_dir(&dir)
                    .with_network_spawn_timeout(START_LIMIT)
                    .with_node_spawn_timeout(START_LIMIT)
                    // Nodes are stopped on purpose here, and zombienet would end the whole test.
                    .with_tear_down_on_failure(false)
            })
            .build()
            .map_err(|errors| anyhow!("zombienet refuses the network: {errors:?}"))?;
        let inner = config
            .spawn_native()
            .await
            .with_context(|| format!("the network did not start; its logs are in {}", dir.display()))?;
        let nodes = inner
            .nodes()
            .into_iter()
            .map(|node| (node.name().to_owned(), Node::new(node.clone())))
            .collect();
        Ok(Self {
            nodes,
            inner: Some(inner),
            dir,
            fresh: None,
            closed: false,
        })
    }

    /// The node of this name.
    pub fn node(&self, name: &str) -> Result<&Node> {
        self.nodes.get(name).with_context(|| format!("no node '{name}'"))
    }

    /// Every node.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }

    /// Waits until every node has finalised this height, and checks that they have the same block there.
    pub async fn finalises(&self, height: u32) -> Result<()> {
        let mut first: Option<(&str, String)> = None;
        for node in self.nodes() {
            node.finalises(height).await?;
            let hash = node.hash(height).await?;
            let (other, expected) = first.get_or_insert_with(|| (node.name(), hash.clone()));
            ensure!(
                hash == *expected,
                "block {height} is {hash} for {} and {expected} for {other}",
                node.name()
            );
        }
        Ok(())
    }

    /// Cuts the link of two nodes of [`Self::mesh`].
    pub async fn unlink(&self, one: &str, other: &str) -> Result<()> {
        let (one, other) = (self.node(one)?, self.node(other)?);
        for (node, peer) in [(one, other), (other, one)] {
            node.rpc("system_removeReservedPeer", json!([peer.peer_id()])).await?;
        }
        Ok(())
    }

    /// Links two nodes of [`Self::mesh`] again.
    pub async fn link(&self, one: &str, other: &str) -> Result<()> {
        let (one, other) = (self.node(one)?, self.node(other)?);
        for (node, peer) in [(one, other), (other, one)] {
            node.rpc("system_addReservedPeer", json!([peer.multiaddr()])).await?;
        }
        Ok(())
    }

    /// Ends every node and removes the folder. Without it, which is after a failure, the folder stays.
    pub async fn close(mut self) -> Result<()> {
        self.closed = true;
        self.nodes.clear();
        if let Some(inner) = self.inner.take() {
            // It fails where a node has ended before; that and the rest end when the network is dropped, which is now.
            let _ = inner.destroy().await;
        }
        // The last of them may still be writing.
        until("removal of the network's folder", PATIENCE, async || {
            Ok(fs::remove_dir_all(&self.dir)?)
        })
        .await
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if self.closed {
            return;
        }
        eprintln!("\nThe logs of the network are kept in {}", self.dir.display());
        for name in self.nodes.keys() {
            let path = self.dir.join(name).join(format!("{name}.log"));
            let log = fs::read_to_string(&path).unwrap_or_default();
            let lines: Vec<_> = log.lines().rev().take(5).collect();
            eprintln!("-- the last lines of {}", path.display());
            lines.iter().rev().for_each(|line| eprintln!("{line}"));
        }
    }
}

fn configure(node: NodeConfigBuilder<Initial>, plan: Plan<'_>) -> NodeConfigBuilder<Buildable> {
    let node = node
        .with_name(plan.name)
        .with_args(plan.args)
        .with_keystore_key_types(SESSION_KEYS.to_vec());
    match plan.p2p_port {
        Some(port) => node.with_p2p_port(port),
        None => node,
    }
}

/// Writes the specification of a preset, or of a specification file.
fn write_spec(node: &Path, chain: &str, raw: bool, to: &Path) -> Result<()> {
    let made = Command::new(node)
        .args(["export-chain-spec", "--chain", chain, "--output"])
        .arg(to)
        .args(raw.then_some("--raw"))
        .output()?;
    let said = String::from_utf8_lossy(&made.stderr);
    ensure!(made.status.success(), "no specification of '{chain}': {said}");
    Ok(())
}

/// The runtime that comes with the node.
pub fn node_runtime() -> Result<Vec<u8>> {
    let file = env::temp_dir().join(format!("lantern-spec-{}.json", id()));
    let spec = write_spec(&program("lantern-node")?, "local", false, &file).and_then(|()| Ok(fs::read(&file)?));
    // It may not exist.
    let _ = fs::remove_file(&file);
    let document: Value = serde_json::from_slice(&spec?)?;
    let code = document.pointer("/genesis/runtimeGenesis/code");
    let code = code.context("a specification without a runtime")?;
    Ok(serde_json::from_value::<Bytes>(code.clone())?.0)
}

/// Puts another runtime into a specification that is not raw: it makes the genesis state itself when it becomes raw.
fn replace_runtime(spec: &Path, wasm: &Path) -> Result<()> {
    let code = fs::read(wasm).with_context(|| format!("no runtime at {}", wasm.display()))?;
    let mut document: Value = serde_json::from_slice(&fs::read(spec)?)?;
    let slot = document.pointer_mut("/genesis/runtimeGenesis/code");
    *slot.context("a specification without a runtime")? = json!(to_hex(code));
    fs::write(spec, serde_json::to_vec(&document)?)?;
    Ok(())
}

/// The program of this name in `LANTERN_BIN`.
pub(crate) fn program(name: &str) -> Result<PathBuf> {
    let folder = env::var_os("LANTERN_BIN")
        .context("LANTERN_BIN is not set: run scripts/check-zombienet, or set it to the folder of lantern-node")?;
    let path = Path::new(&folder).join(name);
    ensure!(
        path.is_file(),
        "there is no {}: build it, or set LANTERN_BIN",
        path.display()
    );
    Ok(path)
}

/// A new folder. Its name is short: the path of the worker's socket has a limit.
fn fresh_dir() -> Result<PathBuf> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let dir = env::temp_dir().join(format!("lantern-net-{}-{count}", id()));
    fs::create_dir(&dir).with_context(|| format!("the folder {}", dir.display()))?;
    Ok(dir)
}
