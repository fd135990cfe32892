// Wide soft light is gathered on a pyramid of coarse grids instead of drawn: a light of spread
// sigma goes to the two levels whose blur brackets it. Whole numbers add up to the same sum in
// any order, so the picture does not depend on the order in which threads run.
const GAS_LEVELS = 6u;
const GAS_PAD = 8.0;              // cells round the canvas, for light that shines in from outside
const GAS_FIXED = 4194304.0;      // steps per unit of light
const GAS_SIGMA = 1.7;            // spread of a level, in its cells

struct GasLevel {
  base: u32,   // index of its first cell
  width: u32,  // cells
  height: u32, // cells
  cell: f32,   // edge of a cell, pixels
}

struct GasGrid {
  levels: array<GasLevel, 6>,
  cells: u32, // of all levels
}
