//! The commands of a block: one line each, or more where a line does not complete a command.
//!
//! Some commands set up a machine, so they cannot run in a test; some go on until they are interrupted.

use std::process::Command;

/// A command, and what the page shows of its output.
#[derive(Clone, Debug, PartialEq)]
pub struct ShownCommand {
    /// The line of the page.
    pub line: usize,
    /// The command as it is written, without a prompt.
    pub text: String,
    /// The lines below it; none in a block that shows no output.
    pub output: Vec<String>,
}

/// Returns the commands of a block without prompts.
pub fn plain(text: &str, line: usize) -> Vec<ShownCommand> {
    let mut commands = Vec::new();
    let mut open = String::new();
    let mut start = line;
    for (at, content) in text.lines().enumerate() {
        if open.is_empty() {
            if is_blank(content) {
                continue;
            }
            start = line + at;
        }
        open += content;
        open.push('\n');
        if is_complete(&open) {
            commands.push(command(start, std::mem::take(&mut open)));
        }
    }
    if !open.is_empty() {
        commands.push(command(start, open));
    }
    commands
}

/// Returns the commands of a block with prompts, and what is shown below each.
///
/// # Errors
/// The block shows output before the first prompt.
pub fn prompted(text: &str, line: usize) -> Result<Vec<ShownCommand>, String> {
    let mut commands: Vec<ShownCommand> = Vec::new();
    for (at, content) in text.lines().enumerate() {
        if let Some(typed) = content.strip_prefix("$ ") {
            commands.push(command(line + at, typed.to_owned()));
            continue;
        }
        let last = commands
            .last_mut()
            .ok_or("output before the first prompt")?;
        if last.output.is_empty() && !is_complete(&last.text) {
            let typed = content.strip_prefix("> ").unwrap_or(content);
            last.text = format!("{}\n{typed}", last.text);
        } else {
            last.output.push(content.trim_end().to_owned());
        }
    }
    for command in &mut commands {
        while command.output.last().is_some_and(String::is_empty) {
            command.output.pop();
        }
    }
    Ok(commands)
}

fn command(line: usize, text: String) -> ShownCommand {
    ShownCommand {
        line,
        text: text.trim_end().to_owned(),
        output: Vec::new(),
    }
}

fn is_blank(line: &str) -> bool {
    line.trim().is_empty() || line.trim_start().starts_with('#')
}

/// Returns true if bash accepts the lines as a whole command. It warns about a here-document without its end.
fn is_complete(lines: &str) -> bool {
    if lines.trim_end().ends_with('\\') {
        return false;
    }
    let output = Command::new("bash").args(["-n", "-c", lines]).output();
    output.is_ok_and(|output| output.status.success() && output.stderr.is_empty())
}

/// Programs that change the machine or build the workspace.
const SETS_UP: [&str; 16] = [
    "make",
    "sudo",
    "apt",
    "apt-get",
    "dpkg",
    "cargo",
    "rustup",
    "git",
    "cd",
    "systemctl",
    "journalctl",
    "tar",
    "su",
    "adduser",
    "install",
    "man",
];

/// Returns true if a command sets up a machine.
pub fn sets_up(command: &str) -> bool {
    let program = command.split_whitespace().find(|word| !word.contains('='));
    program.is_some_and(|program| SETS_UP.contains(&program) || program.starts_with("scripts/"))
}

/// Returns true if a command reads the options of the program `atom` and goes on until it is interrupted.
/// `live_file` tells whether a pipeline file has a live source.
pub fn goes_on(command: &str, live_file: impl Fn(&str) -> bool) -> bool {
    let words: Vec<&str> = without_comment(command).split_whitespace().collect();
    if !words.contains(&"atom") || words.contains(&"--help") {
        return false;
    }
    let runs = |word: &str| words.windows(2).any(|pair| pair == ["atom", word]);
    if runs("watch") {
        return true;
    }
    if runs("index") && words.contains(&"--watch") {
        return true;
    }
    let address = |word: &&str| LIVE_ADDRESSES.iter().any(|address| word.contains(address));
    let plays = runs("run") || runs("caption") || runs("index");
    plays && (words.iter().any(address) || words.iter().any(|word| live_file(word)))
}

/// Beginnings of the addresses of live sources.
const LIVE_ADDRESSES: [&str; 4] = ["rtsp://", "rtsps://", "http://", "v4l2://"];

/// Returns true if a command serves HTTP.
pub fn listens(command: &str) -> bool {
    without_comment(command).contains(" --listen")
}

/// Returns a command without the comment at its end.
pub fn without_comment(command: &str) -> &str {
    command.split(" #").next().unwrap_or(command).trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(commands: &[ShownCommand]) -> Vec<&str> {
        commands
            .iter()
            .map(|command| command.text.as_str())
            .collect()
    }

    #[test]
    fn a_command_ends_where_the_shell_says() {
        let text = "# first\na b\nc \\\n  d\n\ne 'f\ng'\ncat <<X\nh\nX\n";
        let commands = plain(text, 1);
        assert_eq!(
            texts(&commands),
            ["a b", "c \\\n  d", "e 'f\ng'", "cat <<X\nh\nX"]
        );
        assert_eq!(commands[1].line, 3);
    }

    #[test]
    fn output_belongs_to_the_prompt_above_it() {
        let commands = prompted("$ a \\\n> b\nc\n\nd\n\n$ e\n", 5).expect("a prompt comes first");
        assert_eq!(texts(&commands), ["a \\\nb", "e"]);
        assert_eq!(commands[0].output, ["c", "", "d"]);
        assert_eq!((commands[1].line, commands[1].output.len()), (11, 0));
        prompted("a\n$ b\n", 1).expect_err("no prompt comes first");
    }

    #[test]
    fn commands_without_an_end_are_known() {
        let live = |word: &str| word == "live.toml";
        assert!(goes_on("atom watch plane  # until Ctrl-C", live));
        assert!(goes_on("atom index recordings/ --watch", live));
        assert!(goes_on(
            "atom run live --source camera=rtsp://192.0.2.7/door",
            live
        ));
        assert!(goes_on("TZ=UTC atom run live.toml", live));
        assert!(!goes_on("atom run door.toml", live));
        assert!(!goes_on("atom check live.toml", live));
        assert!(!goes_on("curl http://127.0.0.1:9600/metrics", live));
        assert!(sets_up("sudo apt install ./atom.deb") && !sets_up("atom caption a.mp4"));
    }
}
