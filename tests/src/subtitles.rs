//! Reads WebVTT and SRT strictly, so that a file that only a forgiving player understands fails a test.

/// One line of subtitles with its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cue {
    /// When it appears, in milliseconds.
    pub start_ms: u64,
    /// When it goes.
    pub end_ms: u64,
    /// What it says, without markup and escapes.
    pub text: String,
}

/// Reads a WebVTT file: header, blank line, cues with an optional identifier.
///
/// # Panics
/// On anything that the format forbids.
#[track_caller]
pub fn webvtt(text: &str) -> Vec<Cue> {
    let rest = text
        .strip_prefix("WEBVTT\n\n")
        .or_else(|| (text == "WEBVTT\n").then_some(""))
        .unwrap_or_else(|| panic!("no WEBVTT header with a blank line: {text:?}"));
    blocks(rest)
        .map(|lines| {
            let timed = usize::from(!lines[0].contains(" --> "));
            let shown = lines[timed + 1..].join("\n");
            let bare = shown.replace("&lt;", "").replace("&gt;", "");
            assert!(
                !bare.replace("&amp;", "").contains(['<', '>', '&']),
                "not escaped: {shown:?}"
            );
            cue(lines[timed], '.', unescaped(&shown))
        })
        .collect()
}

/// Reads an SRT file: cues numbered from 1.
///
/// # Panics
/// On anything that players disagree about.
#[track_caller]
pub fn srt(text: &str) -> Vec<Cue> {
    blocks(text)
        .enumerate()
        .map(|(at, lines)| {
            assert_eq!(lines[0], (at + 1).to_string(), "the number of a cue");
            cue(lines[1], ',', lines[2..].join("\n"))
        })
        .collect()
}

/// Panics if cues are empty, out of order, overlap, or lie beyond `end_ms`.
#[track_caller]
pub fn in_order(cues: &[Cue], end_ms: u64) {
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
fn cue(line: &str, point: char, text: String) -> Cue {
    let (start, end) = line
        .split_once(" --> ")
        .unwrap_or_else(|| panic!("no times in {line:?}"));
    Cue {
        start_ms: millis(start, point),
        end_ms: millis(end, point),
        text,
    }
}

/// Reads `HH:MM:SS.mmm`.
#[track_caller]
fn millis(text: &str, point: char) -> u64 {
    let wrong = || -> ! { panic!("{text:?} is no HH:MM:SS{point}mmm") };
    let Some((clock, fraction)) = text.split_once(point) else {
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

    fn one(text: &str) -> Cue {
        Cue {
            start_ms: 1500,
            end_ms: 3_661_000,
            text: text.into(),
        }
    }

    #[test]
    fn reads_what_is_right() {
        let vtt = "WEBVTT\n\n1\n00:00:01.500 --> 01:01:01.000\na &lt;b&gt; &amp; c\n\n";
        assert_eq!(webvtt(vtt), [one("a <b> & c")]);
        assert_eq!(
            srt("1\n00:00:01,500 --> 01:01:01,000\na\nb\n"),
            [one("a\nb")]
        );
        assert_eq!(webvtt("WEBVTT\n\n"), []);
    }

    #[test]
    #[should_panic(expected = "is no HH:MM:SS.mmm")]
    fn refuses_a_comma_in_webvtt() {
        webvtt("WEBVTT\n\n00:00:01,500 --> 00:00:02,000\na\n\n");
    }

    #[test]
    #[should_panic(expected = "not escaped")]
    fn refuses_markup() {
        webvtt("WEBVTT\n\n00:00:01.500 --> 00:00:02.000\n<b>\n\n");
    }

    #[test]
    #[should_panic(expected = "after 2000 ms")]
    fn refuses_cues_that_overlap() {
        let both = "1\n00:00:01,000 --> 00:00:02,000\na\n\n2\n00:00:01,999 --> 00:00:03,000\nb\n";
        in_order(&srt(both), 5000);
    }
}
