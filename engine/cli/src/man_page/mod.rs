//! A manual page of a command, in the roff language.
//!
//! The sections about arguments come from clap. Examples and notes are the text at the end of the help. Exit status,
//! environment and files are those of the whole program, in `reference`.

mod help_sections;
mod reference;

use std::io;

use clap::Command;
use clap_mangen::{
    Man,
    roff::{Roff, bold, italic, roman},
};

use help_sections::{HelpBlock, help_sections};
use reference::{ENVIRONMENT, EXIT_STATUS, FILES};

/// The section of the manual: user commands.
const SECTION: &str = "1";
/// The date in the footer. Pages of one version are equal whenever they are made; an empty text would not be quoted.
const NO_DATE: &str = " ";

/// A manual page.
pub struct ManPage {
    /// The name of its file, such as `atom-caption.1`.
    pub file_name: String,
    /// The page in roff.
    pub text: String,
}

/// Returns the page of a command that is part of a built command line.
///
/// # Errors
/// If clap cannot write its sections; writing to memory does not fail.
pub fn man_page(command: &Command) -> io::Result<ManPage> {
    let source = concat!("Atom ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone())
        .section(SECTION)
        .date(NO_DATE)
        .source(source)
        .manual("Atom Manual");
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if command.get_subcommands().any(|sub| !sub.is_hide_set()) {
        man.render_subcommands_section(&mut text)?;
    }
    own_sections(command).to_writer(&mut text)?;
    Ok(ManPage {
        file_name: man.get_filename(),
        text: with_one_preamble(&String::from_utf8_lossy(&text)),
    })
}

/// Returns the sections that clap does not write.
fn own_sections(command: &Command) -> Roff {
    let mut page = Roff::new();
    if let Some(help) = command.get_after_help() {
        push_help(&mut page, &help.to_string());
    }
    push_definitions(&mut page, "EXIT STATUS", EXIT_STATUS);
    let name = page_name(command);
    match name.split_once('-') {
        None => {
            push_definitions(&mut page, "ENVIRONMENT", ENVIRONMENT);
            push_definitions(&mut page, "FILES", FILES);
        }
        Some(_) => push_see_also(&mut page, &name),
    }
    page
}

/// Returns the name of a command's page, such as `atom-store-check`.
fn page_name(command: &Command) -> String {
    let name = command.get_display_name().unwrap_or(command.get_name());
    name.to_owned()
}

fn push_help(page: &mut Roff, help: &str) {
    for section in help_sections(help) {
        page.control("SH", [section.title.as_str()]);
        for block in section.blocks {
            match block {
                HelpBlock::Paragraph(text) => {
                    page.control("PP", []).text([roman(text)]);
                }
                HelpBlock::Literal(lines) => push_literal(page, &lines),
            }
        }
    }
}

/// Adds lines that are shown as they are.
fn push_literal(page: &mut Roff, lines: &[String]) {
    page.control("PP", [])
        .control("RS", ["4"])
        .control("nf", []);
    for line in lines {
        page.text([roman(line)]);
    }
    page.control("fi", []).control("RE", []);
}

fn push_definitions(page: &mut Roff, title: &str, definitions: &[(&str, &str)]) {
    page.control("SH", [title]);
    for (term, description) in definitions {
        page.control("TP", [])
            .text([bold(*term)])
            .text([roman(*description)]);
    }
}

/// Points to the page of the command above, which leads to `atom(1)`.
fn push_see_also(page: &mut Roff, name: &str) {
    let mut above = Vec::new();
    let mut rest = name;
    while let Some((parent, _)) = rest.rsplit_once('-') {
        above.push(parent);
        rest = parent;
    }
    page.control("SH", ["SEE ALSO"]);
    let mut line = Vec::new();
    for (position, parent) in above.iter().enumerate() {
        if position > 0 {
            line.push(roman(", "));
        }
        line.push(bold(*parent));
        line.push(roman(format!("({SECTION})")));
    }
    page.text(line);
    page.control("PP", []).text([
        bold("atom"),
        roman(format!(
            "({SECTION}) lists environment variables and files. "
        )),
        italic("atom COMMAND --help"),
        roman(" shows the same options in short."),
    ]);
}

/// Removes all but the first of the lines with which every part of a page begins.
fn with_one_preamble(page: &str) -> String {
    let preamble = Roff::new().render();
    match page.strip_prefix(&preamble) {
        Some(rest) => preamble.clone() + &rest.replace(&preamble, ""),
        None => page.to_owned(),
    }
}
