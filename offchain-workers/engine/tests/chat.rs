//! Chat templates give what Jinja2 gives in Hugging Face's settings, and hostile ones end.
//!
//! `chat.json` holds templates of published models (shortened where they describe tools), conversations, and for each pair the text
//! that Jinja2 3.1.6 renders, or the message that the template raises.

#![allow(clippy::unwrap_used)] // A test that meets something unexpected is to end there.

mod common;

use common::{folder, llama_config, llama_tensors};
use lantern_engine::{ChatError, ChatMessage, ChatTemplate, LoadError, LoadOptions, LoadedModel, ModelSource};
use serde::Deserialize;
use serde_json::json;
use std::{collections::BTreeMap, fs, path::Path};

#[derive(Deserialize)]
struct Golden {
    models: BTreeMap<String, Model>,
    conversations: BTreeMap<String, Vec<ChatMessage>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Model {
    template: String,
    tokens: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Case {
    model: String,
    conversation: String,
    answer: bool,
    text: Option<String>,
    refused: Option<String>,
}

fn user(text: &str) -> Vec<ChatMessage> {
    let (role, content) = ("user".into(), text.into());
    vec![ChatMessage { role, content }]
}

fn render(template: &str, messages: &[ChatMessage]) -> Result<String, ChatError> {
    ChatTemplate::new(template.into(), BTreeMap::new())
        .unwrap()
        .render(messages, true)
}

#[test]
fn templates_of_published_models_give_what_jinja2_gives() {
    let golden: Golden = serde_json::from_str(include_str!("chat.json")).unwrap();
    assert_eq!(golden.cases.len(), 64);
    for case in &golden.cases {
        let Model { template, tokens } = &golden.models[&case.model];
        let template = ChatTemplate::new(template.clone(), tokens.clone()).unwrap();
        let messages = &golden.conversations[&case.conversation];
        let expected = match (&case.text, &case.refused) {
            (Some(text), None) => Ok(text.clone()),
            (None, Some(message)) => Err(ChatError::Refused(message.clone())),
            _ => unreachable!(),
        };
        let found = template.render(messages, case.answer);
        assert_eq!(
            found, expected,
            "{}, {}, {}",
            case.model, case.conversation, case.answer
        );
    }
}

#[test]
fn tags_for_trainers_print_nothing_and_the_date_is_written() {
    let template = "{% for m in messages %}{%- generation -%} {{ m.content }} {%- endgeneration %}{% endfor %}";
    assert_eq!(render(template, &user("hi")).unwrap(), "hi");
    let date = render("{{ strftime_now('%Y-%m-%d') }}", &[]).unwrap();
    assert!(date.len() == 10 && date.starts_with("20"), "{date}");
    assert!(render("{{ strftime_now('%Q%!') }}", &[]).is_err());
}

#[test]
fn hostile_templates_end_with_an_error() {
    let spin = "{% for a in range(90000) %}{% for b in range(90000) %}{% set c = a * b %}{% endfor %}{% endfor %}";
    assert_eq!(render(spin, &[]), Err(ChatError::Endless));
    let flood = "{% for a in range(90000) %}{{ messages[0].content }}{% endfor %}";
    let flooded = render(flood, &user(&"x".repeat(1000)));
    assert!(matches!(flooded, Err(ChatError::TooLong { .. })), "{flooded:?}");
    let long = render("{{ messages[0].content }}", &user(&"x".repeat(5 << 20)));
    assert!(matches!(long, Err(ChatError::TooLong { .. })), "{long:?}");
    assert!(ChatTemplate::new("x".repeat(2 << 20), BTreeMap::new()).is_err());

    let parentheses = |count: usize| format!("{{{{ {}1{} }}}}", "(".repeat(count), ")".repeat(count));
    let blocks = |count: usize| "{% if true %}".repeat(count) + &"{% endif %}".repeat(count);
    for template in [
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}".to_owned(),
        "{% macro f(x) %}{{ f(x ~ x) }}{% endmacro %}{{ f('') }}".to_owned(),
        "{{ range(1000000000) }}".to_owned(),
        "{{ 'x' * 100000000000 }}".to_owned(),
        "{{ missing.field }}".to_owned(),
        "{{ 1 / 0 }}".to_owned(),
        "{{ 'text' | nothing }}".to_owned(),
        "{{ nothing() }}".to_owned(),
        "{% include '/etc/hostname' %}".to_owned(),
        "{% import 'os' as os %}".to_owned(),
        "{{ messages.__class__.__mro__ }}".to_owned(),
        "{{".to_owned(),
        "{% for".to_owned(),
        "{% if true %}".to_owned(),
        "{% generation".to_owned(),
        "{%-%}".to_owned(),
        "{{ '\\ud800' }}".to_owned(),
        parentheses(30_000),
        blocks(2_500),
        "{{ 1".to_owned() + &" + 1".repeat(15_000) + "}",
        "{{ 'a'".to_owned() + &"|nothing".repeat(8_000) + " }}",
    ] {
        let found = render(&template, &user("hi"));
        let shown: String = template.chars().take(60).collect();
        assert!(matches!(found, Err(ChatError::Failed(_))), "{shown}: {found:?}");
    }
    // Nested as deep as bounds let them be, by the template or by its steps: whatever comes of it, the process goes on.
    let nest = "{% set ns = namespace(x=[]) %}{% for i in range(20000) %}{% set ns.x = [ns.x] %}{% endfor %}";
    for deep in [
        "{{ ".to_owned() + &"not ".repeat(16_000) + "1 }}",
        "{{ ".to_owned() + &"-".repeat(65_000) + "1 }}",
        "{{ 1".to_owned() + &" + 1".repeat(16_000) + " }}",
        "{{ x".to_owned() + &".x".repeat(32_000) + " }}",
        "{{ x".to_owned() + &"[0]".repeat(21_000) + " }}",
        format!("{nest}{{{{ ns.x }}}}"),
        format!("{nest}{{{{ ns.x | tojson }}}}"),
        format!("{nest}{{{{ ns.x == ns.x }}}}"),
        nest.replace("20000", "90000"),
    ] {
        let _ = render(&deep, &[]);
    }
    assert_eq!(
        render("{{ raise_exception('no ' ~ messages[0].role) }}", &user("")),
        Err(ChatError::Refused("no user".into()))
    );
}

fn load(path: &Path) -> Result<LoadedModel, LoadError> {
    LoadedModel::load(&ModelSource::at(path)?, &LoadOptions::default())
}

#[test]
fn templates_are_found_in_a_models_files() {
    let files = folder(&llama_config(), &llama_tensors("model.", false));
    let write = |name: &str, text: &str| fs::write(files.path().join(name), text).unwrap();
    let rendered = || {
        let model = load(files.path()).unwrap();
        model
            .chat_template()
            .map(|template| template.render(&user("w3 w4"), true))
    };
    assert_eq!(rendered(), None);
    let template = "{{ bos_token }} {{ messages[0].content }} {{ eos_token }}";
    let config = json!({"chat_template": template, "bos_token": {"content": "w1", "special": true}, "eos_token": "w2"});
    write("tokenizer_config.json", &config.to_string());
    assert_eq!(rendered(), Some(Ok("w1 w3 w4 w2".into())));
    let model = load(files.path()).unwrap();
    let tokens = model.tokenizer().unwrap().encode_rendered("w1 w3 w4 w2").unwrap();
    assert_eq!(tokens, [1, 3, 4, 2]);

    let list = json!([{"name": "tool_use", "template": "tools"}, {"name": "default", "template": "plain"}]);
    write("tokenizer_config.json", &json!({"chat_template": list}).to_string());
    assert_eq!(rendered(), Some(Ok("plain".into())));
    let list = json!([{"name": "tool_use", "template": "tools"}, {"name": "rag", "template": "rag"}]);
    write("tokenizer_config.json", &json!({"chat_template": list}).to_string());
    assert_eq!(rendered(), None);
    write(
        "tokenizer_config.json",
        &json!({"chat_template": null, "bos_token": null}).to_string(),
    );
    assert_eq!(rendered(), None);
    // A file of its own goes first; a template that is no good costs the conversation, not the model.
    write("chat_template.jinja", "own{{");
    assert!(matches!(rendered(), Some(Err(ChatError::Failed(_)))));

    let refusal = |name: &str, bytes: &[u8]| {
        fs::write(files.path().join(name), bytes).unwrap();
        let message = load(files.path()).unwrap_err().to_string();
        assert!(message.starts_with(name), "{message}");
    };
    refusal("chat_template.jinja", b"\xff\xfe");
    fs::remove_file(files.path().join("chat_template.jinja")).unwrap();
    refusal("tokenizer_config.json", b"[]");
    refusal("tokenizer_config.json", b"{\"chat_template\": 3}");
    refusal("tokenizer_config.json", b"{");
}
