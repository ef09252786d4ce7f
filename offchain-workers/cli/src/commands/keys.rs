//! `lantern keys`.

use std::{fs::OpenOptions, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

use serde_json::json;
use sp_core::{sr25519, Pair};
use subxt::{config::substrate::AccountId32, dynamic, ext::scale_decode::DecodeAsType};

use crate::{args::Keys, chain::Account, context::Context, failure::Failure, units::Lux};

/// Runs the command.
pub async fn run(context: &Context, command: Keys) -> Result<(), Failure> {
    match command {
        Keys::Generate { out } => generate(context, out.as_deref()),
        Keys::Inspect { address, offline } => inspect(context, address.as_deref(), offline).await,
    }
}

fn generate(context: &Context, out: Option<&Path>) -> Result<(), Failure> {
    let (_, phrase, _) = sr25519::Pair::generate_with_phrase(None);
    let account = Account::new(&phrase)?;
    let (address, public) = (account.address(), hex::encode(account.id().0));
    if let Some(file) = out {
        write_secret(file, &phrase)?;
    }
    context.print(
        || match out {
            Some(file) => format!(
                "address  {address}\npublic   0x{public}\nphrase   in {}",
                file.display()
            ),
            None => format!(
                "address  {address}\npublic   0x{public}\nphrase   {phrase}\nWhoever has the phrase has the account."
            ),
        },
        || {
            Ok(json!({
                "address": address,
                "publicKey": format!("0x{public}"),
                "phrase": out.is_none().then_some(&phrase),
                "file": out.map(|file| file.display().to_string()),
            }))
        },
    )
}

/// Writes a secret to a new file that only its owner can read.
fn write_secret(file: &Path, phrase: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::Usage(format!("cannot write {}: {error}", file.display()));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .map_err(failed)?;
    writeln!(file, "{phrase}").map_err(failed)
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct AccountInfo {
    nonce: u32,
    data: AccountData,
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct AccountData {
    free: u128,
    reserved: u128,
}

async fn inspect(context: &Context, address: Option<&str>, offline: bool) -> Result<(), Failure> {
    let address = context.address_or_own(address)?;
    let id = super::parse_address(&address)?;
    let public = hex::encode(id);
    let address = AccountId32(id).to_string();
    if offline {
        return context.print(
            || format!("address  {address}\npublic   0x{public}"),
            || Ok(json!({ "address": address, "publicKey": format!("0x{public}") })),
        );
    }
    let best = context.chain().await?.best().await?;
    let entry = dynamic::storage::<([u8; 32],), AccountInfo>("System", "Account");
    let value = best
        .storage()
        .fetch(entry, (id,))
        .await
        .map_err(Failure::incompatible)?;
    let info = value.decode().map_err(Failure::incompatible)?;
    context.print(
        || {
            format!(
                "address  {address}\npublic   0x{public}\nfree     {}\non hold  {}\nnonce    {}",
                Lux(info.data.free),
                Lux(info.data.reserved),
                info.nonce
            )
        },
        || {
            Ok(json!({
                "address": address,
                "publicKey": format!("0x{public}"),
                "free": info.data.free.to_string(),
                "onHold": info.data.reserved.to_string(),
                "nonce": info.nonce,
                "block": best.block_number(),
            }))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn secrets_are_private_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        write_secret(&file, "word word").unwrap();
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(write_secret(&file, "other").unwrap_err().exit_code(), 2);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "word word\n");
    }
}
