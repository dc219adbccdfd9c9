//! The formats of the generated table of videos: codecs with their pixel formats and containers.

/// A codec with what it can be combined with.
#[derive(Debug)]
pub struct MediaFormat {
    /// A name for people.
    pub name: &'static str,
    /// The options that make ffmpeg encode with it.
    pub encoder: &'static str,
    /// The pixel formats, as ffmpeg names them, with spaces between.
    pub pixels: &'static str,
    /// The containers, by the extensions of their files, with spaces between.
    pub containers: &'static str,
    /// The size of the frames, if the codec knows only some.
    pub size: Option<(u32, u32)>,
    /// The frame rate, if the codec knows only some.
    pub rate: Option<&'static str>,
    /// True if frames cannot have uneven times.
    pub even: bool,
}

const fn format(
    name: &'static str,
    encoder: &'static str,
    pixels: &'static str,
    containers: &'static str,
) -> MediaFormat {
    MediaFormat {
        name,
        encoder,
        pixels,
        containers,
        size: None,
        rate: None,
        even: false,
    }
}

impl MediaFormat {
    const fn sized(mut self, width: u32, height: u32) -> Self {
        self.size = Some((width, height));
        self
    }

    const fn with_rate(mut self, rate: &'static str) -> Self {
        self.rate = Some(rate);
        self
    }

    const fn even(mut self) -> Self {
        self.even = true;
        self
    }
}

/// All formats. Those that the installed ffmpeg cannot encode are left out when the table is made. Not here: what GStreamer 1.22 does not
/// decode (DNxHR in MOV, 4:4:0, 9 and 14 bits ...), decodes wrongly (PNG with 16 bits a colour, AV1 without chroma or in RGB, V308, the palettes of QuickTime graphics; APNG, of which it shows the first frame only),
/// or crashes at (raw frames in NUT).
pub static FORMATS: [MediaFormat; 50] = [
    format(
        "h264",
        "-c:v libx264 -preset ultrafast",
        "yuv420p yuv422p yuv444p yuv420p10le yuv422p10le yuv444p10le yuvj420p gray",
        "mp4 mov mkv avi ts flv 3gp",
    ),
    format(
        "h264rgb",
        "-c:v libx264rgb -preset ultrafast",
        "bgr24",
        "mp4 mkv avi mov",
    ),
    format(
        "hevc",
        "-c:v libx265 -preset ultrafast -x265-params log-level=error:pools=1",
        "yuv420p yuv422p yuv444p yuv420p10le yuv422p10le yuv444p10le yuv420p12le yuv422p12le yuv444p12le gbrp gray",
        "mp4 mkv mov ts",
    ),
    format(
        "av1",
        "-c:v libaom-av1 -cpu-used 8 -row-mt 1",
        "yuv420p yuv444p yuv420p10le yuv422p",
        "mp4 mkv webm ivf",
    ),
    format(
        "svtav1",
        "-c:v libsvtav1 -preset 12",
        "yuv420p yuv420p10le",
        "mp4 mkv",
    ),
    format(
        "vp8",
        "-c:v libvpx -deadline realtime",
        "yuv420p",
        "webm mkv ivf",
    ),
    format(
        "vp8a",
        "-c:v libvpx -auto-alt-ref 0 -deadline realtime",
        "yuva420p",
        "webm mkv",
    ),
    format(
        "vp9",
        "-c:v libvpx-vp9 -deadline realtime -cpu-used 8",
        "yuv420p yuv422p yuv444p yuv420p10le yuv422p10le yuv444p10le yuv444p12le yuva420p gbrp",
        "webm mkv mp4 ivf",
    ),
    format("mpeg1", "-c:v mpeg1video", "yuv420p", "mpg ts mkv").even(),
    format(
        "mpeg2",
        "-c:v mpeg2video",
        "yuv420p yuv422p",
        "mpg ts mxf mkv mov vob",
    )
    .even(),
    format("mpeg4", "-c:v mpeg4", "yuv420p", "mp4 avi mkv mov ts 3gp"),
    format("xvid", "-c:v libxvid", "yuv420p", "avi mp4").even(),
    format("msmpeg4", "-c:v msmpeg4", "yuv420p", "avi asf"),
    format("msmpeg4v2", "-c:v msmpeg4v2", "yuv420p", "avi asf mkv"),
    format("wmv1", "-c:v wmv1", "yuv420p", "asf avi"),
    format("wmv2", "-c:v wmv2", "yuv420p", "asf avi"),
    format("h263", "-c:v h263", "yuv420p", "3gp avi mov")
        .sized(176, 144)
        .even(),
    format("h263p", "-c:v h263p", "yuv420p", "3gp avi mkv")
        .sized(176, 144)
        .even(),
    format("flv1", "-c:v flv1", "yuv420p", "flv avi"),
    format("flashsv", "-c:v flashsv", "bgr24", "flv"),
    format(
        "theora",
        "-c:v libtheora",
        "yuv420p yuv422p yuv444p",
        "ogv mkv",
    )
    .even(),
    format(
        "mjpeg",
        "-c:v mjpeg",
        "yuvj420p yuvj422p yuvj444p",
        "avi mov mkv mp4",
    ),
    format("dnxhr", "-c:v dnxhd -profile:v dnxhr_sq", "yuv422p", "mxf")
        .sized(256, 144)
        .even(),
    format(
        "dnxhr-hqx",
        "-c:v dnxhd -profile:v dnxhr_hqx",
        "yuv422p10le",
        "mxf",
    )
    .sized(256, 144)
    .even(),
    format("prores", "-c:v prores_ks", "yuv422p10le", "mov mkv mxf"),
    format(
        "prores4444",
        "-c:v prores_ks -profile:v 4444",
        "yuv444p10le yuva444p10le",
        "mov mkv",
    ),
    format(
        "cfhd",
        "-c:v cfhd",
        "yuv422p10le gbrp12le gbrap12le",
        "mov mkv avi",
    ),
    format("dv", "-c:v dvvideo", "yuv420p", "avi dv mov mkv")
        .sized(720, 576)
        .with_rate("25")
        .even(),
    format("dv411", "-c:v dvvideo", "yuv411p", "avi dv")
        .sized(720, 480)
        .with_rate("30000/1001")
        .even(),
    format(
        "ffv1",
        "-c:v ffv1",
        "yuv420p yuv422p yuv444p yuv410p yuv411p yuva420p yuv420p10le gbrp gbrp10le gbrp12le bgr0 bgra gray gray16le",
        "mkv avi mov",
    ),
    format("huffyuv", "-c:v huffyuv", "yuv422p rgb24 bgra", "avi mkv"),
    format("png", "-c:v png", "rgb24 rgba gray pal8 ya8", "mov avi mkv"),
    format("qtrle", "-c:v qtrle", "rgb24 argb rgb555be gray", "mov"),
    format("rpza", "-c:v rpza", "rgb555le", "mov"),
    format("svq1", "-c:v svq1", "yuv410p", "mov").even(),
    format("cinepak", "-c:v cinepak", "rgb24 gray", "avi mov"),
    format("msvideo1", "-c:v msvideo1", "rgb555le", "avi mkv").even(),
    format("asv1", "-c:v asv1", "yuv420p", "avi").even(),
    format("asv2", "-c:v asv2", "yuv420p", "avi").even(),
    format("zmbv", "-c:v zmbv", "pal8 rgb555le bgr24 bgr0", "avi mkv"),
    format("rv10", "-c:v rv10", "yuv420p", "rm mkv")
        .sized(176, 144)
        .with_rate("25")
        .even(),
    format("rv20", "-c:v rv20", "yuv420p", "rm mkv")
        .sized(176, 144)
        .with_rate("25")
        .even(),
    format(
        "jpeg2000",
        "-c:v libopenjpeg",
        "rgb24 yuv420p yuv422p yuv444p gray",
        "mov mxf",
    ),
    format("jpeg2000n", "-c:v jpeg2000", "rgb24 gray", "mov"),
    format("gif", "-c:v gif", "pal8", "gif"),
    format("v210", "-c:v v210", "yuv422p10le", "mov avi mkv"),
    format("r210", "-c:v r210", "gbrp10le", "mov avi"),
    format(
        "raw",
        "-c:v rawvideo",
        "yuv420p yuv422p yuv444p yuyv422 uyvy422 nv12 rgb24 bgr24 bgra rgba argb gray gray16le rgb565le rgb555le p010le yuv420p10le",
        "avi mkv mov y4m",
    ),
    format("bmp", "-c:v bmp", "bgr24", "avi mkv"),
    format("tiff", "-c:v tiff", "rgb24", "mov"),
];
