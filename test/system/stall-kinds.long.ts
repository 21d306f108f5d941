import { stallKinds } from './stall-kinds.js';

for (const core of ['uws', 'node'] as const)
  stallKinds(core, 'a handler that stalls the event loop in all known places', (all) => all);
