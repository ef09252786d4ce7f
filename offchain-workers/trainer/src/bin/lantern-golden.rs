//! Writes or checks golden vectors of a model folder.

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use lantern_trainer::golden;

#[derive(Parser)]
#[command(about, version)]
struct Arguments {
    /// Model folder.
    #[arg(long)]
    model: PathBuf,
    /// Golden file.
    #[arg(long)]
    file: PathBuf,
    /// Name of the model in the file.
    #[arg(long, default_value = "lantern-tiny")]
    name: String,
    /// Writes the file. Without it the file is checked, by the engine and by the reference implementation.
    #[arg(long)]
    write: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if arguments.write {
        let made = golden::make(&arguments.model, &arguments.name)?;
        std::fs::write(&arguments.file, made.to_text()?)?;
    }
    let checked = golden::check(&golden::read(&arguments.file)?, &arguments.model)?;
    println!("{checked} golden vectors of {} hold", arguments.name);
    Ok(())
}
