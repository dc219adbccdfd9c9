//! Writes a subtitle file of either format: numbered cues.

use super::{
    error::SinkError,
    output_file::OutputFile,
    result_record::Record,
    sink_trait::Sink,
    subtitle_cues::{Cue, Cues},
};

/// Renders a cue with its number, blank line included.
pub(super) type Render = fn(u64, Cue) -> String;

/// A sink of subtitles. Cues are numbered from 1.
pub(super) struct Subtitles {
    cues: Cues,
    file: CueFile,
}

/// The file of cues, with their number.
struct CueFile {
    output: OutputFile,
    render: Render,
    written: u64,
}

impl Subtitles {
    /// Starts a file, which has its header already, so that one without cues is valid too.
    pub(super) fn start(output: OutputFile, render: Render) -> Self {
        let file = CueFile {
            output,
            render,
            written: 0,
        };
        Self {
            cues: Cues::default(),
            file,
        }
    }
}

impl Sink for Subtitles {
    fn write(&mut self, record: &Record) -> Result<(), SinkError> {
        let name = self.file.output.name().to_owned();
        self.cues
            .push(record, &name, &mut |cue| self.file.write(cue))
    }

    fn complete(&mut self, _source: &str, through_ms: u64) -> Result<(), SinkError> {
        self.cues
            .complete(through_ms, &mut |cue| self.file.write(cue))
    }

    fn refresh(&mut self) -> Result<(), SinkError> {
        self.file.output.refresh()
    }

    fn finish(&mut self, complete: bool) -> Result<(), SinkError> {
        let rest = self.cues.finish(&mut |cue| self.file.write(cue));
        rest.and(self.file.output.finish(complete))
    }
}

impl CueFile {
    fn write(&mut self, cue: Cue) -> Result<(), SinkError> {
        self.written += 1;
        self.output.write(&(self.render)(self.written, cue))
    }
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::{
        super::{
            output_file::WriteMode,
            sink_format::{Format, open},
            test_records::{answer, caption, written},
        },
        *,
    };

    /// The cues of a file: number, start, end, text.
    type ParsedCues = Vec<(u64, u64, u64, String)>;

    /// Parses subtitles strictly: blocks separated by one blank line, each a number, a time line and text.
    fn parse(file: &str, mark: char) -> ParsedCues {
        let blocks = file.split_terminator("\n\n");
        blocks.map(|block| parse_block(block, mark)).collect()
    }

    fn parse_block(block: &str, mark: char) -> (u64, u64, u64, String) {
        let mut lines = block.splitn(3, '\n');
        let number = lines.next().unwrap().parse().unwrap();
        let (start, end) = lines.next().unwrap().split_once(" --> ").unwrap();
        let text = lines.next().unwrap();
        assert!(!text.contains("-->") && !text.contains("\n\n"));
        (number, ms(start, mark), ms(end, mark), text.to_owned())
    }

    fn ms(clock: &str, mark: char) -> u64 {
        let (rest, ms) = clock.split_once(mark).unwrap();
        let parts: Vec<u64> = rest.split(':').map(|part| part.parse().unwrap()).collect();
        assert_eq!((parts.len(), ms.len()), (3, 3));
        (parts[0] * 3600 + parts[1] * 60 + parts[2]) * 1000 + ms.parse::<u64>().unwrap()
    }

    fn some_records() -> [Record; 4] {
        [
            caption(0, 4000, "Tom & <Jerry>\n\nx --> y"),
            answer(0, 4000, "visitor", "No."),
            caption(4000, 4000, "犬"),
            caption(3_600_000, 3_604_000, "late"),
        ]
    }

    #[test]
    fn webvtt_parses_back_to_the_same_cues() {
        let file = written(Format::WebVtt, &some_records());
        let cues = parse(file.strip_prefix("WEBVTT\n\n").unwrap(), '.');
        let plain = |text: &str| {
            text.replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&amp;", "&")
        };
        let back: ParsedCues = cues
            .into_iter()
            .map(|(n, s, e, text)| (n, s, e, plain(&text)))
            .collect();
        let first = "Tom & <Jerry>\nx --> y\nNo.".to_owned();
        let expected = [
            (1, 0, 4000, first),
            (2, 4000, 4001, "犬".to_owned()),
            (3, 3_600_000, 3_604_000, "late".to_owned()),
        ];
        assert_eq!(back, expected);
    }

    #[test]
    fn srt_parses_back_in_order_and_without_overlap() {
        let cues = parse(&written(Format::Srt, &some_records()), ',');
        let numbers: Vec<u64> = cues.iter().map(|cue| cue.0).collect();
        assert_eq!(numbers, [1, 2, 3]);
        assert!(cues.is_sorted_by(|a, b| a.2 <= b.1));
        assert_eq!(cues[0].3, "Tom & <Jerry>\nx -> y\nNo.");
    }

    #[test]
    fn without_records_the_files_are_valid_and_empty() {
        assert_eq!(written(Format::WebVtt, &[]), "WEBVTT\n\n");
        assert_eq!(written(Format::Srt, &[]), "");
    }

    #[test]
    fn a_late_record_is_an_error_and_the_file_goes_on() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("out.srt");
        let mut sink = open(Format::Srt, (&path, &WriteMode::Replace), &["door"]).unwrap();
        sink.write(&caption(4000, 8000, "a")).unwrap();
        let late = sink.write(&caption(0, 4000, "b")).unwrap_err();
        assert!(late.to_string().contains("result at 0 ms came too late"));
        sink.write(&caption(8000, 9000, "c")).unwrap();
        sink.finish(true).unwrap();
        let cues = parse(&std::fs::read_to_string(&path).unwrap(), ',');
        let texts: Vec<&str> = cues.iter().map(|cue| cue.3.as_str()).collect();
        assert_eq!(texts, ["a", "c"]);
    }
}
