// The values in the responses, which every server must send.

/** The text of the TechEmpower benchmarks (github.com/TechEmpower/FrameworkBenchmarks/wiki). */
export const MESSAGE = 'Hello, World!';
export const USER_ID = '42';
export const SEARCH = { q: 'node', page: 3 };
