//! Pictures of where money goes: boxes in columns, with arrows between them.
//!
//! Drawn as SVG with attributes only: the policy of the pages allows no style inside them. Every
//! box can lead to its rows, and the same is said in words beside it.

use super::page::Picture;

/// A box.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// What it is.
    pub name: String,
    /// Its figure.
    pub value: String,
    /// More of it.
    pub note: String,
    /// Where it leads; nowhere when empty.
    pub to: String,
    /// Its colours: `plain`, `done`, `bad` or `go`.
    pub mood: &'static str,
}

const WIDTH: usize = 196;
const HEIGHT: usize = 66;
const GAP: usize = 44;
const ROW_GAP: usize = 14;

/// Boxes by column and the arrows between them: from column and row to column and row.
pub fn flow(columns: &[Vec<Node>], arrows: &[[(usize, usize); 2]]) -> Picture {
    let rows = columns.iter().map(Vec::len).max().unwrap_or(1);
    let total = (
        columns.len() * (WIDTH + GAP) - GAP + 4,
        rows * (HEIGHT + ROW_GAP) - ROW_GAP + 4,
    );
    let place = |(column, row): (usize, usize)| {
        let own = columns.get(column).map_or(1, Vec::len);
        let free = (rows - own) * (HEIGHT + ROW_GAP) / 2;
        (
            2 + column * (WIDTH + GAP),
            2 + free + row * (HEIGHT + ROW_GAP),
        )
    };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" \
         viewBox=\"0 0 {0} {1}\" role=\"img\">",
        total.0, total.1
    );
    let mut words = Vec::new();
    for [from, to] in arrows {
        svg += &arrow(place(*from), place(*to));
    }
    for (column, nodes) in columns.iter().enumerate() {
        for (row, node) in nodes.iter().enumerate() {
            svg += &drawn(node, place((column, row)));
            words.push(format!("{} {} {}", node.name, node.value, node.note));
        }
    }
    svg += "</svg>";
    Picture {
        svg,
        text: words.join(";"),
    }
}

fn arrow((x1, y1): (usize, usize), (x2, y2): (usize, usize)) -> String {
    let (x1, y1, y2) = (x1 + WIDTH, y1 + HEIGHT / 2, y2 + HEIGHT / 2);
    let middle = usize::midpoint(x1, x2);
    format!(
        "<path d=\"M{x1} {y1}H{middle}V{y2}H{}\" fill=\"none\" stroke=\"#55636a\" \
         stroke-width=\"1.6\"/><path d=\"M{x2} {y2}l-8 -4.5v9z\" fill=\"#55636a\"/>",
        x2 - 6
    )
}

fn drawn(node: &Node, (x, y): (usize, usize)) -> String {
    let (fill, stroke) = match node.mood {
        "done" => ("#eff8f1", "#2d7a3e"),
        "bad" => ("#fdf1f0", "#b3261e"),
        "go" => ("#eef5fc", "#15518f"),
        _ => ("#ffffff", "#55636a"),
    };
    let text = |dy: usize, size: usize, bold: &str, text: &str| {
        format!(
            "<text x=\"{}\" y=\"{}\" font-size=\"{size}\"{bold}>{}</text>",
            x + 10,
            y + dy,
            escaped(&short(text))
        )
    };
    let body = format!(
        "<rect x=\"{x}\" y=\"{y}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"4\" fill=\"{fill}\" \
         stroke=\"{stroke}\"/>{}{}{}",
        text(19, 13, "", &node.name),
        text(39, 16, " font-weight=\"bold\"", &node.value),
        text(57, 12, "", &node.note),
    );
    match node.to.as_str() {
        "" => body,
        to => format!("<a href=\"{}\">{body}</a>", escaped(to)),
    }
}

/// What fits into a box: Chinese characters take two places.
pub(super) fn short(text: &str) -> String {
    let mut places = 0;
    let mut kept = String::new();
    for c in text.chars() {
        places += if c.is_ascii() { 1 } else { 2 };
        if places > 26 {
            kept.push('…');
            break;
        }
        kept.push(c);
    }
    kept
}

pub(super) fn escaped(text: &str) -> String {
    let plain = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    plain.replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_escapes_a_box() {
        let node = Node {
            name: "<script>\"&".to_owned(),
            to: "/a?b=\"c".to_owned(),
            ..Node::default()
        };
        let picture = flow(&[vec![node.clone()], vec![node]], &[[(0, 0), (1, 0)]]);
        assert!(!picture.svg.contains("<script"));
        assert!(picture.svg.contains("&lt;script&gt;&quot;&amp;"));
        assert!(picture.svg.contains("/a?b=&quot;c"));
    }
}
