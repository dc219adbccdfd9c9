//! The scenes of many moments, each described by the caption that most of it supports.
//!
//! Moments whose frames are alike form a scene, wherever they are. A caption may describe its scene only if its subject and at least
//! half of its things are supported: by a tag or an object of the scene, or by another caption. No word is added.

use atom_models::cosine;

use crate::{
    stretch::{Stretch, extend, stretch_text},
    summary::{moment::Moment, scene_words::SceneWords},
};

/// Cosine from which two moments belong to one scene. On a test recording of 16 scenes, neighbours within a scene have 0.72 and
/// more, neighbours in different scenes at most 0.74, with 0.41 and less in 12 of 15 cases. A higher value describes more scenes.
const SAME_SCENE: f32 = 0.7;
/// Number of scenes, those seen last, that a moment may belong to; it bounds the work for very long videos.
const RECENT_SCENES: usize = 100;
/// Maximum number of stretches that are named with a scene.
const MAX_STRETCHES: usize = 3;

/// A scene with the caption that describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribedScene {
    /// The caption, without its full stop.
    pub sentence: String,
    /// Start and end in milliseconds of media time, of the moments that have at least half of its things.
    pub spans: Vec<(u64, u64)>,
    /// The number of these moments.
    pub moments: usize,
    stretches: Vec<Stretch>,
    /// Its share of the video, weighted with how well it is supported.
    weight: f32,
}

impl DescribedScene {
    /// Returns source, start and end of its first stretch.
    pub fn first(&self) -> (&str, u64, u64) {
        let first = self.stretches.first();
        first.map_or(("", 0, 0), |first| {
            (&*first.source, first.start_ms, first.end_ms)
        })
    }

    /// Returns the sentence with its times: "A street with cars (0:02 to 0:32)."
    pub fn text(&self) -> String {
        let times = stretch_text(&self.stretches, MAX_STRETCHES);
        format!("{} ({times}).", self.sentence)
    }
}

/// Returns at most `most` scenes that cover the most of these moments, in order of time.
pub fn describe_scenes(moments: &[Moment], most: usize) -> Vec<DescribedScene> {
    let scenes = scenes(moments);
    let mut described: Vec<_> = scenes.iter().filter_map(|scene| describe(scene)).collect();
    join_equal(&mut described);
    described.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    described.truncate(most);
    described.sort_by(|a, b| a.first().cmp(&b.first()));
    described
}

/// Groups moments by the similarity of their frames. Each joins the scene that is most similar to it, among those seen last.
fn scenes(moments: &[Moment]) -> Vec<Vec<&Moment>> {
    // The scene seen last comes last.
    let mut scenes: Vec<Vec<&Moment>> = Vec::new();
    for moment in moments {
        let recent = scenes.len().saturating_sub(RECENT_SCENES);
        let scores = scenes[recent..].iter().map(|scene| likeness(scene, moment));
        let best = scores.enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
        match best {
            Some((at, score)) if score >= SAME_SCENE => {
                scenes[recent + at].push(moment);
                scenes[recent + at..].rotate_left(1);
            }
            _ => scenes.push(vec![moment]),
        }
    }
    scenes
}

/// Returns the highest cosine of a moment and the first and last moment of a scene. Without vectors, equal captions are
/// alike.
fn likeness(scene: &[&Moment], moment: &Moment) -> f32 {
    let ends = [scene.first(), scene.last()].into_iter().flatten();
    let alike = ends.map(|other| match moment.embedding.is_empty() {
        true => f32::from(u8::from(other.caption == moment.caption)),
        false => cosine(&other.embedding, &moment.embedding),
    });
    alike.fold(0.0, f32::max)
}

/// Returns a scene with the caption that it supports best; `None` if it supports none.
fn describe(scene: &[&Moment]) -> Option<DescribedScene> {
    let words = SceneWords::of(scene);
    let caption = words.best_caption()?;
    let (mut stretches, mut moments) = (Vec::new(), 0);
    for moment in scene.iter().filter(|moment| caption.fits(moment)) {
        extend(&mut stretches, moment.stretch());
        moments += 1;
    }
    Some(DescribedScene {
        sentence: caption.text.trim().trim_end_matches('.').to_owned(),
        spans: spans(&stretches),
        moments,
        stretches,
        weight: caption.weight,
    })
}

fn spans(stretches: &[Stretch]) -> Vec<(u64, u64)> {
    let spans = stretches.iter();
    spans.map(|span| (span.start_ms, span.end_ms)).collect()
}

/// Joins scenes that are described by the same sentence.
fn join_equal(described: &mut Vec<DescribedScene>) {
    let mut joined: Vec<DescribedScene> = Vec::new();
    for scene in described.drain(..) {
        let same =
            |other: &&mut DescribedScene| other.sentence.eq_ignore_ascii_case(&scene.sentence);
        match joined.iter_mut().find(same) {
            Some(other) => {
                other.stretches.extend(scene.stretches);
                other
                    .stretches
                    .sort_by(|a, b| (&a.source, a.start_ms).cmp(&(&b.source, b.start_ms)));
                let sorted = std::mem::take(&mut other.stretches);
                sorted
                    .into_iter()
                    .for_each(|next| extend(&mut other.stretches, next));
                other.spans = spans(&other.stretches);
                other.moments += scene.moments;
                other.weight = other.weight.hypot(scene.weight);
            }
            None => joined.push(scene),
        }
    }
    *described = joined;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A moment of four seconds: its number, direction of its vector, caption and tags.
    fn moment(n: u64, picture: usize, caption: &str, tags: &str) -> Moment {
        let mut embedding = [0.0; 8];
        embedding[picture] = 1.0;
        Moment {
            start_ms: n * 4000,
            end_ms: n * 4000 + 4000,
            caption: Some(caption.to_owned()),
            tags: tags.to_owned(),
            embedding: embedding.into(),
            ..Moment::default()
        }
    }

    fn texts(moments: &[Moment], most: usize) -> Vec<String> {
        let described = describe_scenes(moments, most);
        described.iter().map(DescribedScene::text).collect()
    }

    #[test]
    fn one_woman_in_sixty_nine_captions_is_not_in_the_summary() {
        let food = "A plate of food on a table.";
        let mut moments: Vec<_> = (0..69)
            .map(|n| moment(n, 0, food, "maybe food, white"))
            .collect();
        moments[40].caption = Some("A woman is sitting on a chair.".to_owned());
        assert_eq!(
            texts(&moments, 5),
            ["A plate of food on a table (0:00 to 2:40, 2:44 to 4:36)."]
        );
    }

    #[test]
    fn a_short_clip_is_not_summed_up_by_its_first_wrong_caption() {
        let moments = [
            moment(
                0,
                0,
                "A bathroom with a sink and a mirror.",
                "maybe stand, red, young",
            ),
            moment(1, 1, "A street with many cars on it.", "car; maybe street"),
            moment(2, 1, "A car is parked.", "maybe car, street"),
        ];
        assert_eq!(
            texts(&moments, 5),
            ["A street with many cars on it (0:04 to 0:12)."]
        );
        assert!(texts(&moments[..1], 5).is_empty());
    }

    #[test]
    fn a_scene_that_comes_back_is_described_once_with_both_times() {
        let car = |n| moment(n, 0, "A car on a road.", "car");
        let dog = moment(1, 1, "A dog runs.", "dog; maybe run");
        let moments = [car(0), dog, car(2)];
        assert_eq!(
            texts(&moments, 5),
            [
                "A car on a road (0:00 to 0:04, 0:08 to 0:12).",
                "A dog runs (0:04 to 0:08)."
            ]
        );
    }

    #[test]
    fn the_scenes_that_cover_most_are_described() {
        let mut moments: Vec<_> = (0..6)
            .map(|n| moment(n, n as usize, "A cat.", "cat"))
            .collect();
        for (n, caption, tags) in [(6, "A bus.", "bus"), (7, "A bus.", "bus")] {
            moments.push(moment(n, 6, caption, tags));
        }
        moments.push(moment(8, 7, "A cow.", "maybe cow"));
        assert_eq!(
            texts(&moments, 2),
            ["A cat (0:00 to 0:24).", "A bus (0:24 to 0:32)."]
        );
    }

    #[test]
    fn without_vectors_equal_captions_are_a_scene() {
        let bare = |n, caption| Moment {
            embedding: [].into(),
            ..moment(n, 0, caption, "red")
        };
        let moments = [
            bare(0, "A door is open."),
            bare(1, "A door is open."),
            bare(2, "A cat."),
        ];
        assert_eq!(texts(&moments, 5), ["A door is open (0:00 to 0:08)."]);
    }
}
