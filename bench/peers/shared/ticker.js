// One ticker for all event streams of a process. It runs only while a stream is open, so an idle server is idle.

const PERIOD_MS = 100;

const listeners = new Set();
let timer;
let count = 0;

function tick() {
  count += 1;
  for (const listener of listeners) listener(count);
}

/** Calls the listener with the next number every 100 ms. Returns the function that ends this. */
export function onTick(listener) {
  listeners.add(listener);
  timer ??= setInterval(tick, PERIOD_MS);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** A promise of the next number, for helpers that write a stream in a loop. */
export function nextTick() {
  return new Promise((resolve) => {
    const end = onTick((number) => {
      end();
      resolve(number);
    });
  });
}
