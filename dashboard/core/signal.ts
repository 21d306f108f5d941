// A value that components follow: those that use it are rendered again when it changes.
import { useEffect, useReducer } from 'preact/hooks';

export class Signal<Value> {
  #value: Value;
  readonly #listeners = new Set<() => void>();

  constructor(value: Value) {
    this.#value = value;
  }

  get value(): Value {
    return this.#value;
  }

  set value(value: Value) {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const listener of this.#listeners) listener();
  }

  /** @returns ends the subscription */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }
}

export function useSignal<Value>(signal: Signal<Value>): Value {
  const [, render] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    // The value may have changed between the rendering and this effect.
    render(undefined as never);
    return signal.subscribe(() => render(undefined as never));
  }, [signal]);
  return signal.value;
}
