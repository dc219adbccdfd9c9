//! Pipelines that are ready to run, part of the program: each watches one source named `video`, or `camera` if it is live.

/// Name and text of every ready pipeline.
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

/// The text of a ready pipeline.
///
/// ```
/// assert!(atom_pipelines::library::text("caption").is_some());
/// ```
pub fn text(name: &str) -> Option<&'static str> {
    let found = ALL.iter().find(|(other, _)| *other == name);
    found.map(|(_, text)| *text)
}

/// The names of all ready pipelines.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{check, override_sources, parse, plan, warnings};

    #[test]
    fn every_ready_pipeline_runs_once_its_video_is_given() {
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
    fn the_three_branches_share_all_that_is_above_them() {
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
