//! A field of dots, eight to a character, that remembers who drew where.

/// The braille character without dots; each of its dots is one bit more.
const BLANK: u32 = 0x2800;

/// The bit of each dot by its line and column within the character.
const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

/// Dots in a character, across and down.
pub(super) const ACROSS: usize = 2;
pub(super) const DOWN: usize = 4;

/// A dot, counted from the left and from the top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dot {
    pub(super) x: usize,
    pub(super) y: usize,
}

/// One character.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    dots: u8,
    /// The curve whose dots were set last.
    curve: usize,
    mark: Option<char>,
}

/// A field of characters.
pub(super) struct Canvas {
    columns: usize,
    cells: Vec<Cell>,
}

impl Canvas {
    pub(super) fn new(columns: usize, lines: usize) -> Self {
        Self { columns, cells: vec![Cell::default(); columns * lines] }
    }

    /// Draws a straight line, both ends included.
    pub(super) fn line(&mut self, from: Dot, to: Dot, curve: usize) {
        let (dx, dy) = (to.x.abs_diff(from.x), to.y.abs_diff(from.y));
        let steps = dx.max(dy);
        let between = |a: usize, b: usize, step: usize| {
            let part = step as f64 / steps.max(1) as f64;
            (a as f64 + (b as f64 - a as f64) * part).round() as usize
        };
        for step in 0..=steps {
            let dot = Dot { x: between(from.x, to.x, step), y: between(from.y, to.y, step) };
            if let Some(cell) = self.cell(dot) {
                cell.dots |= BITS[dot.y % DOWN][dot.x % ACROSS];
                cell.curve = curve;
            }
        }
    }

    /// Puts `mark` where `dot` is, unless another is there; whether it did.
    pub(super) fn mark(&mut self, dot: Dot, mark: char, curve: usize) -> bool {
        match self.cell(dot) {
            Some(cell) if cell.mark.is_none() => {
                cell.mark = Some(mark);
                cell.curve = curve;
                true
            }
            _ => false,
        }
    }

    fn cell(&mut self, Dot { x, y }: Dot) -> Option<&mut Cell> {
        let column = x / ACROSS;
        let index = (y / DOWN).checked_mul(self.columns)?.checked_add(column)?;
        self.cells.get_mut(index).filter(|_| column < self.columns)
    }

    /// The lines; `paint` gives the text of a curve its colour.
    pub(super) fn lines(&self, paint: impl Fn(usize, &str) -> String) -> Vec<String> {
        let of_cell = |cell: &Cell| match (cell.mark, cell.dots) {
            (Some(mark), _) => mark,
            (None, 0) => ' ',
            (None, dots) => char::from_u32(BLANK + u32::from(dots)).unwrap_or(' '),
        };
        let of_line = |cells: &[Cell]| {
            let mut line = String::new();
            // Neighbours of one curve are painted together, which keeps the output short.
            for run in cells.chunk_by(|a, b| (a.curve, is_blank(a)) == (b.curve, is_blank(b))) {
                let text: String = run.iter().map(of_cell).collect();
                line.push_str(&if is_blank(&run[0]) { text } else { paint(run[0].curve, &text) });
            }
            line.trim_end().to_owned()
        };
        self.cells.chunks(self.columns.max(1)).map(of_line).collect()
    }
}

fn is_blank(cell: &Cell) -> bool {
    cell.dots == 0 && cell.mark.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(canvas: &Canvas) -> Vec<String> {
        canvas.lines(|_, text| text.to_owned())
    }

    #[test]
    fn lines_join_their_ends() {
        let mut canvas = Canvas::new(4, 2);
        canvas.line(Dot { x: 0, y: 7 }, Dot { x: 7, y: 0 }, 0);
        assert_eq!(drawn(&canvas), ["  ⡠⠊", "⡠⠊"]);
        let mut canvas = Canvas::new(4, 1);
        canvas.line(Dot { x: 7, y: 3 }, Dot { x: 0, y: 3 }, 0);
        canvas.line(Dot { x: 0, y: 0 }, Dot { x: 0, y: 3 }, 0);
        assert_eq!(drawn(&canvas), ["⣇⣀⣀⣀"]);
    }

    #[test]
    fn what_is_outside_is_not_drawn() {
        let mut canvas = Canvas::new(2, 1);
        canvas.line(Dot { x: 0, y: 0 }, Dot { x: 9, y: 9 }, 0);
        assert!(!canvas.mark(Dot { x: 4, y: 0 }, 'x', 0));
        assert_eq!(drawn(&canvas), ["⠑⢄"]);
    }

    #[test]
    fn a_character_has_the_colour_of_its_last_curve_and_one_mark() {
        let mut canvas = Canvas::new(3, 1);
        canvas.line(Dot { x: 0, y: 0 }, Dot { x: 5, y: 0 }, 1);
        canvas.line(Dot { x: 4, y: 3 }, Dot { x: 5, y: 3 }, 0);
        assert!(canvas.mark(Dot { x: 0, y: 0 }, 'o', 1));
        assert!(!canvas.mark(Dot { x: 1, y: 0 }, 'x', 0));
        assert_eq!(canvas.lines(|curve, text| format!("<{curve}{text}>")), ["<1o⠉><0⣉>"]);
    }
}
