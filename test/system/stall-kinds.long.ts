import { stallKinds } from './stall-kinds.js';

stallKinds('a handler that stalls the event loop in all known places', (all) => all);
