//! Captions with the scores that the reference implementation gives them, for tests.
//!
//! Computed with pycocoevalcap 1.2 (`Cider().compute_score`, `Bleu(4)`, `Rouge()`) over the same words, joined by spaces; its
//! own tokenizer was not used. One caption is empty, two are shorter than four words, one repeats its words, one is
//! three times as long as its references.

use super::ngrams::words;

/// A caption with the references of its file.
pub struct Sample {
    caption: &'static str,
    references: &'static [&'static str],
}

/// The scores of the first samples.
pub struct Expected {
    /// Number of samples.
    pub files: usize,
    /// CIDEr-D of all of them.
    pub cider_d: f64,
    /// CIDEr-D of each.
    pub cider_d_of_files: &'static [f64],
    /// BLEU-4.
    pub bleu_4: f64,
    /// ROUGE-L.
    pub rouge_l: f64,
}

/// All samples, and the first five, whose captions together are shorter than their references.
pub const EXPECTED: [Expected; 2] = [
    Expected {
        files: 8,
        cider_d: 1.2067,
        cider_d_of_files: &[2.2421, 2.6236, 0.0, 0.8335, 0.3181, 3.6353, 0.0, 0.0008],
        bleu_4: 0.4904,
        rouge_l: 0.4921,
    },
    Expected {
        files: 5,
        cider_d: 1.2344,
        cider_d_of_files: &[2.2173, 2.7983, 0.0, 0.8497, 0.3069],
        bleu_4: 0.4302,
        rouge_l: 0.4918,
    },
];

impl Expected {
    /// Returns the words of the captions.
    pub fn captions(&self) -> Vec<Vec<String>> {
        let samples = SAMPLES.iter().take(self.files);
        samples.map(|sample| words(sample.caption)).collect()
    }

    /// Returns the words of the references.
    pub fn references(&self) -> Vec<Vec<Vec<String>>> {
        let samples = SAMPLES.iter().take(self.files);
        samples
            .map(|sample| sample.references.iter().map(|text| words(text)).collect())
            .collect()
    }
}

const SAMPLES: [Sample; 8] = [
    Sample {
        caption: "A brown dog runs through the grass.",
        references: &[
            "A brown dog is running in the grass.",
            "The dog runs through a green field.",
            "A dog runs on a lawn, its tongue out.",
            "Brown dog playing outside",
        ],
    },
    Sample {
        caption: "A man in a red shirt is rowing a boat on the lake.",
        references: &[
            "A man rows a small boat.",
            "Someone in a red shirt is rowing on a lake.",
            "A man in a boat on the water.",
        ],
    },
    Sample {
        caption: "",
        references: &[
            "A woman cuts vegetables in a kitchen.",
            "A cook is chopping carrots.",
            "Hands cut carrots on a wooden board.",
        ],
    },
    Sample {
        caption: "Two bicycles.",
        references: &[
            "Two people ride bicycles down a city street.",
            "Cyclists wait at a traffic light.",
            "Two bicycles in the street.",
            "People on bikes ride past parked cars.",
            "Bicycles, cars and people on a busy street.",
        ],
    },
    Sample {
        caption: "A cat cat cat on a cat on a cat.",
        references: &[
            "A cat sleeps on a sofa.",
            "The cat is lying on a couch, asleep.",
            "A grey cat curled up on a cushion.",
        ],
    },
    Sample {
        caption: "A child in a pink dress climbs the stairs.",
        references: &[
            "A child in a pink dress climbs the stairs.",
            "A little girl's climbing a set of stairs.",
            "A girl in pink goes up the steps to a playhouse.",
        ],
    },
    Sample {
        caption: "Man.",
        references: &[
            "A train leaves the station at 9 o'clock.",
            "A red train pulls out of a station.",
            "People watch a train go by.",
        ],
    },
    Sample {
        caption: "A man in a blue shirt kicks a ball while another man in a white shirt and a dog run after the ball on a green field in front of a large crowd.",
        references: &[
            "A man kicks a football.",
            "A player in blue kicks the ball on a field.",
            "Two men play football in front of a crowd.",
            "A man in a blue shirt kicks a ball.",
        ],
    },
];
