// CPU tasks: every named export can be run on the CPU pool. They run in threads of their own and share nothing with routes.
import { iterations } from './mandelbrot.js';
import { png } from './png.js';

/**
 * Renders the Mandelbrot set.
 * @param {{ width: number, depth: number }} view @param {import('multilane').TaskContext} context
 * @returns {Uint8Array} a PNG, which is moved to the caller, not copied
 */
export function render({ width, depth }, { progress }) {
  const height = Math.round((width * 2) / 3);
  const gray = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const n = iterations((x / width) * 3 - 2, (y / height) * 2 - 1, depth);
      gray[y * width + x] = n === depth ? 0 : 255 - Math.min(255, n * 8);
    }
    // It may be called as often as you like: at most one value in 50 ms is sent.
    progress((y + 1) / height);
  }
  return png(gray, width, height);
}
