/**
 * How many steps a point takes to leave the circle of radius 2, at most `depth`.
 * @param {number} re @param {number} im @param {number} depth
 */
export function iterations(re, im, depth) {
  let x = 0;
  let y = 0;
  for (let n = 0; n < depth; n++) {
    const [xx, yy] = [x * x, y * y];
    if (xx + yy > 4) return n;
    y = 2 * x * y + im;
    x = xx - yy + re;
  }
  return depth;
}
