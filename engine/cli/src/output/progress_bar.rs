//! The progress bar on stderr, drawn only if stderr is a terminal.
//!
//! There is one bar in the program, so that everything else that is printed can go around it.

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{LazyLock, atomic::Ordering::SeqCst},
};

use atom_operators::{media_time::MediaTime, printable::printable};
use atom_runtime::Progress;
use indicatif::{HumanDuration, ProgressBar, ProgressState, ProgressStyle};

use super::message_format::progress_can_be_drawn;

static BAR: LazyLock<ProgressBar> = LazyLock::new(ProgressBar::hidden);

/// The bar of a run; the prefix is a line below it, the last draft while it waits for its caption.
const RUN_TEMPLATE: &str = "{bar:30} {percent:>3} %  {msg}{left}{prefix}";
/// The line of a run with live sources, which have no end.
const LIVE_TEMPLATE: &str = "{spinner} {msg}{prefix}";
const FILES_TEMPLATE: &str = "{bar:30} {percent:>3} %  {pos} of {len} files done{left}";

/// Runs `print` while the bar is hidden.
pub fn suspend_progress_bar<R>(print: impl FnOnce() -> R) -> R {
    BAR.suspend(print)
}

/// Removes the bar.
pub fn clear_progress() {
    BAR.finish_and_clear();
}

/// Shows the part of an answer that is written so far, on a terminal.
pub fn show_partial_answer(text: &str) {
    if drawn("{msg}") {
        BAR.set_message(format!("{} …", printable(text)));
    }
}

/// The progress of all sources of a run together.
#[derive(Default)]
pub(super) struct RunProgress {
    /// Sources that are being played.
    active: BTreeMap<String, SourceProgress>,
    /// Media time of the sources that have ended.
    ended_ms: u64,
    /// True if one of the sources is live.
    live: bool,
}

/// The progress of one source.
#[derive(Clone, Copy)]
struct SourceProgress {
    complete_through_ms: u64,
    length_ms: u64,
    bytes: u64,
}

impl SourceProgress {
    /// Returns the bytes that are done, assuming that bytes are spread evenly over the media time.
    fn bytes_done(self) -> u64 {
        let share = self.complete_through_ms as f64 / self.length_ms.max(1) as f64;
        (self.bytes as f64 * share) as u64
    }
}

impl RunProgress {
    /// Moves a source that has ended out of the active ones.
    pub(super) fn end_source(&mut self, name: &str) {
        let source = self.active.remove(name);
        self.ended_ms += source.map_or(0, |source| source.complete_through_ms);
    }

    /// Updates the bar with the progress of one source, and removes the draft below it.
    pub(super) fn show(&mut self, progress: &Progress) {
        if !drawn(RUN_TEMPLATE) {
            return;
        }
        if progress.live && !self.live {
            self.live = true;
            BAR.set_style(style(LIVE_TEMPLATE));
        }
        BAR.set_prefix("");
        let complete_through_ms = progress.complete_through_ms;
        let source = SourceProgress {
            complete_through_ms,
            length_ms: progress.length_ms.max(complete_through_ms),
            bytes: progress.bytes,
        };
        self.active.insert(progress.source.to_owned(), source);
        let sum =
            |of: fn(SourceProgress) -> u64| self.active.values().copied().map(of).sum::<u64>();
        let done_ms = self.ended_ms + sum(|source| source.complete_through_ms);
        let video = format!("{} of video done", MediaTime::from_millis(done_ms));
        let queue = progress.folders;
        match queue.found.load(SeqCst) {
            0 => {
                BAR.set_length(sum(|source| source.length_ms));
                BAR.set_position(done_ms);
                BAR.set_message(video);
            }
            // The lengths of queued recordings are unknown until they are played, but their sizes are known.
            found => {
                BAR.set_length(queue.bytes_found.load(SeqCst));
                BAR.set_position(
                    queue.bytes_finished.load(SeqCst) + sum(SourceProgress::bytes_done),
                );
                let over = queue.finished.load(SeqCst);
                BAR.set_message(format!("{over} of {found} recordings, {video}"));
            }
        }
    }

    /// Shows a draft below the bar until the next progress.
    pub(super) fn show_draft(&self, line: &str) {
        if drawn(RUN_TEMPLATE) {
            BAR.set_prefix(format!("\n{} …", printable(line)));
        }
    }
}

/// The progress of a fixed number of files; dropping it removes the bar.
pub struct FileProgress {
    total: u64,
}

impl FileProgress {
    /// Creates the progress of `total` files, none of them done.
    pub fn new(total: usize) -> Self {
        Self {
            total: total as u64,
        }
    }

    /// Shows the number of files that are done.
    pub fn show(&self, done: usize) {
        if drawn(FILES_TEMPLATE) {
            BAR.set_length(self.total);
            BAR.set_position(done as u64);
        }
    }
}

impl Drop for FileProgress {
    fn drop(&mut self) {
        clear_progress();
    }
}

/// Returns true if the bar can be drawn; the first such call makes it visible, in the style of `template`.
fn drawn(template: &str) -> bool {
    if !progress_can_be_drawn() {
        return false;
    }
    if BAR.is_hidden() {
        BAR.set_draw_target(indicatif::ProgressDrawTarget::stderr());
        BAR.set_style(style(template));
    }
    true
}

/// Returns the style of a template, in which `{left}` is the remaining time as soon as it can be estimated.
fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    style.with_key("left", |state: &ProgressState, text: &mut dyn Write| {
        if state.pos() > 0 {
            let left = HumanDuration(state.eta());
            // Nothing can be done about a line that cannot be formatted.
            let _ = write!(text, "  {left:#} left");
        }
    })
}
