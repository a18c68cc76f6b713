//! Charts, as SVG without a script or a style of its own: its colours are the light ones, and `console.css` puts those
//! of the page in their place.

use std::io;
use std::time::Duration;

use maud::{Markup, PreEscaped};
use plotters::drawing::DrawingAreaErrorKind;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

type Drawn = Result<(), DrawingAreaErrorKind<io::Error>>;

const TEXT: RGBColor = RGBColor(0x15, 0x21, 0x1d);
const LINE: RGBColor = RGBColor(0xdd, 0xe5, 0xe2);
/// plotters draws text at 1 / 1.24 of its size: 12 pixels.
const TEXT_SIZE: i32 = 15;
const ROW: u32 = 30;
const LONGEST_LABEL: usize = 16;

/// The meaning of a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Good,
    Bad,
    Waiting,
}

impl Tone {
    const fn color(self) -> RGBColor {
        match self {
            Self::Plain => RGBColor(0x5b, 0x6b, 0x66),
            Self::Good => RGBColor(0x0b, 0x6b, 0x52),
            Self::Bad => RGBColor(0xb3, 0x2a, 0x22),
            Self::Waiting => RGBColor(0x9a, 0x67, 0x00),
        }
    }
}

/// A bar, and the part of it that is marked.
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) value: u32,
    pub(super) tone: Tone,
    pub(super) part: Option<(u32, Tone)>,
}

/// Bars from the top down, each with its number.
pub(super) fn bars(bars: &[Bar]) -> Markup {
    let mut svg = String::new();
    // Nothing can fail that writes into a text.
    let _ = draw_bars(&mut svg, bars);
    PreEscaped(svg)
}

fn draw_bars(svg: &mut String, bars: &[Bar]) -> Drawn {
    let rows = count(bars.len());
    let area = SVGBackend::with_string(svg, (340, ROW * rows.max(1) + 8)).into_drawing_area();
    let most = bars.iter().map(|bar| bar.value).max().unwrap_or(0).max(1);
    // The axis grows upwards, and is counted in hundredths of a row.
    let from_top = |row: u32| i32::try_from(rows - row).unwrap_or(i32::MAX).saturating_mul(100) - 50;
    let named: Vec<_> = (0..rows).map(from_top).zip(bars).collect();
    let label = |at: &i32| {
        let bar = named.iter().find(|(middle, _)| middle == at);
        bar.map_or_else(String::new, |(_, bar)| cut(&bar.label))
    };
    let middles = named.iter().map(|(middle, _)| *middle).collect();
    let mut chart = ChartBuilder::on(&area)
        .margin_top(4)
        .margin_bottom(4)
        .margin_right(44)
        .y_label_area_size(124)
        .build_cartesian_2d(0.0..f64::from(most), (0..from_top(0) + 50).with_key_points(middles))?;
    chart
        .configure_mesh()
        .disable_mesh()
        .axis_style(LINE)
        .set_tick_mark_size(LabelAreaPosition::Left, 4)
        .label_style(("sans-serif", TEXT_SIZE, &TEXT))
        .y_label_formatter(&label)
        .draw()?;
    let beside = beside(HPos::Left);
    for &(middle, bar) in &named {
        let block = |value: u32, tone: Tone| {
            Rectangle::new([(0.0, middle - 32), (f64::from(value), middle + 32)], tone.color().filled())
        };
        let blocks = [Some((bar.value, bar.tone)), bar.part].into_iter().flatten();
        chart.draw_series(blocks.map(|(value, tone)| block(value, tone)))?;
        let number =
            bar.part.map_or_else(|| bar.value.to_string(), |(part, _)| format!("{part}/{}", bar.value));
        let place =
            EmptyElement::at((f64::from(bar.value), middle)) + Text::new(number, (6, 0), beside.clone());
        chart.draw_series([place])?;
    }
    area.present()
}

/// A moment on a line of time.
pub(super) struct Moment {
    pub(super) after: Duration,
    pub(super) label: String,
    pub(super) tone: Tone,
    /// False for one that is yet to come.
    pub(super) is_over: bool,
}

/// Moments from the top down, by the time that has passed since the line's beginning: on a logarithmic scale, as
/// attempts wait for seconds at first and for hours at last. `tick` names a length of time.
pub(super) fn moments(width: u32, moments: &[Moment], tick: &dyn Fn(Duration) -> String) -> Markup {
    let mut svg = String::new();
    let _ = draw_moments(&mut svg, width, moments, tick);
    PreEscaped(svg)
}

const TICKS: [Duration; 8] = [
    Duration::from_secs(1),
    Duration::from_secs(10),
    Duration::from_mins(1),
    Duration::from_mins(10),
    Duration::from_hours(1),
    Duration::from_hours(10),
    Duration::from_hours(24),
    Duration::from_hours(240),
];
/// The beginning of the scale, in seconds: what came sooner stands there.
const BEGINNING: f64 = 0.1;

fn draw_moments(
    svg: &mut String,
    width: u32,
    moments: &[Moment],
    tick: &dyn Fn(Duration) -> String,
) -> Drawn {
    let rows = count(moments.len()).max(1);
    let area = SVGBackend::with_string(svg, (width, ROW * rows + 40)).into_drawing_area();
    let last = moments.iter().map(|moment| moment.after.as_secs_f64()).fold(10.0, f64::max);
    let end = last * 1.4;
    let ticks = TICKS.iter().map(Duration::as_secs_f64).filter(|secs| *secs <= end).collect();
    let name = |secs: &f64| {
        let known = TICKS.into_iter().find(|known| (known.as_secs_f64() - secs).abs() < 0.5);
        known.map_or_else(String::new, tick)
    };
    let middle = (BEGINNING.ln() + end.ln()) / 2.0;
    let mut chart =
        ChartBuilder::on(&area).margin_left(18).margin_right(18).x_label_area_size(34).build_cartesian_2d(
            (BEGINNING * 0.8..end).log_scale().with_key_points(ticks),
            0.0..f64::from(rows),
        )?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .axis_style(LINE)
        .bold_line_style(LINE)
        .light_line_style(TRANSPARENT)
        .set_tick_mark_size(LabelAreaPosition::Bottom, 4)
        .label_style(("sans-serif", TEXT_SIZE, &TEXT))
        .x_label_formatter(&name)
        .draw()?;
    for (row, moment) in (0..rows).zip(moments) {
        let at = moment.after.as_secs_f64().max(BEGINNING);
        let side = if at.ln() < middle { (10, HPos::Left) } else { (-10, HPos::Right) };
        let shape =
            if moment.is_over { moment.tone.color().filled() } else { moment.tone.color().stroke_width(2) };
        let place = EmptyElement::at((at, f64::from(rows - row) - 0.5))
            + Circle::new((0, 0), 5, shape)
            + Text::new(moment.label.clone(), (side.0, 0), beside(side.1));
        chart.draw_series([place])?;
    }
    area.present()
}

/// Text beside a point.
fn beside(anchor: HPos) -> TextStyle<'static> {
    TextStyle::from(("sans-serif", TEXT_SIZE).into_font()).color(&TEXT).pos(Pos::new(anchor, VPos::Center))
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// A label that fits beside its bar.
fn cut(label: &str) -> String {
    if label.chars().count() <= LONGEST_LABEL {
        return label.to_owned();
    }
    label.chars().take(LONGEST_LABEL - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn() -> [String; 2] {
        let bar = |label: &str, value, part| Bar { label: label.to_owned(), value, tone: Tone::Plain, part };
        let hostile = "<script>alert(1)</script>";
        let moment = |after, label: &str, is_over| Moment {
            after: Duration::from_secs(after),
            label: label.to_owned(),
            tone: Tone::Bad,
            is_over,
        };
        let tick = |length: Duration| format!("{} s", length.as_secs());
        [
            bars(&[bar("B1", 7, Some((3, Tone::Good))), bar(hostile, 0, None)]).into_string(),
            moments(320, &[moment(0, "1", true), moment(900, hostile, false)], &tick).into_string(),
        ]
    }

    #[test]
    fn a_chart_is_one_whole_svg_and_quotes_what_it_is_given() {
        for svg in drawn() {
            assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{svg}");
            assert!(!svg.contains("<script") && !svg.contains("style="), "{svg}");
        }
        let [bars, moments] = drawn();
        assert!(bars.contains("3/7") && bars.contains("B1"), "{bars}");
        assert!(moments.contains("60 s") && !moments.contains("86400 s"), "{moments}");
        let none = super::bars(&[]).into_string();
        assert!(none.starts_with("<svg"), "{none}");
    }

    #[test]
    fn every_colour_of_a_chart_has_its_own_of_the_page() {
        let style = include_str!("console.css");
        for svg in drawn() {
            for part in svg.split("=\"#").skip(1) {
                let color = &part[..6];
                assert!(style.contains(&format!("\"#{color}\"")), "{color} is not in console.css");
            }
        }
    }

    #[test]
    fn a_label_that_is_too_long_is_cut() {
        assert_eq!(cut("scheme:235"), "scheme:235");
        assert_eq!(cut("abcdefghijklmnopqrstuvwxyz"), "abcdefghijklmno…");
    }
}
