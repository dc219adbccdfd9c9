//! Built-in pipelines, which run by their name. Each has one source: `video`, or `camera` if it is live.
//!
//! The comments of each begin with a sentence that describes it, which lists of pipelines show.

use std::path::Path;

/// The name and the text of each built-in pipeline.
pub const ALL: [(&str, &str); 5] = [
    ("caption", include_str!("../library/caption.toml")),
    ("index", include_str!("../library/index.toml")),
    (
        "three-branches",
        include_str!("../library/three-branches.toml"),
    ),
    ("diary", include_str!("../library/diary.toml")),
    ("live", include_str!("../library/live.toml")),
];

/// Returns the text of a built-in pipeline.
///
/// ```
/// assert!(atom_pipelines::built_in_pipelines::text("caption").is_some());
/// ```
pub fn text(name: &str) -> Option<&'static str> {
    let found = ALL.iter().find(|(other, _)| *other == name);
    found.map(|(_, text)| *text)
}

/// Returns the text of the built-in pipeline that a path names: a bare name, unless there is a file of that name. A folder
/// does not hide it.
pub(crate) fn named_by(path: &Path) -> Option<&'static str> {
    let text = text(path.as_os_str().to_str()?)?;
    let file = path.exists() && !path.is_dir();
    (!file).then_some(text)
}

/// Returns the names of all built-in pipelines.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|(name, _)| *name)
}

/// Returns the name and the description of each built-in pipeline: the first sentence of its comments.
pub fn descriptions() -> impl Iterator<Item = (&'static str, &'static str)> {
    ALL.iter().map(|(name, text)| {
        let line = text.lines().next().unwrap_or_default();
        (*name, line.trim_start_matches("# "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{check, override_sources, parse, plan, warnings};

    #[test]
    fn every_built_in_pipeline_can_be_planned_once_its_source_is_given() {
        let expected = [
            ("caption", 4, 1),
            ("index", 5, 0),
            ("three-branches", 6, 1),
            ("diary", 6, 1),
            ("live", 5, 1),
        ];
        for (name, nodes, sinks) in expected {
            let mut files = [parse(Path::new(name), text(name).unwrap()).unwrap()];
            let hint = check(&files).unwrap_err().to_string();
            let source = if name == "live" { "camera" } else { "video" };
            assert!(hint.contains(&format!("--source {source}=")), "{hint}");
            let given = [(source.to_owned(), "test://ball".to_owned())];
            assert_eq!(override_sources(&mut files, &given), []);
            assert_eq!(check(&files), Ok(()), "{name}");
            assert_eq!(warnings(&files), [], "{name}");
            let plan = plan(&files);
            assert_eq!(
                (plan.nodes.len(), plan.sinks.len()),
                (nodes, sinks),
                "{name}"
            );
            assert_eq!(plan.name, name);
        }
        assert_eq!(names().count(), ALL.len());
    }

    #[test]
    fn only_the_bare_name_stands_for_a_built_in_pipeline() {
        assert!(named_by(Path::new("live")).is_some());
        for path in ["./live", "live/", "live.toml", "Live"] {
            assert_eq!(named_by(Path::new(path)), None, "{path}");
        }
    }

    #[test]
    fn the_comments_describe_a_pipeline_and_show_how_to_run_and_copy_it() {
        for ((name, about), (_, text)) in descriptions().zip(ALL) {
            assert!(about.ends_with('.') && !about.starts_with('#'), "{about}");
            assert!(text.contains(&format!("\n#   atom run {name} --source ")));
            assert!(text.contains(&format!(": atom docs {name}.toml > {name}.toml\n")));
            assert!(text.ends_with("\n") && !text.ends_with("\n\n"), "{name}");
        }
    }

    #[test]
    fn the_three_branches_share_sampling_encoding_and_segmentation() {
        let plan = plan(&[parse(Path::new("x"), text("three-branches").unwrap()).unwrap()]);
        let count = |kind| {
            plan.nodes
                .iter()
                .filter(|node| node.kind.name() == kind)
                .count()
        };
        assert_eq!(["sample", "encode", "segment"].map(count), [1, 1, 1]);
        let index = plan.nodes.iter().find(|node| node.kind.name() == "index");
        assert_eq!(index.unwrap().inputs.len(), 3);
    }
}
