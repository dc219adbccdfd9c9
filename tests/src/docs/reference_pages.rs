//! The reference pages, made from what the program prints and declares.
//!
//! A page holds only what comes from the code, so the code is the place to improve it.

use std::fmt::Write;

use atom_pipelines::kind_docs;
use atom_runtime::metrics::Metrics;

use crate::program::Workdir;

/// The first lines of a page after its title.
fn opening(title: &str, about: &str) -> String {
    format!(
        "<!-- Made by `UPDATE_GOLDEN=1 cargo test --release -p atom-tests --test docs_reference`. -->\n\n# {title}\n\n{about}\n"
    )
}

/// Returns the page of all keys of pipeline files: the content of `atom docs`.
///
/// # Panics
/// A kind is not explained.
pub fn pipeline_keys() -> String {
    let mut page = opening(
        "Keys of pipeline files",
        "Every table and kind with its keys, as `atom docs` prints them. [Pipeline files](../pipeline-files.md) explains\nhow they work together.",
    );
    let kinds: Vec<_> = kind_docs::kinds().collect();
    page.push('\n');
    for kind in &kinds {
        push(&mut page, &format!("- [{kind}](#{kind})"));
    }
    for kind in kinds {
        push(&mut page, &format!("\n## {kind}"));
        let text = kind_docs::kind(kind).expect("a kind is explained");
        page += &markdown_of_docs(&text);
    }
    page
}

/// Turns the text of `atom docs KIND` into Markdown: indented keys become a list, examples become a block.
fn markdown_of_docs(text: &str) -> String {
    let (explained, examples) = match text.find("\nexample") {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let mut page = String::new();
    let (mut in_text, mut in_list) = (false, false);
    for line in explained.lines() {
        if let Some(more) = line.strip_prefix("      ") {
            push(&mut page, &format!("  {}", escaped(more)));
        } else if let Some(key) = line.strip_prefix("  ") {
            if !in_list {
                page.push('\n');
            }
            in_list = true;
            let (name, expected) = key.split_once(": ").unwrap_or((key, ""));
            push(&mut page, &format!("- **`{name}`**: {}\\", code(expected)));
        } else if line.trim().is_empty() {
            in_text = false;
        } else {
            if !in_text {
                page.push('\n');
            }
            in_text = true;
            push(&mut page, &labelled(line));
        }
    }
    let examples = examples.trim_start();
    if let Some((title, toml)) = examples.split_once('\n') {
        let text = format!("\n{title}\n\n```toml\n{}\n```", toml.trim());
        push(&mut page, &text);
    }
    page.replace("\\\n- ", "\n- ").replace("\\\n\n", "\n\n")
}

/// Shows a default value as code.
fn code(expected: &str) -> String {
    match expected.split_once("default ") {
        Some((kind, default)) => format!("{}default `{default}`", escaped(kind)),
        None => escaped(expected),
    }
}

/// Returns the page of all commands with their help.
pub fn commands() -> String {
    let mut page = opening(
        "Commands",
        "The help of every command, as `atom COMMAND --help` prints it.",
    );
    let mut waiting = vec![Vec::new()];
    while let Some(command) = waiting.pop() {
        let help = help_of(&command);
        let name = [&["atom".to_owned()], &command[..]].concat().join(" ");
        push(
            &mut page,
            &format!("\n## {name}\n\n```text\n{}\n```", help.trim_end()),
        );
        for subcommand in subcommands(&help).into_iter().rev() {
            waiting.push([&command[..], &[subcommand]].concat());
        }
    }
    page
}

fn help_of(command: &[String]) -> String {
    let mut arguments: Vec<&str> = command.iter().map(String::as_str).collect();
    arguments.push("--help");
    let output = Workdir::new().atom(&arguments).ok();
    let lines = output.stdout.lines().map(str::trim_end);
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the commands that a help text lists.
fn subcommands(help: &str) -> Vec<String> {
    let list = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let list = list.take_while(|line| !line.is_empty());
    let entries = list.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = entries.filter_map(|line| line.split_whitespace().next());
    let names = names.filter(|name| *name != "help");
    names.map(str::to_owned).collect()
}

/// Returns the page of all metrics with their labels and help texts.
pub fn metrics() -> String {
    let mut page = opening(
        "Metrics",
        "What `/metrics` serves when a run [listens](../http-api.md), in the text format of Prometheus. A name says its unit: `_seconds`,\n`_fps` (frames per second); `_total` marks counters. In parentheses: the type and the labels. The metrics named `process_...` of Prometheus' client libraries are\nthere too.",
    );
    page.push('\n');
    for metric in Metrics::new().declarations() {
        let labels = metric.labels.iter().map(|label| format!("`{label}`"));
        let about: Vec<_> = std::iter::once(metric.kind.to_owned())
            .chain(labels)
            .collect();
        let line = format!("- **`{}`** ({})\\", metric.name, about.join(", "));
        push(&mut page, &line);
        push(&mut page, &format!("  {}", escaped(&metric.help)));
    }
    page
}

fn push(page: &mut String, line: &str) {
    writeln!(page, "{line}").expect("writing to a String cannot fail");
}

/// Shows a label, which two spaces part from its value.
fn labelled(line: &str) -> String {
    match line.split_once("  ") {
        Some((label, value)) => format!("**{label}**: {}\\", escaped(value.trim())),
        None => escaped(line),
    }
}

/// Escapes what Markdown would read as a tag, a link or emphasis, outside code.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    let mut in_code = false;
    for c in text.chars() {
        in_code ^= c == '`';
        if !in_code && matches!(c, '<' | '[' | ']' | '*' | '_') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_kind_becomes_markdown() {
        let text = "cut: a kind of node\n\nCuts [a] video\ninto parts.\n\ntakes  frames\ngives  parts\n\nkeys:\n  kind: \"cut\"\n  length_ms: a number, default 4000\n      How long\n      a part is.\n\nexample:\n\n[node.NAME]\nkind = \"cut\"\n";
        let expected = "\ncut: a kind of node\n\nCuts \\[a\\] video\ninto parts.\n\n**takes**: frames\\\n**gives**: parts\n\nkeys:\n\n- **`kind`**: \"cut\"\n- **`length_ms`**: a number, default `4000`\\\n  How long\n  a part is.\n\nexample:\n\n```toml\n[node.NAME]\nkind = \"cut\"\n```\n";
        assert_eq!(markdown_of_docs(text), expected);
    }

    #[test]
    fn the_commands_of_a_help_text_are_found() {
        let help = "Usage: atom\n\nCommands:\n  caption  Caption\n           more\n  help     Help\n\nOptions:\n  -v  more\n";
        assert_eq!(subcommands(help), ["caption"]);
    }
}
