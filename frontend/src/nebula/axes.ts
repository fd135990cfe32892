/**
 * The rotation that turns a cloud's longest axis to x and its shortest to z, so that a wide screen
 * and the eye get the most of it. Rows of a 3 x 3 matrix; a proper rotation, with its signs fixed
 * by the cloud's own skew, so that the same cloud always lies the same way.
 *
 * @param at coordinate `axis` of point `index`, from the cloud's middle.
 */
export function principalAxes(count: number, at: (index: number, axis: number) => number): number[][] {
  const matrix = covariance(count, at);
  const vectors = jacobi(matrix);
  const order = [0, 1, 2].sort((a, b) => matrix[b]![b]! - matrix[a]![a]!);
  const rows = order.map((k) => [vectors[0]![k]!, vectors[1]![k]!, vectors[2]![k]!]);
  for (const row of rows.slice(0, 2)) {
    if (skew(count, at, row) < 0) for (let i = 0; i < 3; i++) row[i] = -row[i]!;
  }
  const [x, y] = rows as [number[], number[], number[]];
  rows[2] = [x[1]! * y[2]! - x[2]! * y[1]!, x[2]! * y[0]! - x[0]! * y[2]!, x[0]! * y[1]! - x[1]! * y[0]!];
  return rows;
}

function covariance(count: number, at: (index: number, axis: number) => number): number[][] {
  const sum = [0, 1, 2].map(() => [0, 0, 0]);
  for (let i = 0; i < count; i++) {
    for (let a = 0; a < 3; a++) for (let b = 0; b < 3; b++) sum[a]![b]! += at(i, a) * at(i, b);
  }
  return sum;
}

/** Eigenvectors in columns, by Jacobi's rotations; leaves the eigenvalues on the diagonal of `m`. */
function jacobi(m: number[][]): number[][] {
  const v = [0, 1, 2].map((i) => [0, 1, 2].map((j) => (i === j ? 1 : 0)));
  for (let sweep = 0; sweep < 24; sweep++) {
    for (const [p, q] of [
      [0, 1],
      [0, 2],
      [1, 2],
    ] as const) {
      if (Math.abs(m[p]![q]!) < 1e-30) continue;
      const theta = 0.5 * Math.atan2(2 * m[p]![q]!, m[q]![q]! - m[p]![p]!);
      const [c, s] = [Math.cos(theta), Math.sin(theta)];
      for (let k = 0; k < 3; k++) turn(m[k]!, p, q, c, s);
      for (let k = 0; k < 3; k++) {
        const [a, b] = [m[p]![k]!, m[q]![k]!];
        m[p]![k] = c * a - s * b;
        m[q]![k] = s * a + c * b;
      }
      for (let k = 0; k < 3; k++) turn(v[k]!, p, q, c, s);
    }
  }
  return v;
}

function turn(row: number[], p: number, q: number, c: number, s: number): void {
  const [a, b] = [row[p]!, row[q]!];
  row[p] = c * a - s * b;
  row[q] = s * a + c * b;
}

function skew(count: number, at: (index: number, axis: number) => number, row: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += (at(i, 0) * row[0]! + at(i, 1) * row[1]! + at(i, 2) * row[2]!) ** 3;
  return sum;
}
