// The requests to every server. Both routes respond from memory, so they measure the runtime and not the work
// of a handler.

/** The JSON test of the TechEmpower benchmarks (github.com/TechEmpower/FrameworkBenchmarks/wiki). */
export const MESSAGE = 'Hello, World!';

export interface Scenario {
  readonly name: 'health' | 'json';
  readonly path: string;
  /** @throws Error when the body is not the one that every server must send */
  check(body: unknown): void;
}

const member = (body: unknown, name: string): unknown =>
  typeof body === 'object' && body !== null ? (body as Record<string, unknown>)[name] : undefined;

const expectMember = (name: string, value: string) => (body: unknown) => {
  if (member(body, name) !== value) {
    throw new Error(`expected "${name}":"${value}" in the response, got ${JSON.stringify(body)}`);
  }
};

export const SCENARIOS: readonly Scenario[] = [
  { name: 'health', path: '/health', check: expectMember('status', 'healthy') },
  { name: 'json', path: '/json', check: expectMember('message', MESSAGE) },
];
