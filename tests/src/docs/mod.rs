//! The documentation as tests see it: pages with their blocks, the folder in which the commands run, and comparisons.
//!
//! | module | content |
//! |---|---|
//! | [`page`] | pages and their code blocks |
//! | [`links`] | links and anchors |
//! | [`commands`] | the commands of a block, and which of them do not run or do not end |
//! | [`docs_folder`] | the folder and the processes of a page's commands |
//! | [`page_run`] | runs the blocks of a page from top to bottom |
//! | [`set_up_commands`] | commands that cannot run in a test, and where they do run |
//! | [`shown_output`] | compares what a page shows with what a command printed |
//! | [`shown_json`] | compares a JSON example with real JSON |
//! | [`reference_pages`], [`drawings`] | what is made from the code |
//! | [`messages`] | looks for messages in the source of the program |
//! | [`pipeline_part`] | completes a part of a pipeline file |

pub mod commands;
pub mod docs_folder;
pub mod drawings;
pub mod links;
pub mod messages;
pub mod page;
pub mod page_run;
pub mod pipeline_part;
pub mod reference_pages;
pub mod set_up_commands;
pub mod shown_json;
pub mod shown_output;
