//! Pages into the bytes of a PDF.

use krilla::Document as Pdf;
use krilla::SerializeSettings;
use krilla::geom::{PathBuilder, Point};
use krilla::metadata::Metadata;
use krilla::page::PageSettings;
use krilla::paint::{Fill, Stroke};
use krilla::surface::Surface;
use krilla::text::KrillaGlyph;

use crate::flow::{Mark, Page};
use crate::{Fault, Font, Length};

/// How much thicker the lines of bold letters are, against the type size.
const BOLD: Length = 28;

/// Draws the pages. Without the XMP part and without dates, equal pages give equal bytes.
pub(crate) fn pdf(title: &str, pages: &[Page], font: &Font) -> Result<Vec<u8>, Fault> {
    let settings = SerializeSettings {
        xmp_metadata: false,
        ..SerializeSettings::default()
    };
    let mut pdf = Pdf::new_with(settings);
    pdf.set_metadata(
        Metadata::new()
            .title(title.to_owned())
            .language("zh-CN".to_owned()),
    );
    for page in pages {
        let (width, height) = page.orientation.size();
        let size = PageSettings::from_wh(points(width), points(height));
        let size = size.ok_or_else(|| Fault("no such page".to_owned()))?;
        let mut sheet = pdf.start_page_with(size);
        let mut surface = sheet.surface();
        for mark in &page.marks {
            draw(mark, font, &mut surface);
        }
        surface.finish();
        sheet.finish();
    }
    pdf.finish().map_err(|error| Fault(format!("{error:?}")))
}

fn draw(mark: &Mark, font: &Font, surface: &mut Surface<'_>) {
    match mark {
        Mark::Text {
            left,
            base,
            size,
            bold,
            text,
        } => {
            surface.set_fill(Some(Fill::default()));
            surface.set_stroke(bold.then(|| Stroke {
                width: points(size / BOLD),
                ..Stroke::default()
            }));
            let glyphs = glyphs(text, font);
            let start = Point::from_xy(points(*left), points(*base));
            surface.draw_glyphs(start, &glyphs, font.drawn(), text, points(*size), false);
        }
        Mark::Rule { from, to, width } => {
            let mut path = PathBuilder::new();
            path.move_to(points(from.0), points(from.1));
            path.line_to(points(to.0), points(to.1));
            surface.set_fill(None);
            surface.set_stroke(Some(Stroke {
                width: points(*width),
                ..Stroke::default()
            }));
            if let Some(path) = path.finish() {
                surface.draw_path(&path);
            }
        }
    }
}

/// One glyph for each character: Chinese, Latin letters and figures need no shaping.
fn glyphs(text: &str, font: &Font) -> Vec<KrillaGlyph> {
    let glyph = |(at, letter): (usize, char)| {
        let (id, advance) = font.glyph(letter);
        let advance = ratio(advance, font.units());
        let range = at..at + letter.len_utf8();
        KrillaGlyph::new(id, advance, 0.0, 0.0, 0.0, range, None)
    };
    text.char_indices().map(glyph).collect()
}

/// A length as the library takes it.
fn points(length: Length) -> f32 {
    ratio(length, crate::POINT)
}

#[expect(
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    reason = "places on paper, not money; both are far below 2^24"
)]
fn ratio(part: i32, whole: i32) -> f32 {
    part as f32 / whole as f32
}
