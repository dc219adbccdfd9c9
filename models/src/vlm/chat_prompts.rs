//! Prompts of a vision-language model: the frames of a scene, then an instruction, in the model's chat template.
//!
//! The frames come first, so all prompts about a scene share the part that shows them.

use crate::{
    ModelError, Prompt, PromptPart, ShownFrame,
    vlm::{
        chat_template::{ChatTemplate, Media, Piece},
        vlm_images::VlmImages,
        vlm_part::VlmPart,
    },
};

/// A model's prompts.
#[derive(Clone, Debug)]
pub(crate) struct ChatPrompts {
    images: VlmImages,
    part: VlmPart,
    /// The rendered template for each number of frames, from none on.
    forms: Vec<Form>,
}

/// The rendered template for a number of frames.
#[derive(Clone, Debug)]
struct Form {
    media: Media,
    pieces: Vec<Piece>,
}

impl ChatPrompts {
    /// Renders a model's template for every number of frames that a prompt may show.
    ///
    /// # Errors
    /// If the template fails or shows no images.
    pub(crate) fn new(
        template: &ChatTemplate,
        images: VlmImages,
        part: VlmPart,
    ) -> Result<Self, ModelError> {
        let forms = (0..=part.frames).map(|count| form(template, &images, count));
        Ok(Self {
            forms: forms.collect::<Result<_, _>>()?,
            images,
            part,
        })
    }

    /// Returns the manifest's section.
    pub(crate) fn part(&self) -> &VlmPart {
        &self.part
    }

    /// Builds the prompt for a caption.
    pub(crate) fn caption(&self, frames: &[ShownFrame]) -> Prompt {
        let prompt = self.prompt(frames, self.part.caption.clone());
        prompt.with_beams(self.part.caption_beams)
    }

    /// Builds the prompt for a question about the frames shown and, if there is one, about a text.
    pub(crate) fn question(&self, frames: &[ShownFrame], evidence: &str, question: &str) -> Prompt {
        let template = match evidence.is_empty() {
            true => &self.part.question,
            false => &self.part.ask,
        };
        // One pass over the template, so that a placeholder inside the evidence is not replaced.
        let fill = |text: &str| text.replace("{question}", question);
        let instruction = match template.split_once("{evidence}") {
            Some((before, after)) => format!("{}{evidence}{}", fill(before), fill(after)),
            None => fill(template),
        };
        self.prompt(frames, instruction)
    }

    /// Returns the common prefix of all prompts that show a full number of frames, or none.
    pub(crate) fn prefix(&self, with_frames: bool) -> Prompt {
        let form = match with_frames {
            true => self.forms.last(),
            false => self.forms.first(),
        };
        let first = form.and_then(|form| form.pieces.first());
        Prompt::new(match first {
            Some(Piece::Text(text)) => vec![PromptPart::template(text)],
            _ => Vec::new(),
        })
    }

    fn prompt(&self, frames: &[ShownFrame], instruction: String) -> Prompt {
        // There is a form for each number up to `frames`, and no caller shows more.
        let shown = &frames[..frames.len().min(self.part.frames)];
        let Form { media, pieces } = &self.forms[shown.len()];
        let mut rest = shown.iter();
        // Frames of one moment are no video.
        let timed = shown.len() > 1 && shown.iter().any(|frame| frame.at_ms > 0);
        let mut parts = Vec::new();
        for piece in pieces {
            match (piece, media) {
                (Piece::Text(text), _) => parts.push(PromptPart::template(text)),
                (Piece::Instruction, _) => {
                    parts.push(PromptPart::Foreign(instruction.as_str().into()))
                }
                (Piece::Media, Media::Video) => {
                    parts.extend(self.images.show_video(shown).into_iter().flatten());
                }
                (Piece::Media, Media::Images(_)) => {
                    let Some(frame) = rest.next() else { continue };
                    parts.extend(timed.then(|| time_of(frame)));
                    parts.extend(self.images.show_image(frame));
                }
            }
        }
        Prompt::new(parts)
    }
}

/// Returns the line that says when a frame was taken, for models that know no videos.
fn time_of(frame: &ShownFrame) -> PromptPart {
    let seconds = frame.at_ms / 1000;
    PromptPart::template(&format!("\n{}:{:02}\n", seconds / 60, seconds % 60))
}

/// Renders the template for some frames: as a video if there are several and model and template know videos, else as images.
fn form(template: &ChatTemplate, images: &VlmImages, count: usize) -> Result<Form, ModelError> {
    if count > 1
        && images.show_video(&[]).is_some()
        && let Some(pieces) = template.render(Media::Video, "<video>")?
    {
        return Ok(Form {
            media: Media::Video,
            pieces,
        });
    }
    let media = Media::Images(count);
    match template.render(media, "<image>")? {
        Some(pieces) => Ok(Form { media, pieces }),
        None => Err(template.shows_no_images()),
    }
}
