//! Whether the node can listen where it is to.

use std::{fs, io, net::TcpListener, path::Path};

use super::{
    setup::{Listen, Setup},
    Finding, Found,
};
use crate::faults::Fault;

/// A process that listens on a port.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Holder {
    name: String,
    process: u32,
}

/// One finding for each address. While the node runs its ports are taken by itself, which `beside_node` allows.
pub fn all(setup: &Setup<'_>, beside_node: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, listen) in setup.listens.iter().enumerate() {
        let earlier = setup.listens.iter().take(index);
        findings.push(Finding::new(
            "port",
            match same_port(listen, earlier) {
                Some(other) => Found::Fail(Fault::new(
                    format!(
                        "{} and {} are both to listen on port {}",
                        other.what,
                        listen.what,
                        listen.address.port()
                    ),
                    format!("choose another port with {} or {}", other.flag, listen.flag),
                )),
                None => examine(listen, beside_node),
            },
        ));
    }
    findings
}

/// An earlier address with the same port for another purpose.
fn same_port<'a>(listen: &Listen, mut earlier: impl Iterator<Item = &'a Listen>) -> Option<&'a Listen> {
    let port = listen.address.port();
    earlier.find(|other| port != 0 && other.what != listen.what && other.address.port() == port)
}

fn examine(listen: &Listen, beside_node: bool) -> Found {
    let Listen { what, flag, address } = *listen;
    let port = address.port();
    let error = match TcpListener::bind(address) {
        Ok(_) => return Found::Ok(format!("{address} ({what}) is free")),
        Err(error) => error,
    };
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            let holder = holder(port);
            if let (true, Some(holder)) = (beside_node, &holder) {
                if holder.name.starts_with("lantern-node") {
                    return Found::Ok(format!(
                        "{address} ({what}) is held by a running {} (process {})",
                        holder.name, holder.process
                    ));
                }
            }
            let who = holder.map_or_else(
                || "another program".into(),
                |holder| format!("{} (process {})", holder.name, holder.process),
            );
            Found::Fail(Fault::new(
                format!("TCP port {port} for {what} is taken by {who}"),
                format!(
                    "see who listens with `ss -ltnp 'sport = :{port}'` and stop it, or choose another port with {flag}"
                ),
            ))
        },
        io::ErrorKind::PermissionDenied => Found::Fail(Fault::new(
            format!("this user may not listen on TCP port {port} for {what}: {error}"),
            format!("ports below 1024 are for root: choose a higher one with {flag}"),
        )),
        // A machine without IPv6; the node listens on IPv4 alone then.
        _ if address.is_ipv6() && (address.ip().is_unspecified() || address.ip().is_loopback()) => {
            Found::Ok(format!("{address} ({what}) is left out: {error}"))
        },
        _ => Found::Fail(Fault::new(
            format!("cannot listen on {address} for {what}: {error}"),
            format!("name an address of this machine (`ip address`) with {flag}"),
        )),
    }
}

/// Who listens on a TCP port, as far as this user may see.
fn holder(port: u16) -> Option<Holder> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"].iter().find_map(|table| {
        let table = fs::read_to_string(table).ok()?;
        listening_inode(&table, port).map(str::to_owned)
    })?;
    let wanted = format!("socket:[{inode}]");
    let holds = |process: &Path| {
        fs::read_dir(process.join("fd")).is_ok_and(|files| {
            files
                .flatten()
                .any(|file| fs::read_link(file.path()).is_ok_and(|target| target.as_os_str() == wanted.as_str()))
        })
    };
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let process = entry.file_name().to_str()?.parse().ok()?;
        let path = entry.path();
        holds(&path).then(|| Holder {
            name: fs::read_to_string(path.join("comm")).unwrap_or_default().trim().into(),
            process,
        })
    })
}

/// The inode of the socket that listens on `port`, from a table of the kernel.
fn listening_inode(table: &str, port: u16) -> Option<&str> {
    const LISTEN: &str = "0A";
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_whitespace();
        let local = fields.nth(1)?;
        let state = fields.nth(1)?;
        let inode = fields.nth(5)?;
        let (_, local_port) = local.rsplit_once(':')?;
        (state == LISTEN && u16::from_str_radix(local_port, 16) == Ok(port)).then_some(inode)
    })
}

/// Makes the node refuse to start when a JSON-RPC port is taken in the last moment. The SDK would take any other.
pub fn insist(config: &mut sc_service::Configuration) {
    for endpoint in config.rpc.addr.iter_mut().flatten() {
        endpoint.retry_random_port = false;
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn listen(what: &'static str, address: SocketAddr) -> Listen {
        Listen {
            what,
            flag: "--some-port",
            address,
        }
    }

    #[test]
    fn taken_port_names_port_holder_and_flag() {
        let held = TcpListener::bind("127.0.0.1:0").expect("binds");
        let address = held.local_addr().expect("has one");
        let Found::Fail(fault) = examine(&listen("p2p", address), false) else {
            panic!("it is taken")
        };
        let port = address.port().to_string();
        assert!(fault.cause.contains(&port) && fault.cause.contains("p2p"), "{fault}");
        assert!(
            fault.remedy.contains("ss -ltnp") && fault.remedy.contains("--some-port"),
            "{fault}"
        );
        #[cfg(target_os = "linux")]
        assert!(fault.cause.contains(&std::process::id().to_string()), "{fault}");
    }

    #[test]
    fn free_port_is_fine() {
        // The kernel chooses. A port let go here could still be held by a process that another test is starting (it has
        // all sockets until it becomes its program), or be taken by anyone.
        let any = listen("p2p", ([127, 0, 0, 1], 0).into());
        assert!(matches!(examine(&any, false), Found::Ok(_)));
    }

    #[test]
    fn one_port_for_two_purposes_is_noticed_and_two_families_of_one_are_not() {
        let (v4, v6) = (SocketAddr::from(([0; 4], 7)), SocketAddr::from(([0; 8], 7)));
        let earlier = [listen("p2p", v6)];
        assert!(same_port(&listen("p2p", v4), earlier.iter()).is_none());
        assert!(same_port(&listen("JSON-RPC", v4), earlier.iter()).is_some());
        let any = [listen("p2p", ([0; 4], 0).into())];
        assert!(same_port(&listen("JSON-RPC", ([0; 4], 0).into()), any.iter()).is_none());
    }

    #[test]
    fn table_of_the_kernel_is_read() {
        let table =
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
                     0: 0100007F:26D8 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0 0 4711 1 0 100\n\
                     1: 0100007F:26D9 00000000:0000 01 00000000:00000000 00:00000000 00000000  0 0 4712 1 0 100\n";
        assert_eq!(listening_inode(table, 0x26D8), Some("4711"));
        assert_eq!(listening_inode(table, 0x26D9), None, "it is a connection");
    }
}
