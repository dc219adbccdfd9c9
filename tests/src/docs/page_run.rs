//! Runs the blocks of a page from top to bottom in one folder, and collects what is not as the page says.
//!
//! A block that is neither runnable nor output nor a file is a problem, so nothing escapes silently.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    commands::{self, ShownCommand},
    docs_folder::DocsFolder,
    messages,
    page::{CodeBlock, Page},
    pipeline_part, set_up_commands, shown_json, shown_output,
};
use crate::program::{Process, ProgramOutput, TIMEOUT};

/// Languages of blocks that are parts of source files, and the pages that may show them. The worked examples for
/// contributors change many files, so no test can compile them.
const SOURCE_CODE: [(&str, &str); 1] = [("rust", "CONTRIBUTING.md")];

/// Runs a page and returns its problems, each with page and line.
pub fn problems(page: &Page) -> Vec<String> {
    let mut run = PageRun::new(page);
    for (at, block) in page.blocks.iter().enumerate() {
        run.block(block, &page.blocks[at + 1..]);
    }
    run.stop_server();
    run.problems
}

/// A page that is being run.
struct PageRun<'a> {
    page: &'a Page,
    folder: Option<DocsFolder>,
    /// The process that serves HTTP until the end of the page.
    server: Option<Process>,
    /// The values of the last command that printed JSON.
    json: Vec<Value>,
    problems: Vec<String>,
}

impl<'a> PageRun<'a> {
    fn new(page: &'a Page) -> Self {
        Self {
            page,
            folder: None,
            server: None,
            json: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Returns the folder, which is made for the first command that needs it.
    fn folder(&mut self) -> &DocsFolder {
        self.folder.get_or_insert_with(DocsFolder::new)
    }

    fn problem(&mut self, line: usize, text: impl AsRef<str>) {
        let place = format!("{}:{line}", self.page.path);
        self.problems.push(format!("{place}: {}", text.as_ref()));
    }

    fn block(&mut self, block: &CodeBlock, later: &[CodeBlock]) {
        if let Some(reason) = &block.untested {
            if reason.split_whitespace().count() < 3 {
                self.problem(block.line, "untested without a reason");
            }
            return;
        }
        if self.page.path == set_up_commands::INSTALL_PAGE && block.language == "sh" {
            if let Some(problem) = set_up_commands::section_problem(&block.section) {
                self.problem(block.line, problem);
            }
            return;
        }
        if let Some(name) = &block.saved_as {
            self.folder().save(name, &block.text);
        }
        match block.language.as_str() {
            "toml" => self.pipeline(block, later),
            "sh" => self.commands(commands::plain(&block.text, block.line)),
            _ if block.saved_as.is_some() => {}
            "text" if block.text.starts_with("$ ") => self.transcript(block),
            "text" if messages::is_message(&block.text) => self.messages(block),
            "json" => self.json_example(block),
            language if SOURCE_CODE.contains(&(language, self.page.path.as_str())) => {}
            language => {
                let problem = format!("a block {language:?} that is neither commands nor output");
                self.problem(block.line, problem);
            }
        }
    }

    fn transcript(&mut self, block: &CodeBlock) {
        match commands::prompted(&block.text, block.line) {
            Ok(commands) => self.commands(commands),
            Err(problem) => self.problem(block.line, problem),
        }
    }

    fn commands(&mut self, commands: Vec<ShownCommand>) {
        for command in commands {
            if let Err(problem) = self.command(&command) {
                self.problem(command.line, format!("{}\n{problem}", command.text));
            }
        }
    }

    fn command(&mut self, command: &ShownCommand) -> Result<(), String> {
        if commands::sets_up(&command.text) {
            return set_up_commands::problem(&command.text).map_or(Ok(()), Err);
        }
        let folder = self.folder();
        let endless = commands::goes_on(&command.text, |word| folder.is_live(word));
        if endless && commands::listens(&command.text) {
            return self.serve(command);
        }
        let process = folder.start(&command.text);
        let output = if endless {
            self.until_shown(&command.output, process)?
        } else {
            self.folder().finished(process)?
        };
        if let Ok(values @ [_, ..]) = shown_json::values(&output.stdout).as_deref() {
            self.json = values.to_vec();
        }
        judge(command, endless, &output)
    }

    /// Starts a server, which serves until the end of the page.
    fn serve(&mut self, command: &ShownCommand) -> Result<(), String> {
        self.stop_server();
        let folder = self.folder();
        let mut process = folder.start(&command.text);
        let up = wait(|| {
            let printed = folder.to_shown(&process.stdout());
            let up = folder.is_served() && is_shown(&command.output, &printed);
            process.has_ended().then_some(false).or(up.then_some(true))
        });
        let output = process.stdout();
        self.server = Some(process);
        match up {
            true => Ok(()),
            false => Err(format!(
                "it did not come up or show what it should\n{output}"
            )),
        }
    }

    fn stop_server(&mut self) {
        if let Some(mut server) = self.server.take() {
            if !server.has_ended() {
                server.signal("INT");
            }
            // Its output was judged when it came up.
            let _ = server.wait_or_stop(TIMEOUT);
        }
    }

    /// Waits until an endless command has shown what it should, and interrupts it. One that goes on without showing it is a
    /// problem, even if the page shows nothing: then it is expected to print anything.
    fn until_shown(
        &mut self,
        shown: &[String],
        mut process: Process,
    ) -> Result<ProgramOutput, String> {
        let folder = self.folder();
        let up = wait(|| {
            let printed = folder.to_shown(&process.stdout());
            let up = !printed.trim().is_empty() && is_shown(shown, &printed);
            process.has_ended().then_some(false).or(up.then_some(true))
        });
        let goes_on = !process.has_ended();
        if goes_on {
            process.signal("INT");
        }
        let output = folder.finished(process)?;
        match goes_on && !up {
            true => Err(format!("it did not show what it should\n{output}")),
            false => Ok(output),
        }
    }

    fn pipeline(&mut self, block: &CodeBlock, later: &[CodeBlock]) {
        let mut name = block.saved_as.clone();
        let mut text = block.text.clone();
        if name.is_none() && pipeline_part::is_whole(&text) {
            name = later.iter().find_map(|block| first_pipeline(&block.text));
        }
        if !pipeline_part::is_whole(&text) {
            match pipeline_part::completed(&text) {
                Ok(whole) => text = whole,
                Err(problem) => return self.problem(block.line, problem),
            }
        }
        let name = name.unwrap_or_else(|| "part-of-a-page.toml".into());
        let folder = self.folder();
        folder.save(&name, &text);
        match folder.finished(folder.start(&format!("atom check {name}"))) {
            Ok(output) if output.code == Some(0) => {}
            Ok(output) => self.problem(block.line, format!("atom check:\n{}", output.stdout)),
            Err(problem) => self.problem(block.line, problem),
        }
    }

    fn messages(&mut self, block: &CodeBlock) {
        for message in messages::of_block(&block.text) {
            for clause in messages::unknown_clauses(&message) {
                self.problem(
                    block.line,
                    format!("{message}\nno source file has: {clause}"),
                );
            }
        }
    }

    fn json_example(&mut self, block: &CodeBlock) {
        match shown_json::values(&block.text) {
            Ok(values) => {
                for value in values {
                    for problem in shown_json::differences(&value, &self.json) {
                        self.problem(block.line, problem);
                    }
                }
            }
            Err(e) => self.problem(block.line, format!("no JSON: {e}")),
        }
    }
}

impl DocsFolder {
    /// Waits for the end of a command and returns its output as pages show it.
    fn finished(&self, process: Process) -> Result<ProgramOutput, String> {
        let mut output = process.wait_or_stop(TIMEOUT)?;
        output.stdout = self.to_shown(&output.stdout);
        Ok(output)
    }
}

fn first_pipeline(commands: &str) -> Option<String> {
    let mut words = commands.split_whitespace();
    let name = words.find(|word| word.ends_with(".toml"))?;
    Some(name.to_owned())
}

/// Returns true if the lines that a page shows are the first lines that were printed so far.
fn is_shown(shown: &[String], printed: &str) -> bool {
    let mut shown = shown.to_vec();
    shown.push("...".into());
    shown_output::matches(&shown, &printed.lines().collect::<Vec<_>>())
}

fn judge(command: &ShownCommand, endless: bool, output: &ProgramOutput) -> Result<(), String> {
    // The page shows that a command fails by the line with which every failed command ends.
    let fails = command
        .output
        .iter()
        .any(|line| line.starts_with("error: "));
    let failed = match output.code {
        // A signal ended it, or the shell that waited for it.
        None | Some(130) => !endless,
        Some(code) => code != 0,
    };
    if failed != fails {
        return Err(format!("ended with {:?}\n{}", output.code, output.stdout));
    }
    if output.stdout.contains("panicked at") {
        return Err(format!("it panicked\n{}", output.stdout));
    }
    let printed: Vec<&str> = output.stdout.lines().collect();
    let shown = command.output.is_empty()
        || shown_output::matches(&command.output, &printed)
        || endless && is_shown(&command.output, &output.stdout);
    if shown {
        return Ok(());
    }
    let place = shown_output::first_difference(&command.output, &printed);
    let place = place.map(|(shown, found)| format!("  shown: {shown}\nprinted: {found}\n"));
    Err(format!(
        "{}--- all that was printed\n{}",
        place.unwrap_or_default(),
        output.stdout
    ))
}

/// Waits until a condition is decided, and returns false if it is not in time.
fn wait(mut condition: impl FnMut() -> Option<bool>) -> bool {
    let start = Instant::now();
    loop {
        match condition() {
            Some(decided) => return decided,
            None if start.elapsed() > TIMEOUT => return false,
            None => thread::sleep(Duration::from_millis(20)),
        }
    }
}
