//! Classes of errors of a pipeline: the follower of a camera chooses its next step by them.

/// Classes of errors, by their remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorClass {
    /// A retry may help.
    Transient,
    /// The camera may send over another transport.
    Transport,
    /// The web address sends no JPEG images; it may send a video.
    NoImages,
    /// No retry helps: a wrong password, a missing plugin, no video at all.
    Permanent,
}
