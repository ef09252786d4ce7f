//! `lantern-node check`, and the part of it that every start of the node goes through: an examination of this machine and the
//! configuration that says what is wrong and what to do about it, and changes nothing.

pub mod chain;
pub mod clock;
pub mod database;
pub mod disk;
pub mod keys;
mod machine;
mod peer;
mod ports;
mod rpc;
mod setup;
mod worker;

use std::process::ExitCode;

use sc_cli::{CliConfiguration, RunCmd};

pub use disk::SpaceParams;
pub use ports::insist as insist_on_ports;
pub use setup::Setup;

use crate::{faults::Fault, provider::ProviderParams};

/// The flags of `lantern-node check`.
#[derive(Debug, clap::Parser)]
pub struct CheckCmd {
    /// Compare clock and chain with a node that is known to be right: the address of its JSON-RPC, such as
    /// http://10.0.0.2:9944.
    #[arg(long, value_name = "URL")]
    pub against: Option<String>,

    /// How the node is run.
    #[clap(flatten)]
    pub run: RunCmd,

    /// How it serves jobs.
    #[clap(flatten)]
    pub provider: ProviderParams,

    /// How much room it needs.
    #[clap(flatten)]
    pub space: SpaceParams,
}

/// What was found about one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// It is as it should be.
    Ok(String),
    /// It works, but not well, or not for long.
    Warn(Fault),
    /// It does not work.
    Fail(Fault),
}

impl From<Result<String, Fault>> for Found {
    fn from(result: Result<String, Fault>) -> Self {
        match result {
            Ok(text) => Self::Ok(text),
            Err(fault) => Self::Fail(fault),
        }
    }
}

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub subject: &'static str,
    /// What was found.
    pub found: Found,
}

impl Finding {
    /// A finding.
    pub fn new(subject: &'static str, found: impl Into<Found>) -> Self {
        Self {
            subject,
            found: found.into(),
        }
    }

    fn ok(subject: &'static str, text: impl Into<String>) -> Self {
        Self::new(subject, Found::Ok(text.into()))
    }

    fn warn(subject: &'static str, cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(subject, Found::Warn(Fault::new(cause, remedy)))
    }

    fn fail(subject: &'static str, cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(subject, Found::Fail(Fault::new(cause, remedy)))
    }

    fn line(&self) -> String {
        // A cause can be another program's text, of several lines.
        let one_line = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let (level, text) = match &self.found {
            Found::Ok(text) => ("ok", one_line(text.clone())),
            Found::Warn(fault) => ("warn", one_line(fault.to_string())),
            Found::Fail(fault) => ("FAIL", one_line(fault.to_string())),
        };
        format!("{level:<5} {:<14} {text}", self.subject)
    }
}

/// What must hold before the node starts; cheap, and before anything is written.
///
/// # Errors
/// The first fault.
pub fn before_start(setup: &Setup<'_>) -> Result<(), Fault> {
    let mut findings = disk::folder(setup);
    findings.extend(disk::space(setup));
    findings.extend(database::files(setup));
    findings.extend(ports::all(setup, false));
    findings.extend(keys::node_key(setup));
    findings.extend(worker::program(setup));
    findings
        .into_iter()
        .find_map(|finding| match finding.found {
            Found::Fail(fault) => Some(fault),
            Found::Ok(_) | Found::Warn(_) => None,
        })
        .map_or(Ok(()), Err)
}

/// `lantern-node check`.
pub fn run(cmd: &CheckCmd) -> ExitCode {
    let mut failed = false;
    let mut warned = false;
    let mut report = |findings: Vec<Finding>| {
        for finding in findings {
            failed |= matches!(finding.found, Found::Fail(_));
            warned |= matches!(finding.found, Found::Warn(_));
            println!("{}", finding.line());
        }
    };
    match Setup::new(&cmd.run, &cmd.provider, &cmd.space) {
        Err(fault) => report(vec![Finding::new("configuration", Found::Fail(fault))]),
        Ok(setup) => {
            let (findings, genesis) = chain::specification(&setup);
            report(findings);
            report(disk::folder(&setup));
            report(disk::space(&setup));
            report(database::all(&setup, genesis));
            report(ports::all(&setup, true));
            report(rpc::exposure(&setup));
            report(keys::node_key(&setup));
            report(keys::session_keys(&setup));
            report(clock::synchronised());
            if let Some(url) = &cmd.against {
                report(peer::compare(url, genesis));
            }
            report(machine::limits());
            report(worker::all(&setup));
        },
    }
    println!(
        "{}",
        match (failed, warned) {
            (true, _) => "the node cannot run like this: see the lines with FAIL",
            (false, true) => "the node can run; see the lines with warn",
            (false, false) => "nothing is wrong",
        }
    );
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// Whether the flags make this node an authority.
fn is_authority(run: &RunCmd) -> Result<bool, sc_cli::Error> {
    Ok(run.role(run.is_dev()?)?.is_authority())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finding_is_one_line_with_cause_and_remedy() {
        let finding = Finding::fail("ports", "taken\n by another", "stop it");
        assert_eq!(
            finding.line(),
            "FAIL  ports          taken by another. What to do: stop it."
        );
        assert_eq!(Finding::ok("clock", "set").line(), "ok    clock          set");
    }
}
