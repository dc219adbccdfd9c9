//! What would falsify an evaluation is refused, in words that name it.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;

use atom_tests::{
    exam::{exam, held, list, picture},
    media,
    program::{Place, text},
};
use serde_json::json;

/// Both exams; they must be refused in these words, without a summary.
#[track_caller]
fn refused(place: &Place, arguments: &[&str], words: &[&str]) {
    for exam in ["caption", "retrieval"] {
        let said = held(place, exam, arguments).refused(words);
        assert_eq!(said.code, Some(1), "{said}");
        assert!(!said.stdout.contains("intervals"), "{said}");
    }
}

#[test]
fn folders_and_lists_that_are_none() {
    let place = Place::new();
    refused(
        &place,
        &[],
        &["exam", "does not exist", "expected a folder"],
    );
    place.write("exam", "no folder");
    refused(&place, &[], &["exam", "no folder", "captions.json"]);
    fs::remove_file(place.path("exam")).unwrap();
    fs::create_dir(place.path("exam")).unwrap();
    let shape = "[{\"file\":";
    refused(&place, &[], &["captions.json", "does not exist", shape]);
    for (wrong, words) in [
        ("[{\"file\": ", "no JSON"),
        ("{\"dog.jpg\": []}", "an object, not a list"),
        ("[]", "names no file"),
    ] {
        place.write("exam/captions.json", wrong);
        refused(&place, &[], &["captions.json", words, shape]);
    }
}

#[test]
fn everything_that_is_wrong_with_a_list_is_told_at_once_before_a_pack_is_opened() {
    let place = exam();
    place.write("secret.png", "x");
    place.write("exam/empty.png", "");
    list(
        &place,
        &json!([
            {"file": "none.png", "captions": ["a"]},
            {"file": "../secret.png", "captions": ["a"]},
            {"file": text(&place.path("exam/red.png")), "captions": ["a"]},
            {"file": "red.png", "captions": []},
            {"file": "./red.png", "captions": ["a", " "]},
            {"file": "clips", "captions": ["a", 3]},
            {"captions": ["a"]},
            {"file": 7, "captions": "a"},
            "red.png",
            {"file": "empty.png"},
            {"file": "clips/blue.mp4", "captions": ["\u{72ac}"]},
        ]),
    );
    let words = [
        "15 problems",
        "entry 1 (\"none.png\"): there is no such file",
        "entry 2 (\"../secret.png\"): it leads out of the folder",
        "entry 3 (",
        "entry 4 (\"red.png\"): it has no captions",
        "entry 5 (\"./red.png\"): entry 4 has the same file",
        "entry 5 (\"./red.png\"): caption 2 is empty",
        "entry 6 (\"clips\"): it is a folder",
        "entry 6 (\"clips\"): caption 2 is a number",
        "entry 7: it has no \"file\"",
        "entry 8: \"file\" is a number",
        "entry 8: \"captions\" is a text",
        "entry 9 is a text",
        "entry 10 (\"empty.png\"): it is empty",
        "entry 10 (\"empty.png\"): it has no captions",
        "entry 11 (\"clips/blue.mp4\"): caption 1",
    ];
    for pack in ["fake", "no-such-pack"] {
        let said = place.atom(&["eval", "caption", "exam", "--pack", pack]);
        assert_eq!(said.refused(&words).code, Some(1));
    }
}

/// The exam with another file in the place of the red picture.
fn with(content: impl AsRef<[u8]>) -> Place {
    let place = exam();
    place.write("exam/red.png", content);
    place
}

#[test]
fn files_that_cannot_be_played_are_named() {
    for content in [
        b"no picture at all".as_slice(),
        &[0x89, b'P', b'N', b'G'],
        &[7; 5000],
    ] {
        refused(
            &with(content),
            &["--json"],
            &["error", "\"red.png\"", "captions.json"],
        );
    }
    let sound = media::made("sound.mp4", &["-f", "lavfi", "-i", "sine=d=2"]);
    refused(&with(fs::read(sound).unwrap()), &[], &["\"red.png\""]);
}

#[test]
fn a_picture_that_is_cut_short_is_refused() {
    let options = [
        "-f",
        "lavfi",
        "-i",
        "testsrc=s=160x120:d=1:r=1",
        "-frames:v",
        "1",
    ];
    let whole = fs::read(media::made("whole.jpg", &options)).unwrap();
    held(&with(&whole), "caption", &[]).ok();
    refused(
        &with(&whole[..whole.len() / 2]),
        &[],
        &["\"red.png\"", "cut short"],
    );
}

#[test]
fn a_clip_that_is_cut_short_is_told() {
    let whole = media::moving("front.mp4", 8.0, &["-movflags", "+faststart", "-g", "5"]);
    let whole = fs::read(whole).unwrap();
    let place = with(&whole[..whole.len() / 2]);
    for exam in ["caption", "retrieval"] {
        held(&place, exam, &[]).warned(&["warning: red.png:", "cut short"]);
    }
}

#[test]
fn a_module_that_fails_is_told_with_its_file() {
    let yellow = fs::read(picture("yellow")).unwrap();
    refused(
        &with(yellow),
        &[],
        &["vision encoder", "\"red.png\"", "yellow"],
    );
}

#[test]
fn sentences_that_are_captions_of_the_exam_are_found_before_it() {
    let place = exam();
    place.write(
        "memory.txt",
        "a picture\n\nSOMETHING   red...\nwho knows\nwho knows that\n",
    );
    let words = [
        "2 of 4",
        "line 3",
        "SOMETHING",
        "\"red.png\"",
        "line 4",
        "blue.mp4",
    ];
    refused(&place, &["--check-leak=memory.txt"], &words);
    place.write("memory.txt", "a picture\nwho knows that\n");
    let said = held(&place, "caption", &["--json", "--check-leak=memory.txt"]);
    let said = said.warned(&["compared 2 sentences of memory.txt"]);
    assert_eq!(said.json_lines().len(), 3);
    refused(
        &place,
        &["--check-leak=none.txt"],
        &["none.txt", "one sentence a line"],
    );
}

#[test]
fn results_never_write_over_what_is_read() {
    let place = exam();
    place.write("memory.txt", "a\n");
    for output in ["exam/captions.json", "exam/clips/../red.png", "memory.txt"] {
        let before = fs::read(place.path(output)).unwrap();
        let arguments = ["--check-leak=memory.txt", "-o", output];
        refused(&place, &arguments, &[output, "another name"]);
        assert_eq!(fs::read(place.path(output)).unwrap(), before);
    }
    for output in ["exam", "none/out.jsonl"] {
        refused(
            &place,
            &["--output", output],
            &["cannot write the results", output],
        );
    }
}

#[test]
fn a_pack_that_is_not_installed_is_named() {
    let place = exam();
    let said = place.atom(&["eval", "caption", "exam", "--pack", "none"]);
    assert_eq!(said.refused(&["\"none\"", "not installed"]).code, Some(1));
}

#[test]
fn wrong_usage_is_told_with_exit_code_2() {
    let place = exam();
    for arguments in [
        &["eval"][..],
        &["eval", "caption"],
        &["eval", "captions", "exam"],
        &["eval", "caption", "exam", "--check-leek"],
        &["eval", "retrieval", "exam", "more"],
    ] {
        assert_eq!(place.atom(arguments).code, Some(2), "{arguments:?}");
    }
}

#[test]
fn an_exam_that_is_stopped_tells_no_measure() {
    let place = exam();
    let long = media::moving("long.mp4", 320.0, &["-g", "50"]);
    place.copy(&long, "exam/long.mp4");
    let entries: Vec<_> = ["clips/blue.mp4", "long.mp4"]
        .map(|file| json!({"file": file, "captions": ["a"]}))
        .into();
    list(&place, &entries.into());
    let running = place.start(&["eval", "caption", "exam", "--pack", "fake", "--json"]);
    running.until(|stdout| stdout.contains("blue.mp4"));
    running.signal("INT");
    let said = running.wait(atom_tests::program::BOUND);
    let said = said.refused(&["stopped at \"long.mp4\"", "1 of 2 files"]);
    assert!(!said.stdout.contains("intervals"), "{said}");
}
