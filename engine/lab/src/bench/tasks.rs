//! The tasks, each a pipeline file of its own, written as if the others did not exist.
//!
//! Invariant: the common parts of two tasks are written alike, so that the planner can merge them; nothing else makes tasks
//! share.

use std::path::{Path, PathBuf};

use atom_pipelines::{PipelineFile, Problems, parse};
use serde::{Deserialize, Serialize};

/// A task over some videos.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// A caption for each segment.
    Caption,
    /// An index of frames and captions, for search by content and by words.
    Index,
    /// An index of frames only.
    Embeddings,
    /// Three questions about each segment.
    Reason,
}

/// Questions about each segment; the task asks the first three.
pub const QUESTIONS: [&str; 8] = [
    "What is on the ground?",
    "Where is this?",
    "What is happening?",
    "What is in front?",
    "What is in the background?",
    "Who can be seen?",
    "What is the weather like?",
    "What is the largest thing?",
];

impl Task {
    /// All tasks.
    pub const ALL: [Self; 4] = [Self::Caption, Self::Index, Self::Embeddings, Self::Reason];

    /// Returns the name, in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Caption => "caption",
            Self::Index => "index",
            Self::Embeddings => "embeddings",
            Self::Reason => "reason",
        }
    }

    /// Returns the task of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|task| task.name() == name)
    }

    /// Returns the path of the task's index, if it has one, in the folder of its results.
    pub fn index_path(self, folder: &Path) -> Option<PathBuf> {
        matches!(self, Self::Index | Self::Embeddings)
            .then(|| folder.join(format!("{}.db", self.name())))
    }

    /// Returns the pipeline file: two frames a second, segments of four seconds.
    ///
    /// # Errors
    /// If the file has problems.
    pub fn pipeline_file(
        self,
        videos: &[PathBuf],
        pack: &str,
        folder: &Path,
    ) -> Result<PipelineFile, Problems> {
        let mut text = format!("pack = {}\n", toml_string(pack));
        let names: Vec<_> = (1..=videos.len()).map(|n| format!("video{n}")).collect();
        for (name, video) in names.iter().zip(videos) {
            let uri = toml_string(&video.to_string_lossy());
            text += &format!("[source.{name}]\nuri = {uri}\n");
        }
        let inputs: Vec<_> = names.iter().map(|name| toml_string(name)).collect();
        text += &format!(
            "[node.frames]\nkind = \"sample\"\ninputs = [{}]\nfps = 2\n\
             [node.seen]\nkind = \"encode\"\ninputs = [\"frames\"]\n\
             [node.scenes]\nkind = \"segment\"\ninputs = [\"seen\"]\nlength_ms = 4000\n",
            inputs.join(", ")
        );
        text += &self.branch(folder);
        parse(Path::new(&format!("{}.toml", self.name())), &text)
    }

    /// Returns the nodes and sinks behind the segments.
    fn branch(self, folder: &Path) -> String {
        let captions = "[node.captions]\nkind = \"caption\"\ninputs = [\"scenes\"]\n";
        let archive = |inputs: &str| {
            let store = self.index_path(folder).unwrap_or_default();
            let store = toml_string(&store.to_string_lossy());
            format!(
                "[node.{}]\nkind = \"index\"\ninputs = [{inputs}]\nstore = {store}\n",
                self.name()
            )
        };
        let lines = |inputs: &str| {
            let path = folder.join(format!("{}.jsonl", self.name()));
            let path = toml_string(&path.to_string_lossy());
            format!(
                "[sink.{}]\nkind = \"jsonl\"\ninputs = [{inputs}]\npath = {path}\n",
                self.name()
            )
        };
        match self {
            Self::Caption => format!("{captions}{}", lines("\"captions\"")),
            Self::Index => format!("{captions}{}", archive("\"scenes\", \"captions\"")),
            Self::Embeddings => archive("\"scenes\""),
            Self::Reason => {
                let ask = |(n, ask): (usize, &&str)| {
                    let ask = toml_string(ask);
                    format!(
                        "[node.ask{n}]\nkind = \"reason\"\ninputs = [\"scenes\"]\nask = {ask}\n"
                    )
                };
                let asks: String = QUESTIONS.iter().take(3).enumerate().map(ask).collect();
                format!("{asks}{}", lines("\"ask0\", \"ask1\", \"ask2\""))
            }
        }
    }
}

/// Joins the names of tasks with commas.
pub fn task_names(tasks: &[Task]) -> String {
    let names: Vec<_> = tasks.iter().map(|task| task.name()).collect();
    names.join(",")
}

/// Returns a text as a TOML string: a JSON string is a TOML basic string too.
pub fn toml_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use atom_operators::node::NodeKind;
    use atom_pipelines::{check, plan};

    use super::*;

    #[test]
    fn the_planner_merges_the_common_parts_of_tasks() {
        let videos = ["a \"b\".mp4", "c.mp4"].map(PathBuf::from);
        let folder = Path::new("results");
        let file = |task: Task| task.pipeline_file(&videos, "fake", folder).unwrap();
        let files = [Task::Caption, Task::Index, Task::Reason].map(file);
        let plan = plan(&files);
        let count = |wanted: &dyn Fn(&NodeKind) -> bool| {
            plan.nodes.iter().filter(|node| wanted(&node.kind)).count()
        };
        assert_eq!((plan.sources.len(), plan.nodes.len()), (2, 8));
        assert_eq!(count(&|kind| matches!(kind, NodeKind::Caption(_))), 1);
        assert_eq!(count(&|kind| matches!(kind, NodeKind::Reason(_))), 3);
        for task in Task::ALL {
            assert_eq!(Task::from_name(task.name()), Some(task));
            let problems = check(&[file(task)]).unwrap_err().to_string();
            assert!(
                problems.contains("c.mp4"),
                "only the videos are missing: {problems}"
            );
        }
    }
}
