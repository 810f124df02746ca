//! Charts of the dashboard: lines over months, sorted bars, one bar of parts that add up.
//!
//! Drawn as SVG with attributes only, as the policy of the pages wants it. Each has a title and a
//! description for those who do not see it, prints its figures at its marks, is told apart without
//! colour, and stands over a table with the same figures.

use super::page::Picture;
use super::picture::{escaped, short};

/// The drawing is so wide.
const WIDTH: i64 = 720;
/// A bar or a line of text is so high.
const ROW: i64 = 26;
/// Where the marks begin, and how much room they have.
const LEFT: i64 = 190;
const ROOM: i64 = 360;

/// A bar: its name, its size of all, its figure as text, and where its rows are.
#[derive(Clone, Debug, Default)]
pub struct Bar {
    /// What it is.
    pub name: String,
    /// Its size, 0 or more.
    pub size: i64,
    /// Its figure as it is printed.
    pub text: String,
    /// Where its rows are; nowhere when empty.
    pub to: String,
}

/// What a chart is called, and what it says in a sentence.
#[derive(Clone, Copy, Debug)]
pub struct Caption<'a> {
    /// A name for its parts that no other chart of the page has.
    pub id: &'a str,
    /// What it shows.
    pub title: &'a str,
    /// What can be seen in it.
    pub about: &'a str,
}

fn opened(caption: Caption<'_>, height: i64) -> String {
    let Caption { id, title, about } = caption;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\">\
         <title id=\"{id}-t\">{}</title><desc id=\"{id}-d\">{}</desc>{}",
        escaped(title),
        escaped(about),
        PATTERNS.replace('@', id),
    )
}

/// Fills that a black and white printer keeps apart.
const PATTERNS: &str = "<defs><pattern id=\"@-p1\" width=\"6\" height=\"6\" \
     patternUnits=\"userSpaceOnUse\"><rect width=\"6\" height=\"6\" fill=\"#ffffff\"/>\
     <path d=\"M0 6L6 0\" stroke=\"#15518f\" stroke-width=\"1.5\"/></pattern>\
     <pattern id=\"@-p2\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\">\
     <rect width=\"5\" height=\"5\" fill=\"#ffffff\"/>\
     <circle cx=\"2.5\" cy=\"2.5\" r=\"1.3\" fill=\"#b3261e\"/></pattern></defs>";

fn text(x: i64, y: i64, anchor: &str, text: &str) -> String {
    format!(
        "<text x=\"{x}\" y=\"{y}\" font-size=\"13\" text-anchor=\"{anchor}\">{}</text>",
        escaped(text)
    )
}

fn linked(to: &str, body: String) -> String {
    match to {
        "" => body,
        to => format!("<a href=\"{}\">{body}</a>", escaped(to)),
    }
}

/// `size` of `whole` of `room`; nothing of nothing.
fn part(size: i64, whole: i64, room: i64) -> i64 {
    let scaled = i128::from(size.max(0)) * i128::from(room) / i128::from(whole.max(1));
    i64::try_from(scaled).unwrap_or(room).min(room)
}

fn picture(caption: Caption<'_>, svg: String) -> Picture {
    Picture {
        svg: svg + "</svg>",
        text: caption.title.to_owned(),
    }
}

/// Bars, each as long as its size of `whole`, in the order given.
pub fn bars(caption: Caption<'_>, bars: &[Bar], whole: i64) -> Picture {
    let rows = i64::try_from(bars.len()).unwrap_or(0);
    let mut svg = opened(caption, rows * ROW + 8);
    for (row, bar) in (0..).zip(bars) {
        let y = row * ROW + 4;
        let long = part(bar.size, whole, ROOM);
        let body = text(LEFT - 8, y + 17, "end", &short(&bar.name))
            + &format!(
                "<rect x=\"{LEFT}\" y=\"{}\" width=\"{ROOM}\" height=\"{}\" fill=\"none\" \
                 stroke=\"#c8d0d4\"/><rect x=\"{LEFT}\" y=\"{}\" width=\"{long}\" \
                 height=\"{}\" fill=\"#15518f\"/>",
                y + 3,
                ROW - 8,
                y + 3,
                ROW - 8
            )
            + &text(LEFT + ROOM + 8, y + 17, "start", &bar.text);
        svg += &linked(&bar.to, body);
    }
    picture(caption, svg)
}

/// One bar whose parts add up, with what each is.
pub fn stack(caption: Caption<'_>, parts: &[Bar]) -> Picture {
    let fills = fills(caption.id);
    let whole: i64 = parts
        .iter()
        .map(|bar| bar.size.max(0))
        .fold(0, i64::saturating_add);
    let rows = i64::try_from(parts.len()).unwrap_or(0);
    let mut svg = opened(caption, 44 + rows * ROW);
    let room = WIDTH - 8;
    let mut x = 4;
    for ((row, bar), fill) in (0..).zip(parts).zip(fills.iter().cycle()) {
        let long = part(bar.size, whole, room);
        let y = 40 + row * ROW;
        let legend = format!("{} {}", bar.name, bar.text);
        let body = filled((x, 4), (long, 28), fill)
            + &filled((4, y + 3), (16, 16), fill)
            + &text(28, y + 16, "start", &legend);
        svg += &linked(&bar.to, body);
        x += long;
    }
    picture(caption, svg)
}

/// A column for each month, of parts that stand on each other; at most four parts, each with its
/// own fill. The sum is printed over each column.
pub fn columns(caption: Caption<'_>, months: &[String], parts: &[(String, Vec<i64>)]) -> Picture {
    const HIGH: i64 = 150;
    const TOP: i64 = 24;
    let of = |place: usize| {
        parts
            .iter()
            .map(move |(_, sizes)| sizes.get(place).copied().unwrap_or(0).max(0))
    };
    let sums: Vec<i64> = (0..months.len())
        .map(|place| of(place).fold(0, i64::saturating_add))
        .collect();
    let most = sums.iter().copied().max().unwrap_or(0);
    let legends = i64::try_from(parts.len()).unwrap_or(0);
    let count = i64::try_from(months.len()).unwrap_or(0).max(1);
    let (step, fills) = ((WIDTH - 16) / count, fills(caption.id));
    let wide = (step * 3 / 5).clamp(2, 40);
    let every = usize::try_from((count * 56 + WIDTH - 1) / WIDTH).unwrap_or(1);
    let mut svg = opened(caption, TOP + HIGH + 30 + legends * ROW);
    for ((place, month), sum) in (0..).zip(months).zip(&sums) {
        let middle = 8 + i64::try_from(place).unwrap_or(0) * step + step / 2;
        let mut y = TOP + HIGH;
        for (size, fill) in of(place).zip(&fills) {
            let high = part(size, most, HIGH);
            y -= high;
            svg += &filled((middle - wide / 2, y), (wide, high), fill);
        }
        svg += &text(middle, y - 6, "middle", &sum.to_string());
        if place % every.max(1) == 0 {
            svg += &text(middle, TOP + HIGH + 18, "middle", month);
        }
    }
    for (row, ((name, _), fill)) in (0..).zip(parts.iter().zip(&fills)) {
        let y = TOP + HIGH + 28 + row * ROW;
        svg += &filled((4, y), (16, 16), fill);
        svg += &text(28, y + 13, "start", name);
    }
    picture(caption, svg)
}

/// Four fills that a black and white printer keeps apart.
fn fills(id: &str) -> [String; 4] {
    [
        "#15518f".to_owned(),
        format!("url(#{id}-p1)"),
        format!("url(#{id}-p2)"),
        "#dfe5e8".to_owned(),
    ]
}

fn filled((x, y): (i64, i64), (width, height): (i64, i64), fill: &str) -> String {
    format!(
        "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{fill}\" \
         stroke=\"#33414a\"/>"
    )
}

/// A line over months: its name, and a value in hundredths of a percent for each month that has
/// one.
#[derive(Clone, Debug)]
pub struct Series {
    /// What it is.
    pub name: String,
    /// Its values.
    pub values: Vec<Option<i64>>,
}

/// Two lines over the same months, from `floor` to 100 %: the first solid with dots, the second
/// dashed with squares.
pub fn lines(caption: Caption<'_>, months: &[String], series: &[Series; 2], floor: i64) -> Picture {
    const HIGH: i64 = 160;
    const FROM: i64 = 60;
    let mut svg = opened(caption, HIGH + 70);
    let count = i64::try_from(months.len()).unwrap_or(0);
    let step = (WIDTH - FROM - 30) / count.max(1);
    let at = |place: i64| FROM + 20 + place * step;
    let high = |value: i64| 14 + HIGH - part(value - floor, 10_000 - floor, HIGH);
    for mark in [floor, i64::midpoint(floor, 10_000), 10_000] {
        let y = high(mark);
        svg += &format!(
            "<path d=\"M{FROM} {y}H{}\" stroke=\"#c8d0d4\"/>",
            WIDTH - 10
        );
        let percent = format!("{}.{} %", mark / 100, mark % 100 / 10);
        svg += &text(FROM - 6, y + 4, "end", &percent);
    }
    // Every month is named as long as there is room for it.
    let every = usize::try_from((count * 56 + WIDTH - 1) / WIDTH)
        .unwrap_or(1)
        .max(1);
    for (place, month) in (0..).zip(months).step_by(every) {
        svg += &text(at(place), HIGH + 34, "middle", month);
    }
    for (series, is_first) in series.iter().zip([true, false]) {
        let points = (0..).zip(&series.values);
        let points = points.filter_map(|(place, value)| Some((at(place), high((*value)?))));
        let points: Vec<(i64, i64)> = points.collect();
        let path: Vec<String> = points.iter().map(|(x, y)| format!("{x} {y}")).collect();
        let dashes = if is_first {
            ""
        } else {
            " stroke-dasharray=\"6 4\""
        };
        let colour = if is_first { "#15518f" } else { "#2d7a3e" };
        if !path.is_empty() {
            svg += &format!(
                "<path d=\"M{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"{dashes}/>",
                path.join("L")
            );
        }
        for (x, y) in &points {
            svg += &marked(*x, *y, is_first, colour);
        }
        let x = if is_first { FROM } else { WIDTH / 2 };
        svg += &marked(x + 8, HIGH + 54, is_first, colour);
        svg += &text(x + 20, HIGH + 58, "start", &series.name);
    }
    picture(caption, svg)
}

fn marked(x: i64, y: i64, round: bool, colour: &str) -> String {
    match round {
        true => format!("<circle cx=\"{x}\" cy=\"{y}\" r=\"4\" fill=\"{colour}\"/>"),
        false => format!(
            "<rect x=\"{}\" y=\"{}\" width=\"8\" height=\"8\" fill=\"#ffffff\" \
             stroke=\"{colour}\" stroke-width=\"2\"/>",
            x - 4,
            y - 4
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPTION: Caption<'static> = Caption {
        id: "c",
        title: "成功率 <&>",
        about: "各月 \"成功率\"",
    };

    fn bar(size: i64) -> Bar {
        Bar {
            name: "<b>".to_owned(),
            size,
            text: format!("{size} 元"),
            to: "/payments?a=\"".to_owned(),
        }
    }

    #[test]
    fn a_chart_says_what_it_is_and_nothing_escapes_it() {
        let series = |values: &[Option<i64>]| Series {
            name: "<s>".to_owned(),
            values: values.to_vec(),
        };
        let months = ["2022-01".to_owned(), "2022-02".to_owned()];
        let both = [
            series(&[Some(9_000), None]),
            series(&[Some(10_000), Some(9_500)]),
        ];
        for picture in [
            bars(CAPTION, &[bar(1), bar(i64::MAX), bar(-1)], i64::MAX),
            bars(CAPTION, &[bar(1)], 0),
            stack(CAPTION, &[bar(3), bar(0), bar(1)]),
            stack(CAPTION, &[]),
            columns(
                CAPTION,
                &months,
                &[
                    ("<s>".to_owned(), vec![2, 0]),
                    ("b".to_owned(), vec![i64::MAX]),
                ],
            ),
            columns(CAPTION, &[], &[]),
            lines(CAPTION, &months, &both, 9_000),
            lines(CAPTION, &[], &both, 0),
        ] {
            let svg = picture.svg;
            assert!(
                svg.contains("<title id=\"c-t\">成功率 &lt;&amp;&gt;</title>"),
                "{svg}"
            );
            assert!(
                svg.contains("<desc id=\"c-d\">各月 &quot;成功率&quot;</desc>"),
                "{svg}"
            );
            assert!(!svg.contains("<b>") && !svg.contains("<s>"), "{svg}");
            assert!(
                !svg.contains("style") && !svg.contains("width=\"-"),
                "{svg}"
            );
        }
    }

    #[test]
    fn parts_fill_their_bar() {
        assert_eq!(
            [part(1, 4, 100), part(4, 4, 100), part(0, 4, 100)],
            [25, 100, 0]
        );
        assert_eq!([part(5, 0, 100), part(-5, 10, 100)], [100, 0]);
    }
}
