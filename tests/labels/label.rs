//! A label: a code with its quiet zones, and around it what labels carry: a name, a price, small print.

use crate::canvas::{Area, Canvas};
use crate::chance::Chance;
use crate::ground::Ground;
use crate::symbol::{Kind, Symbol};

/// How it was printed, and what happened to it since.
#[derive(Clone, Debug, PartialEq)]
pub struct Print {
    /// How high the bars are, in modules; matrix codes are as high as they are.
    pub bar_height: f32,
    /// By how many modules dark bars are wider than they should be.
    pub spread: f32,
    /// Reflectance of the paper.
    pub paper: f32,
    /// Reflectance of the ink.
    pub ink: f32,
    /// Light on dark.
    pub is_inverted: bool,
    /// Scratched and stained.
    pub is_damaged: bool,
}

impl Default for Print {
    fn default() -> Self {
        let (paper, ink) = (0.8, 0.05);
        Self { bar_height: 50.0, spread: 0.0, paper, ink, is_inverted: false, is_damaged: false }
    }
}

impl Print {
    /// Half the width and height of the code, in modules.
    pub fn half_size(&self, symbol: &Symbol) -> (f32, f32) {
        let height = if symbol.kind.is_matrix() { symbol.rows as f32 } else { self.bar_height };
        (symbol.columns as f32 / 2.0, height / 2.0)
    }
}

/// A label on its ground, ready to be photographed.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The label; none where there is no code.
    pub label: Option<Canvas>,
    /// What lies around it.
    pub ground: Canvas,
    /// Half the width and height of the code in modules, quiet zones not counted.
    pub code: (f32, f32),
}

/// Texels to a module of a label: bars lie on whole texels, and no camera here sees finer.
const LABEL_TEXELS: f32 = 8.0;
/// What a ground covers around the middle of the label, and its texels.
const GROUND_AREA: Area = [-200.0, -150.0, 200.0, 150.0];
const GROUND_TEXELS: f32 = 2.0;

impl Scene {
    /// A label on some ground.
    pub fn of(symbol: &Symbol, print: &Print, chance: &mut Chance) -> Self {
        let ground = *chance.pick(&Ground::UNDER_LABELS);
        let ground = ground.paint(GROUND_AREA, GROUND_TEXELS, &mut chance.branch(1));
        let code = print.half_size(symbol);
        Self { label: Some(label(symbol, print, code, chance)), ground, code }
    }

    /// A ground and nothing else.
    pub fn empty(ground: Canvas) -> Self {
        Self { label: None, ground, code: (0.0, 0.0) }
    }

    /// The texels to a module that matter there.
    pub fn texels_at(&self, u: f32, v: f32) -> f32 {
        self.label_at(u, v).map_or(self.ground.texels(), Canvas::texels)
    }

    /// The reflectance there.
    #[inline]
    pub fn sample(&self, u: f32, v: f32) -> f32 {
        self.label_at(u, v).unwrap_or(&self.ground).sample(u, v)
    }

    #[inline]
    fn label_at(&self, u: f32, v: f32) -> Option<&Canvas> {
        let label = self.label.as_ref()?;
        let [left, top, right, bottom] = label.area();
        (u >= left && u < right && v >= top && v < bottom).then_some(label)
    }
}

fn label(symbol: &Symbol, print: &Print, code: (f32, f32), chance: &mut Chance) -> Canvas {
    let (left_quiet, right_quiet) = symbol.kind.quiet_modules();
    let margin = chance.between(3.0, 14.0);
    let head = chance.between(18.0, 44.0);
    let foot = chance.between(10.0, 26.0);
    let side = if symbol.kind.is_matrix() { chance.between(20.0, 70.0) } else { margin };
    let area = [
        -code.0 - left_quiet as f32 - margin,
        -code.1 - head,
        code.0 + right_quiet as f32 + side,
        code.1 + foot,
    ];
    let (paper, ink) =
        if print.is_inverted { (print.ink, print.paper) } else { (print.paper, print.ink) };
    let mut canvas = Canvas::new(area, LABEL_TEXELS, paper);
    let keep = symbol.kind.quiet_modules().0.max(2) as f32;
    clutter(&mut canvas, area, code, keep, ink, chance);
    let clear = [
        -code.0 - left_quiet as f32,
        -code.1 - if symbol.kind.is_matrix() { keep } else { 0.0 },
        code.0 + right_quiet as f32,
        code.1 + if symbol.kind.is_matrix() { keep } else { 0.0 },
    ];
    canvas.fill(clear, paper);
    draw(&mut canvas, symbol, print, code, ink);
    if !symbol.kind.is_matrix() {
        digits(&mut canvas, symbol, code, ink);
    }
    if print.is_damaged {
        damage(&mut canvas, symbol, code, chance);
    }
    canvas
}

/// Name, price and small print above, below and beside the code.
fn clutter(
    canvas: &mut Canvas,
    area: Area,
    code: (f32, f32),
    keep: f32,
    ink: f32,
    chance: &mut Chance,
) {
    let (left, right) = (area[0] + 2.0, area[2] - 2.0);
    let head = -code.1 - area[1];
    let price = format!("{},{}9", chance.below(30), chance.below(10));
    let price_height = (head * 0.45).min(20.0);
    let price_left = right - Canvas::text_width(&price, price_height);
    canvas.write(&price, (price_left, area[1] + 2.0), price_height, ink);
    let name = [left, area[1] + 3.0, price_left - 3.0, -code.1 - keep.min(4.0)];
    canvas.write_lines(name, chance.between(4.5, 8.0), ink, chance);
    let small = [left, code.1 + keep.max(14.0), right, area[3]];
    canvas.write_lines(small, 3.5, ink, chance);
    let beside = [code.0 + keep + 2.0, -code.1, right, code.1];
    if beside[2] - beside[0] > 15.0 {
        canvas.write_lines(beside, 4.0, ink, chance);
    }
    if chance.is(30) {
        // A frame, as price tags have.
        let edge = 0.7;
        canvas.fill([area[0], area[1], area[2], area[1] + edge], ink);
        canvas.fill([area[0], area[3] - edge, area[2], area[3]], ink);
        canvas.fill([area[0], area[1], area[0] + edge, area[3]], ink);
        canvas.fill([area[2] - edge, area[1], area[2], area[3]], ink);
    }
}

fn draw(canvas: &mut Canvas, symbol: &Symbol, print: &Print, code: (f32, f32), ink: f32) {
    let height = if symbol.kind.is_matrix() { 1.0 } else { print.bar_height };
    let grow = print.spread / 2.0;
    let down = if symbol.kind.is_matrix() { grow } else { 0.0 };
    for row in 0..symbol.rows {
        let top = -code.1 + row as f32 * height;
        let mut column = 0;
        while column < symbol.columns {
            let from = column;
            while symbol.is_dark(column, row) {
                column += 1;
            }
            if column > from {
                let (left, right) = (from as f32 - code.0, column as f32 - code.0);
                let area = [left - grow, top - down, right + grow, top + height + down];
                canvas.fill(area, ink);
            }
            column += 1;
        }
    }
    if symbol.kind == Kind::Itf14 {
        // The bearer bars of ISO/IEC 16390, above and below.
        let (left, right) = (-code.0 - 10.0, code.0 + 10.0);
        canvas.fill([left, -code.1 - 3.0, right, -code.1], ink);
        canvas.fill([left, code.1, right, code.1 + 3.0], ink);
    }
}

/// The number below the bars.
fn digits(canvas: &mut Canvas, symbol: &Symbol, code: (f32, f32), ink: f32) {
    let gap = if symbol.kind == Kind::Itf14 { 4.5 } else { 1.5 };
    let height = 7.0;
    let width = Canvas::text_width(&symbol.text, height);
    canvas.write(&symbol.text, (-width / 2.0, code.1 + gap), height, ink);
}

/// Scratches that take ink away, a stain that darkens, a pen's line: about a third of the bars' height stays whole.
fn damage(canvas: &mut Canvas, symbol: &Symbol, code: (f32, f32), chance: &mut Chance) {
    let is_matrix = symbol.kind.is_matrix();
    let count = if is_matrix { 1 } else { 2 + chance.below(3) };
    let whole = chance.sign();
    for _ in 0..count {
        let width = if is_matrix { 0.6 } else { chance.between(0.8, 2.2) };
        let reach = code.1 * 0.9;
        let from = (chance.between(-code.0, code.0), chance.between(-reach * 0.3, reach) * whole);
        let to = (
            from.0 + chance.sign() * chance.between(10.0, code.0),
            chance.between(-reach * 0.3, reach) * whole,
        );
        let shade = if chance.is(70) { 0.85 } else { 0.06 };
        canvas.stroke(from, to, width, shade);
    }
    let middle = (chance.between(-code.0, code.0), code.1 * chance.between(0.3, 0.9) * whole);
    let size = chance.between(0.15, 0.4) * code.0;
    let depth = chance.between(0.35, 0.7);
    canvas.repaint(|u, v, shade| {
        let (x, y) = ((u - middle.0) / size, (v - middle.1) / (size * 0.7));
        let inside = (1.0 - (x * x + y * y)).clamp(0.0, 0.2) * 5.0;
        shade * (1.0 - inside * (1.0 - depth))
    });
}
