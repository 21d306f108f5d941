// CPU tasks: `cpu.run(name, input)` can run every named export.

/** @param {{ n: number }} input */
export const fib = ({ n }) => ({ n, fib: compute(n) });

/** Slow on purpose: 2^n steps. @param {number} n @returns {number} */
const compute = (n) => (n < 2 ? n : compute(n - 1) + compute(n - 2));
