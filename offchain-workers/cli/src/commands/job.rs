//! `lantern job`.

use std::{path::Path, time::Duration};

use lantern_exact::{
    blake2_256,
    spec::{encode_tokens, MIN_TEMPERATURE},
    GenerateParams, JobParams, Sampling, StopTokens,
};
use lantern_rpc_types::ParamsJson;
use serde_json::{json, Value};
use subxt::{config::substrate::H256, ext::scale_decode::DecodeAsType};

use crate::{
    args::{Job, Submit},
    call::call,
    chain::{Chain, Events},
    context::Context,
    failure::Failure,
    node::Model,
    proof::{self, Proof},
    receipt::receipt,
    units::{compute_units, Lux},
    watch::{follow, Show},
};

/// Runs the command.
pub async fn run(context: &Context, command: Job) -> Result<(), Failure> {
    match command {
        Job::Submit(command) => submit(context, &command).await,
        Job::Watch { id, timeout } => {
            let show = if context.json() {
                Show::JsonLines
            } else {
                Show::Progress
            };
            let end = follow(context.chain().await?, id, show, Duration::from_secs(timeout)).await?;
            end.require_settled(id)
        },
        Job::Output { id } => {
            let output = context.chain().await?.output(id).await?;
            context.print(|| output.shown(), || Ok(serde_json::to_value(&output)?))
        },
        Job::Cancel { id } => {
            let cancel = call("JobEscrow", "cancel_job").integer("job", id.into()).build();
            context
                .submit_and_tell(&cancel, &format!("job {id} cancelled, escrow refunded"))
                .await
        },
        Job::Receipt { id } => print_receipt(context, id).await,
        Job::Proof {
            id,
            block,
            out,
            timeout,
        } => prove(context, id, block, out.as_deref(), Duration::from_secs(timeout)).await,
        Job::CheckProof { file, block } => {
            let proof = Proof::read(&file)?;
            print_proof(context, &proof, block)
        },
        Job::List {
            open,
            provider,
            requester,
        } => list(context, open, provider, requester).await,
    }
}

async fn submit(context: &Context, command: &Submit) -> Result<(), Failure> {
    // The signer first: without one nothing else matters.
    context.account()?;
    let chain = context.chain().await?;
    let model = chain.model(&command.model).await?;
    let params = job_params(command, &model)?;
    let tokens = input_tokens(chain, command, &model).await?;
    let max_fee = match command.max_fee {
        Some(max_fee) => max_fee,
        None => {
            let quote = chain
                .quote(
                    model.id,
                    tokens.len(),
                    &json!(ParamsJson::from(&params)),
                    command.provider.as_deref(),
                )
                .await?;
            if !context.json() {
                eprintln!(
                    "quote: at most {} for {} compute units at {} from {}",
                    Lux(quote.max_fee),
                    compute_units(quote.max_micro_units.into()),
                    Lux(quote.price),
                    quote.provider
                );
            }
            quote.max_fee
        },
    };
    let input = encode_tokens(&tokens);
    let provider = command.provider.as_deref().map(super::parse_address).transpose()?;
    let submit = call("JobEscrow", "submit_job")
        .arg("model", model.id.0)
        .arg("input_hash", blake2_256(&[&input]))
        .arg("input", input)
        .arg("params", params)
        .integer("max_fee", max_fee)
        .arg("provider", provider)
        .build();
    let included = context.submit(&submit).await?;
    let id = submitted_id(&included.events)?;
    if !command.wait {
        return context.print(
            || {
                format!(
                    "job {id} submitted in block {}, {} in escrow",
                    included.number,
                    Lux(max_fee)
                )
            },
            || {
                Ok(json!({
                    "job": id,
                    "block": included.number,
                    "transaction": included.hash,
                    "maxFee": max_fee.to_string(),
                    "promptTokens": tokens.len(),
                }))
            },
        );
    }
    let show = if context.json() { Show::Nothing } else { Show::Progress };
    let end = follow(chain, id, show, Duration::from_secs(command.timeout)).await?;
    end.require_settled(id)?;
    print_receipt(context, id).await
}

/// Token ids of the input, checked to be those of the text.
async fn input_tokens(chain: &Chain, command: &Submit, model: &Model) -> Result<Vec<u32>, Failure> {
    if let Some(tokens) = &command.tokens {
        return Ok(tokens.clone());
    }
    let text = match (&command.text, &command.text_file) {
        (Some(text), _) => text.clone(),
        (None, Some(file)) => std::fs::read_to_string(file)
            .map_err(|error| Failure::Usage(format!("cannot read {}: {error}", file.display())))?,
        (None, None) => return Err(Failure::Usage("give --text, --text-file or --tokens".into())),
    };
    if command.chat {
        return chat_tokens(chain, command, model, &text).await;
    }
    let tokens = chain.tokenize(model.id, &text).await?;
    let back = chain.detokenize(model.id, &tokens).await?;
    // Embedding models normalise the text (case, accents, spaces), so only its letters can be compared.
    let same = if model.is_embedding() {
        letters(&back) == letters(&text)
    } else {
        back.trim() == text.trim()
    };
    if !same {
        let message = format!("the node's tokens stand for another text: {back:?}");
        if !command.lossy && !model.is_embedding() {
            return Err(Failure::Outcome(format!("{message}; --lossy accepts that")));
        }
        eprintln!("warning: {message}");
    }
    Ok(tokens)
}

/// Token ids of a conversation that `text` opens, checked to say what it is to say.
async fn chat_tokens(chain: &Chain, command: &Submit, model: &Model, text: &str) -> Result<Vec<u32>, Failure> {
    if model.is_embedding() {
        return Err(Failure::Usage(
            "an embedding model does not converse: leave out --chat".into(),
        ));
    }
    let said: Vec<_> = [("system", command.system.as_deref()), ("user", Some(text))]
        .into_iter()
        .filter_map(|(role, content)| content.map(|content| (role, content)))
        .collect();
    let messages = said
        .iter()
        .map(|(role, content)| json!({ "role": role, "content": content }));
    let tokens = chain.tokenize_chat(model.id, &messages.collect()).await?;
    let back = chain.detokenize(model.id, &tokens).await?;
    if let Some(content) = missing(&back, &said) {
        // What the template adds is the model's business; what was said is not to be lost or changed.
        let message = format!("the node's tokens do not say {content:?} but {back:?}");
        if !command.lossy {
            return Err(Failure::Outcome(format!("{message}; --lossy accepts that")));
        }
        eprintln!("warning: {message}");
    }
    Ok(tokens)
}

/// The first of the messages that does not stand in `text`, after those before it.
fn missing<'a>(text: &str, said: &[(&str, &'a str)]) -> Option<&'a str> {
    let mut rest = text;
    for (_, content) in said {
        match rest.split_once(content.trim()) {
            Some((_, after)) => rest = after,
            None => return Some(content),
        }
    }
    None
}

/// Letters and digits of a text without case.
fn letters(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

fn job_params(command: &Submit, model: &Model) -> Result<JobParams, Failure> {
    if model.is_embedding() {
        return Ok(JobParams::Embed);
    }
    let sampling = match command.temperature {
        None | Some(0) => Sampling::Greedy,
        Some(temperature) if temperature < MIN_TEMPERATURE => {
            return Err(Failure::Usage("the lowest temperature is 0.015625; 0 is greedy".into()));
        },
        Some(temperature) => Sampling::Seeded {
            temperature,
            top_k: command.top_k,
            top_p: command.top_p,
            seed: seed(command.seed.as_deref())?,
        },
    };
    let stop = StopTokens::new(&command.stop).ok_or_else(|| Failure::Usage("at most eight stop tokens".into()))?;
    Ok(JobParams::Generate(GenerateParams {
        max_new_tokens: command.max_tokens,
        sampling,
        stop,
    }))
}

/// The seed given, a number as its low bytes, or a fresh one.
fn seed(text: Option<&str>) -> Result<[u8; 32], Failure> {
    match text {
        None => {
            use sp_core::Pair;
            // A new key's seed is as random as the system allows.
            let (_, seed) = sp_core::sr25519::Pair::generate();
            Ok(seed)
        },
        Some(text) if text.starts_with("0x") => super::parse_bytes("the seed", text),
        Some(text) => {
            let number: u64 = text
                .parse()
                .map_err(|_| Failure::Usage("the seed is neither a number nor 32 bytes of 0x-hex".into()))?;
            let mut seed = [0; 32];
            seed[..8].copy_from_slice(&number.to_le_bytes());
            Ok(seed)
        },
    }
}

#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct SubmittedFields {
    job: u64,
}

/// The id that the chain gave to the job.
fn submitted_id(events: &Events) -> Result<u64, Failure> {
    for event in events.iter() {
        let event = event.map_err(Failure::incompatible)?;
        if event.pallet_name() == "JobEscrow" && event.event_name() == "JobSubmitted" {
            let fields: SubmittedFields = event.decode_fields_unchecked_as().map_err(Failure::incompatible)?;
            return Ok(fields.job);
        }
    }
    Err(Failure::incompatible("the transaction submitted no job"))
}

async fn print_receipt(context: &Context, id: u64) -> Result<(), Failure> {
    let receipt = receipt(context.chain().await?, id).await?;
    let text = receipt.text()?;
    context.print(|| text, || receipt.json())?;
    receipt.verdict()
}

async fn prove(
    context: &Context,
    id: u64,
    block: Option<H256>,
    out: Option<&Path>,
    timeout: Duration,
) -> Result<(), Failure> {
    let chain = context.chain().await?;
    let at = match block {
        Some(block) => block,
        None => proof::finalised(chain, timeout).await?,
    };
    let proof = proof::fetch(chain, id, at).await?;
    print_proof(context, &proof, Some(at))?;
    match out {
        Some(file) => proof.write(file),
        None => Ok(()),
    }
}

/// Checks a proof and prints what it proves; of `block`, when one is named.
fn print_proof(context: &Context, proof: &Proof, block: Option<H256>) -> Result<(), Failure> {
    let proved = proof.check(block)?;
    context.print(|| proof.text(&proved), || Ok(proof.json(&proved)))
}

async fn list(
    context: &Context,
    open: bool,
    provider: Option<String>,
    requester: Option<String>,
) -> Result<(), Failure> {
    let filter = if open {
        json!({ "state": "open" })
    } else {
        json!({ "provider": provider, "requester": requester })
    };
    let jobs = context.chain().await?.list_all("depin_listJobs", Some(filter)).await?;
    context.print(
        || {
            let line = |job: &Value| {
                let status = job["state"]["status"].as_str().unwrap_or_default();
                let requester = job["requester"].as_str().unwrap_or_default();
                format!(
                    "{:>8}  {status:<10} block {:<8} {requester}",
                    job["id"], job["submittedAt"]
                )
            };
            let lines: Vec<String> = jobs.iter().map(line).collect();
            match lines.is_empty() {
                true => "no jobs".to_owned(),
                false => lines.join("\n"),
            }
        },
        || Ok(json!(jobs)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Command};
    use clap::Parser;

    #[test]
    fn what_was_said_must_stand_in_the_tokens_text_in_its_order() {
        let said = [("system", "Be brief."), ("user", " Hello there \n")];
        assert_eq!(
            missing("system\nBe brief.\nuser\nHello there\nassistant\n", &said),
            None
        );
        assert_eq!(
            missing("user\nHello there\nsystem\nBe brief.", &said),
            Some(" Hello there \n")
        );
        assert_eq!(missing("system\nBe brief\nuser\nHello there", &said), Some("Be brief."));
    }

    fn command(options: &str) -> Submit {
        let line = format!("lantern job submit --model m --tokens 1 {options}");
        let Command::Job(Job::Submit(command)) = Cli::parse_from(line.split_whitespace()).command else {
            panic!("a submission")
        };
        *command
    }

    fn model(kind: &str) -> Model {
        serde_json::from_value(json!({
            "id": format!("0x{}", "00".repeat(32)), "name": "m", "owner": "5G", "royaltyPpm": 0, "active": true,
            "spec": { "family": { "kind": kind } },
        }))
        .unwrap()
    }

    #[test]
    fn options_become_exactly_one_job() {
        let options = command("--max-tokens 9 --temperature 0.7 --top-k 40 --top-p 0.95 --seed 5 --stop 1,2");
        let JobParams::Generate(params) = job_params(&options, &model("llama")).unwrap() else {
            panic!("a generation")
        };
        let mut seed = [0; 32];
        seed[0] = 5;
        let sampling = Sampling::Seeded {
            temperature: 45_875,
            top_k: 40,
            top_p: 62_259,
            seed,
        };
        assert_eq!((params.max_new_tokens, params.sampling), (9, sampling));
        assert_eq!(params.stop.as_slice(), [1, 2]);
    }

    #[test]
    fn greedy_is_the_default_and_embedding_follows_the_model() {
        for options in ["", "--temperature 0"] {
            let params = job_params(&command(options), &model("llama")).unwrap();
            assert!(matches!(params, JobParams::Generate(params) if params.sampling == Sampling::Greedy));
        }
        assert_eq!(job_params(&command(""), &model("bert")).unwrap(), JobParams::Embed);
    }

    #[test]
    fn impossible_options_are_usage_errors() {
        for options in [
            "--temperature 0.01",
            "--temperature 1 --seed x",
            "--temperature 1 --seed 0x00",
            "--stop 1,2,3,4,5,6,7,8,9",
        ] {
            let failure = job_params(&command(options), &model("llama")).unwrap_err();
            assert_eq!(failure.exit_code(), 2, "{options}");
        }
    }

    #[test]
    fn seeds_left_out_differ_from_job_to_job() {
        assert_ne!(seed(None).unwrap(), seed(None).unwrap());
        assert_eq!(seed(Some("0")).unwrap(), [0; 32]);
    }

    #[test]
    fn parameters_are_quoted_as_they_are_submitted() {
        let params = job_params(&command("--temperature 1 --seed 1 --max-tokens 3"), &model("llama")).unwrap();
        let json = json!(ParamsJson::from(&params));
        assert_eq!(json["maxNewTokens"], 3);
        assert_eq!(json["sampling"]["temperatureQ16"], 65_536);
        assert_eq!(json["sampling"]["seed"], format!("0x01{}", "00".repeat(31)));
    }

    #[test]
    fn only_letters_count_when_embeddings_are_compared() {
        assert_eq!(letters("The  Lantern, burns!"), letters("the lantern , burns !"));
        assert_ne!(letters("the lantern"), letters("a lantern"));
    }
}
