/** The recipe's bloom at 720 lines: spreads in pixels and how much of each is added. */
const SIGMA = [2, 5, 12, 28, 64, 130] as const;
const WEIGHT = [0.22, 0.16, 0.12, 0.085, 0.055, 0.03] as const;

/** Spread in canvas pixels of pyramid level k (1 is half size), as the filters in bloom.wgsl make it. */
export function levelSigma(k: number): number {
  return Math.sqrt(0.97 * 4 ** k);
}

/** Levels it takes to reach the widest spread on a canvas of this size. */
export function levelCount(width: number, height: number): number {
  const wanted = Math.ceil(Math.log2((SIGMA.at(-1)! * height) / 720));
  const possible = Math.floor(Math.log2(Math.min(width, height) / 2));
  return Math.max(1, Math.min(wanted, possible));
}

/** Weight of each level, first the half-size one; each recipe spread is shared by variance. */
export function levelWeights(height: number, levels: number): number[] {
  const weights = new Array<number>(levels).fill(0);
  SIGMA.forEach((sigma720, i) => {
    const sigma = (sigma720 * height) / 720;
    const lower = Math.min(levels, Math.max(1, Math.floor(Math.log2(sigma / levelSigma(0)))));
    const upper = Math.min(levels, lower + 1);
    const near = levelSigma(lower) ** 2;
    const far = levelSigma(upper) ** 2;
    const share = far > near ? Math.min(1, Math.max(0, (sigma ** 2 - near) / (far - near))) : 0;
    weights[lower - 1]! += WEIGHT[i]! * (1 - share);
    weights[upper - 1]! += WEIGHT[i]! * share;
  });
  return weights;
}
