// Endpoints, responses and fake time for tests of calls and of the registry.

import type { Endpoint } from '#src/registry/endpoint.js';
import type { Schedule } from '#src/registry/schedule.js';
import type { Breaker } from '#src/resilience/breaker-contract.js';
import { BufferedResponse } from '#src/upstream/buffered-response.js';
import type { EndpointStatuses } from '#src/upstream/endpoint-status.js';

export function endpoint(id: string, members: Partial<Endpoint> = {}): Endpoint {
  return {
    service: 'orders',
    id,
    host: '127.0.0.1',
    port: 8080,
    protocol: 'http',
    weight: 1,
    zone: null,
    version: null,
    metadata: {},
    state: 'healthy',
    slot: 0,
    local: false,
    ...members,
  };
}

/** For calls that are not streamed. */
export const NO_STREAMS = {
  streams: { stream: () => Promise.reject(new Error('no call is streamed here')) },
  streamIdleMs: 60_000,
};

/** A breaker that admits every call, and keeps the outcomes that were counted. */
export const closedBreaker = (outcomes: string[]): Breaker => ({
  admit: () => 0,
  admits: () => true,
  isProbe: () => false,
  retryInMs: () => 0,
  settle: (_, __, outcome) => void outcomes.push(outcome),
});

/** No endpoint is ejected, and none is new. */
export const ALL_SETTLED: EndpointStatuses = {
  version: () => 0,
  of: () => ({ share: 1, forMs: Number.POSITIVE_INFINITY }),
};

export function jsonResponse(
  status: number,
  body: unknown = {},
  contentType = 'application/json',
): BufferedResponse {
  return new BufferedResponse(status, { 'content-type': contentType }, Buffer.from(JSON.stringify(body)));
}

export function problem(status: number, code: string): BufferedResponse {
  return jsonResponse(status, { code }, 'application/problem+json');
}

/** Time that passes only by `pass`; due callbacks run in order, each at its own time. */
export class FakeTime {
  now = 0;
  #pending: { readonly at: number; readonly fn: () => void }[] = [];

  readonly clock = (): number => this.now;

  readonly schedule: Schedule = (ms, fn) => {
    const entry = { at: this.now + ms, fn };
    this.#pending.push(entry);
    return () => {
      this.#pending = this.#pending.filter((other) => other !== entry);
    };
  };

  get pending(): readonly number[] {
    return this.#pending.map(({ at }) => at).sort((a, b) => a - b);
  }

  /** Lets time pass in which the process is paused: no callback runs. Those that are due run late. */
  pause(ms: number): void {
    this.now += ms;
  }

  /** Lets time pass. Continuations of promises that the callbacks settle run in between. */
  async pass(ms: number): Promise<void> {
    const end = this.now + ms;
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const next = this.#pending.toSorted((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > end) break;
      this.#pending = this.#pending.filter((entry) => entry !== next);
      this.now = Math.max(this.now, next.at);
      next.fn();
    }
    this.now = end;
  }
}
