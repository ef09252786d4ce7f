//! `lantern model`.

use std::path::Path;

use codec::DecodeAll;
use lantern_exact::{model_id, ModelSpec};
use serde_json::{json, Value};
use subxt::{config::substrate::H256, rpcs::client::rpc_params};

use super::{parse_bytes, parse_hex};
use crate::{args::Model, call::call, context::Context, failure::Failure};

/// What is registered.
#[derive(Debug)]
struct Registration {
    name: String,
    spec: ModelSpec,
    weights_root: [u8; 32],
}

impl Registration {
    fn id(&self) -> H256 {
        H256(model_id(&self.spec, &self.weights_root))
    }
}

/// Runs the command.
pub async fn run(context: &Context, command: Model) -> Result<(), Failure> {
    match command {
        Model::Register {
            worker_models_json,
            spec,
            weights_root,
            name,
            royalty,
            parents,
        } => {
            let registration = match (worker_models_json, spec, weights_root) {
                (Some(file), _, _) => from_worker(&file, name.as_deref())?,
                (None, Some(spec), Some(root)) => Registration {
                    name: name.unwrap_or_default(),
                    spec: decode_spec(&spec)?,
                    weights_root: root.0,
                },
                _ => {
                    return Err(Failure::Usage(
                        "give --worker-models-json, or --spec with --weights-root".into(),
                    ))
                },
            };
            register(context, &registration, royalty, &parents).await
        },
        Model::List => list(context).await,
        Model::Show { model } => {
            let chain = context.chain().await?;
            let id = chain.model(&model).await?.id;
            let model: Value = chain.request("depin_getModel", rpc_params![id]).await?;
            context.print(|| format!("{model:#}"), || Ok(model.clone()))
        },
    }
}

async fn register(context: &Context, model: &Registration, royalty: u32, parents: &[H256]) -> Result<(), Failure> {
    // The chain would refuse it too; this says why without a fee.
    model
        .spec
        .validate()
        .map_err(|error| Failure::Usage(format!("the specification is not valid: {error}")))?;
    let parents: Vec<[u8; 32]> = parents.iter().map(|parent| parent.0).collect();
    let register = call("ModelRegistry", "register")
        .arg("name", model.name.as_bytes().to_vec())
        .arg("spec", model.spec)
        .arg("weights_root", model.weights_root)
        .arg("royalty", royalty)
        .arg("parents", parents)
        .build();
    let included = context.submit(&register).await?;
    let id = model.id();
    context.print(
        || format!("registered {} as {id:?} (block {})", model.name, included.number),
        || Ok(json!({ "model": id, "name": model.name, "block": included.number, "transaction": included.hash })),
    )
}

async fn list(context: &Context) -> Result<(), Failure> {
    let models = context.chain().await?.list_all("depin_listModels", None).await?;
    context.print(
        || {
            let line = |model: &Value| {
                let text = |name: &str| model[name].as_str().unwrap_or_default().to_owned();
                let kind = if model["spec"]["family"]["kind"] == "bert" {
                    "embedding"
                } else {
                    "generation"
                };
                let royalty =
                    f64::from(u32::try_from(model["royaltyPpm"].as_u64().unwrap_or_default()).unwrap_or_default());
                let closed = if model["active"] == true { "" } else { "  closed" };
                format!(
                    "{}  {:<24} {kind:<10} royalty {} %{closed}",
                    text("id"),
                    text("name"),
                    royalty / 10_000.0
                )
            };
            let lines: Vec<String> = models.iter().map(line).collect();
            match lines.is_empty() {
                true => "no models".to_owned(),
                false => lines.join("\n"),
            }
        },
        || Ok(json!(models)),
    )
}

/// A specification from the hex of its SCALE encoding.
fn decode_spec(text: &str) -> Result<ModelSpec, Failure> {
    let bytes = parse_hex("the specification", text)?;
    ModelSpec::decode_all(&mut bytes.as_slice())
        .map_err(|error| Failure::Usage(format!("the specification cannot be decoded: {error}")))
}

/// The model in a worker's list, or the one of them that has `name`.
fn from_worker(file: &Path, name: Option<&str>) -> Result<Registration, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::Usage(format!("cannot read {}: {error}", file.display())))?;
    let list: Value = serde_json::from_str(&text)
        .map_err(|error| Failure::Usage(format!("{} is not JSON: {error}", file.display())))?;
    pick(&list, name)
}

fn pick(list: &Value, name: Option<&str>) -> Result<Registration, Failure> {
    let entries: Vec<&Value> = match (list, &list["models"]) {
        (Value::Array(entries), _) | (_, Value::Array(entries)) => entries.iter().collect(),
        (entry, _) => vec![entry],
    };
    let mut matching = entries
        .iter()
        .filter(|entry| name.is_none_or(|name| entry["name"] == name));
    let entry = match (matching.next(), matching.next()) {
        (Some(entry), None) => entry,
        (Some(_), Some(_)) => {
            return Err(Failure::Usage(
                "the file lists several models: pick one with --name".into(),
            ))
        },
        (None, _) => return Err(Failure::Usage("the file lists no such model".into())),
    };
    let text = |field: &str| {
        let value = entry[field].as_str();
        value.ok_or_else(|| Failure::Usage(format!("the model in the file has no `{field}`")))
    };
    let registration = Registration {
        name: text("name")?.to_owned(),
        spec: decode_spec(text("spec")?)?,
        weights_root: parse_bytes("weights_root", text("weights_root")?)?,
    };
    let stated: [u8; 32] = parse_bytes("id", text("id")?)?;
    if registration.id().0 != stated {
        return Err(Failure::Usage(format!(
            "the file says {} is {:?}, but specification and weights root give {:?}",
            registration.name,
            H256(stated),
            registration.id()
        )));
    }
    Ok(registration)
}

#[cfg(test)]
mod tests {
    use super::*;
    use codec::Encode;
    use lantern_exact::{BertSpec, Family, Pooling, Width};

    fn spec() -> ModelSpec {
        ModelSpec {
            family: Family::Bert(BertSpec {
                pooling: Pooling::Mean,
                normalize: true,
            }),
            arithmetic: 1,
            activation: Width::Wide,
            keys: Width::Wide,
            hidden: 4,
            intermediate: 8,
            layers: 1,
            heads: 1,
            kv_heads: 1,
            head_dim: 4,
            vocab: 300,
            max_context: 64,
            norm_eps: 1 << 40,
            tokenizer_hash: [2; 32],
        }
    }

    fn entry(name: &str) -> Value {
        json!({
            "name": name, "kind": "embedding", "weights_root": hex::encode([3; 32]),
            "spec": hex::encode(spec().encode()), "id": hex::encode(model_id(&spec(), &[3; 32])),
        })
    }

    #[test]
    fn a_workers_model_is_read_and_its_id_checked() {
        for list in [entry("a"), json!([entry("a")]), json!({ "models": [entry("a")] })] {
            let registration = pick(&list, None).unwrap();
            assert_eq!((registration.name.as_str(), registration.spec), ("a", spec()));
        }
        let mut wrong = entry("a");
        wrong["weights_root"] = json!(hex::encode([4; 32]));
        assert_eq!(pick(&wrong, None).unwrap_err().exit_code(), 2);
    }

    #[test]
    fn several_models_need_a_name() {
        let list = json!([entry("a"), entry("b")]);
        assert!(pick(&list, None).is_err());
        assert_eq!(pick(&list, Some("b")).unwrap().name, "b");
        assert!(pick(&list, Some("c")).is_err());
    }

    #[test]
    fn broken_files_are_usage_errors() {
        let mut truncated = entry("a");
        truncated["spec"] = json!("0x00");
        for list in [truncated, json!({}), json!([]), json!([{"name": "a"}]), json!("text")] {
            assert_eq!(pick(&list, None).unwrap_err().exit_code(), 2, "{list}");
        }
    }
}
