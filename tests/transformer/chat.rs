//! Chat templates render as in the Python package `transformers` (`analyses/golden_chat.py`).

use serde_json::{Value, json};
use unargmax::checkpoint;
use unargmax::reach::chat::{ChatTemplate, Message};

use super::changed::{Changed, Meta};

fn golden() -> Value {
    serde_json::from_slice(include_bytes!("../data/chat/golden.json")).unwrap()
}

fn messages(case: &Value) -> Vec<Message> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let message = |m: &Value| Message { role: text(&m["role"]), content: text(&m["content"]) };
    case["messages"].as_array().unwrap().iter().map(message).collect()
}

/// A folder with a model and these files beside it.
fn folder(files: &[(&str, String)]) -> Changed {
    let changed = Changed::of("llama");
    for (name, text) in files {
        std::fs::write(changed.path().join(name), text).unwrap();
    }
    changed
}

fn template(changed: &Changed) -> unargmax::error::Result<ChatTemplate> {
    let path = changed.path();
    ChatTemplate::of(checkpoint::open(&path).unwrap().as_ref(), &path)
}

#[test]
fn every_template_renders_as_in_the_reference() {
    let golden = golden();
    let (mut rendered, mut refused) = (0, 0);
    for case in golden["cases"].as_array().unwrap() {
        let mut config = golden["special"].clone();
        config["bos_token"] = json!({"content": golden["special"]["bos_token"], "lstrip": false});
        let text = case["template"].as_str().unwrap();
        let file = ("chat_template.jinja", text.to_owned());
        let beside = folder(&[("tokenizer_config.json", config.to_string()), file]);
        config["chat_template"] = case["template"].clone();
        let inside = folder(&[("tokenizer_config.json", config.to_string())]);
        config["chat_template"] =
            json!([{"name": "tool_use", "template": "-"}, {"name": "default", "template": text}]);
        let listed = folder(&[("tokenizer_config.json", config.to_string())]);
        for changed in [beside, inside, listed] {
            let said = template(&changed).unwrap().render(&messages(case));
            match case["text"].as_str() {
                Some(expected) => {
                    assert_eq!(said.unwrap(), expected, "{}", case["name"]);
                    rendered += 1;
                }
                None => {
                    let why = case["refused"].as_str().unwrap();
                    let said = said.unwrap_err().to_string();
                    assert!(said.contains(why), "{said} / {why}");
                    refused += 1;
                }
            }
        }
    }
    assert!(rendered >= 30 && refused == 0, "{rendered} {refused}");
}

#[test]
fn gguf_files_have_the_template_and_its_tokens_in_their_metadata() {
    let text = "{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}";
    let keys = [("tokenizer.chat_template", Meta::Text(text))];
    let changed = Changed::of("llama-gguf-f32").gguf(&keys, &[]);
    let file = changed.file();
    let template = ChatTemplate::of(checkpoint::open(&file).unwrap().as_ref(), &file).unwrap();
    let message = Message { role: "user".to_owned(), content: "Hi".to_owned() };
    assert_eq!(template.render(&[message]).unwrap(), "t1user: Hi\n");
}

#[test]
fn a_model_without_a_template_and_templates_that_are_wrong_are_refused_in_one_sentence() {
    let message = Message { role: "user".to_owned(), content: "Hi".to_owned() };
    let said = template(&folder(&[])).unwrap_err().to_string();
    assert!(said.contains("no chat template") && said.contains("without --chat"), "{said}");
    for (text, says) in [
        ("{% for m in messages %}", "the chat template (line 1)"),
        ("{{ messages | nothing }}", "nothing"),
        ("a\n{{ raise_exception('Only tools.') }}", "the chat template (line 2): Only tools."),
        ("{{ strftime_now('%Y') }}", "strftime_now"),
        ("{% for i in range(9999) %}{{ 'long' * 9999 }}{% endfor %}", "writes more than 16 MiB"),
        (
            "{% for a in range(9999) %}{% for b in range(9999) %}{{ a * b }}{% endfor %}{% endfor %}",
            "fuel",
        ),
    ] {
        let changed = folder(&[("chat_template.jinja", text.to_owned())]);
        let said = template(&changed).unwrap().render(std::slice::from_ref(&message));
        let said = said.unwrap_err().to_string();
        assert!(said.contains(says) && said.contains("chat_template.jinja"), "{said}");
        assert!(!said.contains('\n'), "{said}");
    }
}
