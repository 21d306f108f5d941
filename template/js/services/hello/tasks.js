// CPU tasks: every exported function can run on the CPU pool of the process, so that requests do not wait.
// Input and result are copied between the threads.

/** @param {{ readonly limit: number }} input */
export function countPrimes({ limit }) {
  const isComposite = new Uint8Array(limit + 1);
  let count = 0;
  for (let n = 2; n <= limit; n++) {
    if (isComposite[n]) continue;
    count++;
    for (let multiple = n * n; multiple <= limit; multiple += n) isComposite[multiple] = 1;
  }
  return count;
}
