//! The font: one that can write Chinese, found on the machine or named.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use krilla::text::{Font as Drawn, GlyphId};
use skrifa::prelude::*;
use skrifa::raw::{FileRef, TableProvider};
use skrifa::string::StringId;

use crate::Length;

/// Where machines keep their fonts.
pub const DIRECTORIES: &[&str] = &[
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "/System/Library/Fonts",
    "/Library/Fonts",
    "C:\\Windows\\Fonts",
];

/// Files that hold a Chinese font, the better ones first; names are compared in small letters.
const FILES: &[&str] = &[
    "notosanscjk-regular.ttc",
    "notosanscjksc-regular.otf",
    "notosanssc-regular.otf",
    "notosanssc-regular.ttf",
    "sourcehansanssc-regular.otf",
    "sourcehansanscn-regular.otf",
    "sourcehansans-regular.ttc",
    "notoserifcjk-regular.ttc",
    "notoserifcjksc-regular.otf",
    "wqy-microhei.ttc",
    "wqy-zenhei.ttc",
    "msyh.ttc",
    "simsun.ttc",
    "simsun.ttf",
    "simhei.ttf",
    "deng.ttf",
    "pingfang.ttc",
    "hiragino sans gb.ttc",
    "stheiti light.ttc",
    "uming.ttc",
    "droidsansfallbackfull.ttf",
];

/// What a font must be able to write to be of use here.
const PROBE: &str = "民政局壹贰叁肆伍陆柒捌玖零拾佰仟万亿元角分整审批0123456789.,-()()ABCabc";
/// Deeper directories are not searched.
const DEPTH_MAX: usize = 5;
/// Larger files are no fonts. The largest seen has 20 MB.
const BYTES_MAX: u64 = 256 << 20;

/// Why there is no font.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FontFault {
    /// None of the known ones is in the usual directories.
    Missing,
    /// The named file cannot be read, or is no font.
    Unreadable(PathBuf, String),
    /// The named font cannot write this character, and so not Chinese forms.
    NotChinese(PathBuf, char),
}

/// A font that can write Chinese.
#[derive(Clone)]
pub struct Font {
    data: Arc<Vec<u8>>,
    index: u32,
    drawn: Drawn,
    units: i32,
    path: PathBuf,
    /// Glyph and width of every character of the basic plane, read when the first is asked for.
    plane: Arc<OnceLock<Vec<(u32, i32)>>>,
}

impl fmt::Debug for Font {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Font({}#{})", self.path.display(), self.index)
    }
}

/// The font of this file; without one, the best of those in `directories`.
///
/// # Errors
/// When there is none, or the named one is of no use.
pub fn find(file: Option<&Path>, directories: &[&Path]) -> Result<Font, FontFault> {
    if let Some(file) = file {
        return Font::read(file);
    }
    let mut found: Vec<(usize, PathBuf)> = Vec::new();
    for directory in directories {
        collect(directory, 0, &mut found);
    }
    found.sort();
    let mut usable = found.iter().filter_map(|(_, path)| Font::read(path).ok());
    usable.next().ok_or(FontFault::Missing)
}

/// The known font files below a directory, with their place in the list.
fn collect(directory: &Path, depth: usize, found: &mut Vec<(usize, PathBuf)>) {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            if depth < DEPTH_MAX {
                collect(&path, depth + 1, found);
            }
            continue;
        }
        let name = entry.file_name().to_string_lossy().to_lowercase();
        if let Some(rank) = FILES.iter().position(|known| *known == name) {
            found.push((rank, path));
        }
    }
}

impl Font {
    /// Reads a font file. Of a collection, the face for simplified Chinese is taken.
    ///
    /// # Errors
    /// When the file cannot be read, is no font, or cannot write Chinese.
    pub fn read(path: &Path) -> Result<Font, FontFault> {
        let unreadable =
            |error: &dyn fmt::Display| FontFault::Unreadable(path.to_owned(), error.to_string());
        let about = std::fs::metadata(path).map_err(|error| unreadable(&error))?;
        if !about.is_file() || about.len() > BYTES_MAX {
            return Err(unreadable(&"no font file"));
        }
        let data = std::fs::read(path).map_err(|error| unreadable(&error))?;
        let data = Arc::new(data);
        let index = face(&data).ok_or_else(|| unreadable(&"no font"))?;
        let (units, lacking) = {
            let font = FontRef::from_index(&data, index).map_err(|error| unreadable(&error))?;
            let units = font.head().map_err(|error| unreadable(&error))?;
            let map = font.charmap();
            let lacking = PROBE.chars().find(|c| map.map(*c).is_none());
            (i32::from(units.units_per_em()), lacking)
        };
        if let Some(lacking) = lacking {
            return Err(FontFault::NotChinese(path.to_owned(), lacking));
        }
        let drawn = Drawn::new(Arc::clone(&data).into(), index);
        Ok(Font {
            drawn: drawn.ok_or_else(|| unreadable(&"no font"))?,
            units: units.max(1),
            path: path.to_owned(),
            data,
            index,
            plane: Arc::default(),
        })
    }

    /// The file that it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// As the library draws it.
    pub(crate) fn drawn(&self) -> Drawn {
        self.drawn.clone()
    }

    /// How many units its em has.
    pub(crate) fn units(&self) -> i32 {
        self.units
    }

    /// The picture of a character, its empty box when it has none, and its width in units.
    pub(crate) fn glyph(&self, letter: char) -> (GlyphId, i32) {
        let plane = self.plane.get_or_init(|| {
            let letters = (0..0x1_0000).map(|code| char::from_u32(code).unwrap_or(' '));
            self.look_up(letters)
        });
        let known = usize::try_from(u32::from(letter)).ok();
        let known = known.and_then(|place| plane.get(place)).copied();
        let (id, advance) = known.unwrap_or_else(|| {
            let found = self.look_up(std::iter::once(letter));
            found.first().copied().unwrap_or((0, self.units))
        });
        (GlyphId::new(id), advance)
    }

    fn look_up(&self, letters: impl Iterator<Item = char>) -> Vec<(u32, i32)> {
        let Ok(font) = FontRef::from_index(&self.data, self.index) else {
            return Vec::new();
        };
        let (map, metrics) = (font.charmap(), font.hmtx().ok());
        let of = |letter| {
            let glyph = map.map(letter).unwrap_or_default();
            let advance = metrics.as_ref().and_then(|metrics| metrics.advance(glyph));
            (glyph.to_u32(), advance.map_or(self.units, i32::from))
        };
        letters.map(of).collect()
    }

    /// How wide a character is at a type size.
    pub(crate) fn advance(&self, letter: char, size: Length) -> Length {
        self.glyph(letter).1 * size / self.units
    }

    /// How wide a text is on one line.
    pub(crate) fn width(&self, text: &str, size: Length) -> Length {
        let units: i32 = text.chars().map(|letter| self.glyph(letter).1).sum();
        let width = i64::from(units) * i64::from(size) / i64::from(self.units);
        Length::try_from(width).unwrap_or(Length::MAX)
    }
}

/// Which face of a file writes simplified Chinese: one that says so in its name, else the first.
fn face(data: &[u8]) -> Option<u32> {
    let file = FileRef::new(data).ok()?;
    let FileRef::Collection(collection) = file else {
        return Some(0);
    };
    let is_simplified = |index: &u32| {
        let Ok(font) = collection.get(*index) else {
            return false;
        };
        let mut names = font.localized_strings(StringId::FAMILY_NAME);
        names.any(|name| {
            let name: String = name.chars().collect();
            !name.contains("Mono") && (name.ends_with(" SC") || name.ends_with(" CN"))
        })
    };
    Some((0..collection.len()).find(is_simplified).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_font_the_fault_says_which() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert_eq!(
            find(None, &[&here.join("src")]).unwrap_err(),
            FontFault::Missing
        );
        assert_eq!(find(None, &[]).unwrap_err(), FontFault::Missing);
        for file in ["nowhere.ttf", "Cargo.toml", "src"] {
            let path = here.join(file);
            let fault = find(Some(&path), &[]).unwrap_err();
            let FontFault::Unreadable(named, _) = fault else {
                panic!("{fault:?}");
            };
            assert_eq!(named, path);
        }
    }
}
