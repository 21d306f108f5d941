import type { CountedPlaceholderOptions } from '#src/cluster/placeholder-listener.js';

/** Connections without a bound. */
export const UNCOUNTED: CountedPlaceholderOptions['connections'] = { enter: () => true, leave() {} };
