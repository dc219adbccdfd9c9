//! Strict parsers of WebVTT and SRT, which reject files that only tolerant players accept.

/// A subtitle with its time span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cue {
    /// The start in milliseconds.
    pub start_ms: u64,
    /// The end in milliseconds.
    pub end_ms: u64,
    /// The text, without markup and escapes.
    pub text: String,
}

/// Parses a WebVTT file: a header, a blank line, and cues with an optional identifier.
///
/// # Panics
/// The file violates the format.
#[track_caller]
pub fn webvtt(text: &str) -> Vec<Cue> {
    let rest = text
        .strip_prefix("WEBVTT\n\n")
        .or_else(|| (text == "WEBVTT\n").then_some(""))
        .unwrap_or_else(|| panic!("no WEBVTT header with a blank line: {text:?}"));
    blocks(rest)
        .map(|lines| {
            let times = usize::from(!lines[0].contains(" --> "));
            let text = lines[times + 1..].join("\n");
            let bare = text.replace("&lt;", "").replace("&gt;", "");
            assert!(
                !bare.replace("&amp;", "").contains(['<', '>', '&']),
                "not escaped: {text:?}"
            );
            cue(lines[times], '.', unescaped(&text))
        })
        .collect()
}

/// Parses an SRT file, whose cues are numbered from 1.
///
/// # Panics
/// The file has anything that players interpret differently.
#[track_caller]
pub fn srt(text: &str) -> Vec<Cue> {
    blocks(text)
        .enumerate()
        .map(|(index, lines)| {
            assert_eq!(lines[0], (index + 1).to_string(), "the number of a cue");
            cue(lines[1], ',', lines[2..].join("\n"))
        })
        .collect()
}

/// Asserts that there are cues, and that they are ordered, not empty, do not overlap, and end by `end_ms`.
#[track_caller]
pub fn assert_in_order(cues: &[Cue], end_ms: u64) {
    assert!(!cues.is_empty(), "no cues");
    let mut last = 0;
    for cue in cues {
        assert!(
            last <= cue.start_ms && cue.start_ms < cue.end_ms && cue.end_ms <= end_ms,
            "{cue:?} after {last} ms, before {end_ms} ms"
        );
        assert!(!cue.text.trim().is_empty(), "{cue:?} says nothing");
        last = cue.end_ms;
    }
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

#[track_caller]
fn blocks(text: &str) -> impl Iterator<Item = Vec<&str>> {
    assert!(!text.contains('\r'), "a carriage return in {text:?}");
    assert!(
        text.is_empty() || text.ends_with('\n'),
        "no line end at the end"
    );
    text.split("\n\n")
        .map(|block| block.trim_matches('\n'))
        .filter(|block| !block.is_empty())
        .map(|block| block.lines().collect())
}

#[track_caller]
fn cue(line: &str, decimal_point: char, text: String) -> Cue {
    let (start, end) = line
        .split_once(" --> ")
        .unwrap_or_else(|| panic!("no times in {line:?}"));
    Cue {
        start_ms: millis(start, decimal_point),
        end_ms: millis(end, decimal_point),
        text,
    }
}

/// Parses `HH:MM:SS.mmm`.
#[track_caller]
fn millis(text: &str, decimal_point: char) -> u64 {
    let wrong = || -> ! { panic!("{text:?} is no HH:MM:SS{decimal_point}mmm") };
    let Some((clock, fraction)) = text.split_once(decimal_point) else {
        wrong()
    };
    let parts: Vec<_> = clock.split(':').collect();
    let digits = |part: &str, count: usize| {
        part.len() >= count && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    if parts.len() != 3 || !parts.iter().all(|part| digits(part, 2)) || fraction.len() != 3 {
        wrong()
    }
    let numbers: Vec<u64> = parts
        .iter()
        .chain([&fraction])
        .map(|part| part.parse().unwrap_or_else(|_| wrong()))
        .collect();
    if numbers[1] > 59 || numbers[2] > 59 {
        wrong()
    }
    ((numbers[0] * 60 + numbers[1]) * 60 + numbers[2]) * 1000 + numbers[3]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cue_with(text: &str) -> Cue {
        Cue {
            start_ms: 1500,
            end_ms: 3_661_000,
            text: text.into(),
        }
    }

    #[test]
    fn valid_files_are_parsed() {
        let vtt = "WEBVTT\n\n1\n00:00:01.500 --> 01:01:01.000\na &lt;b&gt; &amp; c\n\n";
        assert_eq!(webvtt(vtt), [cue_with("a <b> & c")]);
        assert_eq!(
            srt("1\n00:00:01,500 --> 01:01:01,000\na\nb\n"),
            [cue_with("a\nb")]
        );
        assert_eq!(webvtt("WEBVTT\n\n"), []);
    }

    #[test]
    #[should_panic(expected = "is no HH:MM:SS.mmm")]
    fn a_comma_in_a_webvtt_time_is_rejected() {
        webvtt("WEBVTT\n\n00:00:01,500 --> 00:00:02,000\na\n\n");
    }

    #[test]
    #[should_panic(expected = "not escaped")]
    fn markup_is_rejected() {
        webvtt("WEBVTT\n\n00:00:01.500 --> 00:00:02.000\n<b>\n\n");
    }

    #[test]
    #[should_panic(expected = "after 2000 ms")]
    fn overlapping_cues_are_rejected() {
        let both = "1\n00:00:01,000 --> 00:00:02,000\na\n\n2\n00:00:01,999 --> 00:00:03,000\nb\n";
        assert_in_order(&srt(both), 5000);
    }
}
