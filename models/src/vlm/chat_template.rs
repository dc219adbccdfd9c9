//! A model's chat template, rendered as the transformers library renders it.
//!
//! Templates are rendered once, with marks in place of the instruction and of the images, and cut into pieces there. So no text of
//! a user ever passes through a template. A template's steps are bounded, its memory is not: a pack is trusted as its modules are.

use std::path::Path;

use minijinja::{
    Environment, Error, ErrorKind, Value, context, syntax::SyntaxConfig, value::Serde,
};
use minijinja_contrib::pycompat::unknown_method_callback;
use serde::Serialize;

use crate::{ModelError, model_config::ConfigFile};

/// Stands for the instruction in a rendered template; a private-use character that no template has.
const INSTRUCTION_MARK: char = '\u{E000}';
/// The name of the token that begins a sequence, in templates.
const BEGIN: &str = "bos_token";
/// Instructions that a template may execute: far more than one of a few messages needs, and over in a second.
const FUEL: u64 = 1_000_000;

/// A part of a rendered template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Text with control tokens.
    Text(String),
    /// The next image, or all frames of a video.
    Media,
    /// The instruction.
    Instruction,
}

/// The images or the video that a user's message shows before its instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Media {
    /// So many images, each with its own place.
    Images(usize),
    /// A video, with one place for all its frames.
    Video,
}

/// A message's content in the form that templates read.
#[derive(Serialize)]
struct Content {
    #[serde(rename = "type")]
    kind: &'static str,
    text: Option<String>,
}

/// A model's chat template.
pub(crate) struct ChatTemplate<'p> {
    path: &'p Path,
    /// The token that begins a sequence; empty if the model has none.
    pub(crate) begin: String,
    writes_begin_token: bool,
    environment: Environment<'static>,
}

impl<'p> ChatTemplate<'p> {
    /// Reads the template of a `.json` file's member `chat_template`, or of any other file as it is.
    ///
    /// # Errors
    /// If the file cannot be read, or its template cannot be parsed.
    pub(crate) fn read(path: &'p Path) -> Result<Self, ModelError> {
        let json = path
            .extension()
            .is_some_and(|extension| extension == "json");
        let text = match json {
            true => ConfigFile::read(path)?.text("/chat_template")?.to_owned(),
            false => std::fs::read_to_string(path).map_err(|source| ModelError::Io {
                action: "read",
                path: path.to_owned(),
                source,
            })?,
        };
        Self::parse(path, &text)
    }

    fn parse(path: &'p Path, text: &str) -> Result<Self, ModelError> {
        let failed = |error| template_error(path, error);
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()
            .map_err(failed)?;
        let mut environment = Environment::new();
        environment.set_syntax(syntax);
        environment.set_fuel(Some(FUEL));
        environment.set_unknown_method_callback(unknown_method_callback);
        environment.add_function("raise_exception", raise_exception);
        environment
            .add_template_owned("chat", without_generation_tags(text))
            .map_err(failed)?;
        Ok(Self {
            path,
            begin: String::new(),
            writes_begin_token: text.contains(BEGIN),
            environment,
        })
    }

    /// True if the template writes the token that begins a sequence.
    pub(crate) fn writes_begin_token(&self) -> bool {
        self.writes_begin_token
    }

    /// Returns the error of a template that does not show a message's images.
    pub(crate) fn shows_no_images(&self) -> ModelError {
        ModelError::DataFile {
            path: self.path.to_owned(),
            problem: "the template does not show the images of a message as <image>".to_owned(),
        }
    }

    /// Renders one message of a user, with media before the instruction, and the beginning of the answer. `placeholder` is the text
    /// that the template writes for each image or video. Returns `None` if the template does not show the media.
    ///
    /// # Errors
    /// If the template fails, or does not show the instruction exactly once.
    pub(crate) fn render(
        &self,
        media: Media,
        placeholder: &str,
    ) -> Result<Option<Vec<Piece>>, ModelError> {
        let (kind, places) = match media {
            Media::Images(count) => ("image", count),
            Media::Video => ("video", 1),
        };
        let mut content: Vec<Content> = (0..places).map(|_| Content { kind, text: None }).collect();
        content.push(Content {
            kind: "text",
            text: Some(INSTRUCTION_MARK.to_string()),
        });
        let message = context! { role => "user", content => Value::from(Serde(&content)) };
        let template = self.environment.get_template("chat");
        let rendered = template.and_then(|template| {
            template.render(context! {
                messages => [message],
                add_generation_prompt => true,
                bos_token => self.begin.as_str(),
            })
        });
        let text = rendered.map_err(|error| template_error(self.path, error))?;
        if text.matches(INSTRUCTION_MARK).count() != 1 {
            return Err(ModelError::DataFile {
                path: self.path.to_owned(),
                problem: "the template must show the text of a message exactly once".to_owned(),
            });
        }
        let shown = text.matches(placeholder).count();
        Ok((shown == places).then(|| pieces(&text, placeholder)))
    }
}

/// Replaces the tags `generation` and `endgeneration`, which mark in training what the model said, by comments.
fn without_generation_tags(text: &str) -> String {
    let mut plain = text.to_owned();
    for tag in ["generation", "endgeneration"] {
        for (open, close) in [("{%-", "-%}"), ("{%-", "%}"), ("{%", "-%}"), ("{%", "%}")] {
            let comment = format!("{}{}", open.replace('%', "#"), close.replace('%', "#"));
            plain = plain.replace(&format!("{open} {tag} {close}"), &comment);
        }
    }
    plain
}

/// The error that templates raise for conversations that their model does not know.
fn raise_exception(message: String) -> Result<String, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, message))
}

fn template_error(path: &Path, error: Error) -> ModelError {
    ModelError::ChatTemplate {
        path: path.to_owned(),
        source: Box::new(error),
    }
}

/// Cuts a rendered template at its marks.
fn pieces(text: &str, placeholder: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mark = INSTRUCTION_MARK.to_string();
    for (n, part) in text.split(&mark).enumerate() {
        if n > 0 {
            pieces.push(Piece::Instruction);
        }
        for (n, part) in part.split(placeholder).enumerate() {
            if n > 0 {
                pieces.push(Piece::Media);
            }
            if !part.is_empty() {
                pieces.push(Piece::Text(part.to_owned()));
            }
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(template: &str, media: Media) -> Result<Option<Vec<Piece>>, ModelError> {
        let mut template = ChatTemplate::parse(Path::new("t.jinja"), template)?;
        template.begin = "<s>".to_owned();
        template.render(media, "<image>")
    }

    fn text(text: &str) -> Piece {
        Piece::Text(text.to_owned())
    }

    const TEMPLATE: &str = "{{ bos_token }}{% for m in messages %}<|im_start|>{{ m['role'] | capitalize }}: {% for c in m['content'] %}
{% if c['type'] == 'image' %}<image>{% elif c['type'] == 'text' %}{%- generation %}{{ c['text'].strip() }}{%- endgeneration -%}{% endif %}
{% endfor %}<end>\n{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}";

    #[test]
    fn a_message_is_cut_at_its_images_and_its_instruction() {
        let pieces = render(TEMPLATE, Media::Images(2)).unwrap().unwrap();
        let expected = [
            text("<s><|im_start|>User: "),
            Piece::Media,
            Piece::Media,
            Piece::Instruction,
            text("<end>\nAssistant:"),
        ];
        assert_eq!(pieces, expected);
        let without = render(TEMPLATE, Media::Images(0)).unwrap().unwrap();
        assert_eq!(without.len(), 3);
        assert_eq!(render(TEMPLATE, Media::Video).unwrap(), None);
    }

    #[test]
    fn a_template_that_fails_or_never_ends_is_an_error() {
        for (template, reason) in [
            (
                "{{ raise_exception('no images, please') }}",
                "no images, please",
            ),
            (
                "{% for a in range(10000) %}{% for b in range(10000) %}{{ a }}{% endfor %}{% endfor %}",
                "fuel",
            ),
            ("{% if %}", "syntax error"),
            ("nothing", "exactly once"),
        ] {
            let error = crate::error_chain(&render(template, Media::Images(1)).unwrap_err());
            assert!(
                error.contains("t.jinja") && error.contains(reason),
                "{error}"
            );
        }
    }
}
